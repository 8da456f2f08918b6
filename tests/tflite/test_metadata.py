import dataclasses
import json
import unicodedata
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.tflite import toy
from tflite.errors import MetadataError, ModelFileError
from tflite.heads import Head
from tflite.host_tokenizer import HostTokenizer
from tflite.interpreter import TextClassifier
from tflite.label_names import read_names, shipped_names
from tflite.metadata import attach_metadata, read_metadata
from tflite.metadata_files import thresholds_json
from tflite.model_file import describe, read_buffer


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.tflite"
    path.write_bytes(toy.complete_file("float32"))
    return path


@pytest.mark.parametrize("suppress_undecided", [True, False])
def test_what_is_attached_is_read_back(tmp_path: Path, suppress_undecided: bool) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(toy.complete_file("int8", suppress_undecided=suppress_undecided))
    assert read_metadata(path) == toy.metadata(suppress_undecided=suppress_undecided)


def test_several_heads_and_two_segments_are_read_back(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    metadata = toy.metadata_of_several_heads()
    path.write_bytes(attach_metadata(toy.files_of_several_heads()["int8"], metadata))
    assert read_metadata(path) == metadata
    with zipfile.ZipFile(path) as archive:
        assert archive.read("labels.txt").decode().split() == [
            name for head in toy.SEVERAL_HEADS for name in head.outputs
        ]
        assert json.loads(archive.read("thresholds.json")) == {"anger": 0.3, "joy": 0.6}
        assert "score_calibration.txt" not in archive.namelist()
    buffer = read_buffer(path.read_bytes(), "TFLITE_METADATA")
    assert b"affect (2): numbers in the unit of the data, no probabilities; MediaPipe shows them as" in buffer
    assert b"[CLS] what was said before [SEP] text [SEP]" in buffer


NAMES = {"en": ("Anger", "Joy", "Love", "Sadness", "Neutral"), "zh": ("愤怒", "喜悦", "爱", "悲伤", "中性")}


def test_names_in_several_languages_are_read_back_and_shown_by_mediapipe(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    metadata = dataclasses.replace(toy.metadata(suppress_undecided=False), label_names=NAMES)
    path.write_bytes(attach_metadata(toy.files()["float32"], metadata))
    assert read_metadata(path) == read_metadata(path.read_bytes()) == metadata
    text = pytest.importorskip("mediapipe.tasks.python.text")
    base_options = pytest.importorskip("mediapipe.tasks.python.core.base_options").BaseOptions
    for locale, names in {**NAMES, None: NAMES["en"], "fr": ("",) * 5}.items():
        options = text.TextClassifierOptions(base_options(str(path)), display_names_locale=locale)
        with text.TextClassifier.create_from_options(options) as classifier:
            (result,) = classifier.classify("thank you").classifications
        shown = {category.category_name: category.display_name or "" for category in result.categories}
        assert shown == dict(zip(toy.LABELS, names, strict=True))


@pytest.mark.parametrize("labels", ["goemotions", "ekman", "sentiment"])
def test_all_labels_of_the_presets_have_names(labels: str) -> None:
    from components.data.presets import label_mapping

    own = {
        "goemotions": [*label_mapping("goemotions-ekman")],
        "ekman": [*label_mapping("goemotions-ekman").values()],
        "sentiment": [*label_mapping("goemotions-sentiment").values()],
    }[labels]
    english, chinese = (shipped_names(own, locale) for locale in ("en", "zh"))
    assert english == tuple(label.capitalize() for label in own)
    assert len(set(chinese)) == len(set(own))
    assert all(unicodedata.name(character).startswith("CJK") for name in chinese for character in name)
    assert shipped_names([*own, "schadenfreude"], "zh") is None


def test_a_translators_file_is_read_in_the_order_of_the_labels(tmp_path: Path) -> None:
    path = tmp_path / "labels_fr.txt"
    path.write_text("\ufeffColère\nJoie\n", encoding="utf-8")
    assert read_names(path, ["anger", "joy"]) == ("Colère", "Joie")
    with pytest.raises(MetadataError, match=r"labels_fr.txt: expected 3 names.*\(anger first\); got 2 lines"):
        read_names(path, ["anger", "joy", "love"])
    with pytest.raises(MetadataError, match=r"labels_de.txt: cannot be read"):
        read_names(tmp_path / "labels_de.txt", ["anger"])
    with pytest.raises(
        MetadataError, match="no label names of locale 'fr' come with the package, only en, zh"
    ):
        shipped_names(["anger"], "fr")


def test_labels_beside_those_with_thresholds_are_always_shown(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    heads = (Head("emotion", "multi_label", ("a", "b")), Head("mood", "single_label", ("c", "d", "e")))
    metadata = dataclasses.replace(toy.metadata(), heads=heads, thresholds=(0.5, 0.25, 0.0, 0.0, 0.0))
    path.write_bytes(attach_metadata(toy.files()["int8"], metadata))
    with zipfile.ZipFile(path) as archive:
        lines = archive.read("score_calibration.txt").decode().split("\n")
    assert lines == ["1,1,0,0.5", "1,1,0,0.25", "1,1,0", "1,1,0", "1,1,0"]
    assert read_metadata(path) == metadata


def test_metadata_in_any_script_survive(tmp_path: Path) -> None:
    heads = (Head("emotion", "multi_label", ("怒り", "joy ", "é", "a,b", "x")),)
    metadata = dataclasses.replace(toy.metadata(), name="Gefühle ❤", author="作者", heads=heads)
    path = tmp_path / "model.tflite"
    path.write_bytes(attach_metadata(toy.files()["int8"], metadata))
    assert read_metadata(path) == metadata


def test_rules_of_characters_travel_with_the_file(tmp_path: Path) -> None:
    metadata = toy.metadata()
    rules = dataclasses.replace(metadata.tokenizer.rules, characters={"😂": " tears of joy ", "\ufe0f": ""})
    tokenizer = dataclasses.replace(metadata.tokenizer, rules=rules)
    path = tmp_path / "model.tflite"
    path.write_bytes(
        attach_metadata(toy.files()["float32"], dataclasses.replace(metadata, tokenizer=tokenizer))
    )
    assert read_metadata(path).tokenizer == tokenizer
    assert TextClassifier(path).encode("😂\ufe0f")[0] == HostTokenizer(tokenizer).encode("tears of joy")


def test_mediapipes_own_schema_reads_the_tables() -> None:
    schema = pytest.importorskip("mediapipe.tasks.metadata.metadata_schema_py_generated")
    content = toy.complete_file("float32")
    buffer = read_buffer(content, "TFLITE_METADATA")
    assert schema.ModelMetadata.ModelMetadataBufferHasIdentifier(buffer, 0)
    root = schema.ModelMetadataT.InitFromPackedBuf(buffer, 0)
    assert (root.name, root.version, root.license) == (b"Toy emotions", b"1.2.3", b"Apache-2.0")
    assert (root.author, root.minParserVersion) == (b"emotion-pipeline", b"1.1.0")
    (graph,) = root.subgraphMetadata
    assert [tensor.name.decode() for tensor in graph.inputTensorMetadata] == [
        tensor.name for tensor in describe(content).inputs
    ]
    (tokenizer,) = graph.inputProcessUnits
    assert tokenizer.optionsType == schema.ProcessUnitOptions.BertTokenizerOptions
    assert tokenizer.options.vocabFile[0].name == b"vocab.txt"
    assert tokenizer.options.vocabFile[0].type == schema.AssociatedFileType.VOCABULARY
    (scores,) = graph.outputTensorMetadata
    assert scores.name == b"probability", "BertNLClassifier crashes on another name"
    assert scores.content.contentPropertiesType == schema.ContentProperties.FeatureProperties
    assert {file.name: file.type for file in scores.associatedFiles} == {
        b"labels.txt": schema.AssociatedFileType.TENSOR_AXIS_LABELS,
        b"score_calibration.txt": schema.AssociatedFileType.TENSOR_AXIS_SCORE_CALIBRATION,
    }
    calibration, threshold = scores.processUnits
    assert calibration.optionsType == schema.ProcessUnitOptions.ScoreCalibrationOptions
    assert calibration.options.scoreTransformation == schema.ScoreTransformationType.INVERSE_LOGISTIC
    assert threshold.optionsType == schema.ProcessUnitOptions.ScoreThresholdingOptions


def test_the_files_are_stored_plainly_behind_the_model(model: Path) -> None:
    with zipfile.ZipFile(model) as archive:
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
        assert archive.read("labels.txt").decode() == "anger\njoy\nlove\nsadness\nneutral\n"
        assert archive.read("score_calibration.txt").decode().split("\n")[:2] == ["1,1,0,0.3", "1,1,0,0.45"]
        assert len(archive.read("score_calibration.txt").decode().split("\n")) == len(toy.LABELS)
        assert archive.read("vocab.txt").decode().split("\n")[:2] == ["[PAD]", "[UNK]"]


def test_constants_stay_aligned_for_the_kernels() -> None:
    from ai_edge_litert import schema_py_generated as schema

    content = toy.complete_file("float32")
    graph = schema.Model.GetRootAs(content, 0)
    whole = np.frombuffer(content, np.uint8)
    base = whole.__array_interface__["data"][0]
    tables = [graph.Buffers(i) for i in range(graph.BuffersLength())]
    offsets = [
        table.DataAsNumpy().__array_interface__["data"][0] - base
        for table in tables
        if not table.DataIsNone()
    ]
    assert len(offsets) > 20
    assert {offset % 16 for offset in offsets} == {0}


def test_attaching_again_replaces(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    second = dataclasses.replace(toy.metadata(), version="2", thresholds=(0.1, 0.2, 0.3, 0.4, 0.5))
    path.write_bytes(attach_metadata(toy.complete_file("float32"), second))
    assert read_metadata(path) == second
    assert path.stat().st_size <= len(toy.complete_file("float32")) + 64


def test_attaching_repeats_to_the_byte() -> None:
    assert attach_metadata(toy.files()["int8"], toy.metadata()) == toy.complete_file("int8")


def test_thresholds_keep_their_float32_value() -> None:
    thresholds = tuple(float(np.float32(value)) for value in np.random.default_rng(0).random(50))
    labels = tuple(f"label {index}" for index in range(50))
    document = json.loads(thresholds_json([Head("emotion", "multi_label", labels)], thresholds))
    assert tuple(document) == labels
    assert [np.float32(value) for value in document.values()] == [np.float32(value) for value in thresholds]


def one_head(*labels: str, task: str = "multi_label") -> tuple[Head, ...]:
    return (Head("emotion", task, labels),)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"heads": one_head("a", "b")}, "2 outputs need as many thresholds; got 5"),
        ({"heads": one_head("a", "b", "c", "d", "a")}, "all different"),
        ({"heads": one_head("a", "b", "c", "d", "e\nf")}, r"one line of text each; got \['e\\nf'\]"),
        ({"heads": one_head("a", "b", "c", "d", " ")}, "one line of text"),
        (
            {"heads": one_head("a", "b", "c", "d", "e", task="single_label")},
            "head 'emotion' is single_label and decides by no threshold; they must be 0",
        ),
        (
            {"heads": one_head("a", "b", "c", "d", "e", task="ordinal"), "thresholds": (0.0,) * 5},
            "can leave out labels of multi_label heads alone.*got ordinal",
        ),
        ({"label_names": {"zh": ("愤怒",)}}, "label names of zh: got 1 for 5 outputs"),
        ({"label_names": {"../zh": ("a",) * 5}}, "'../zh' is no locale"),
        ({"thresholds": (0.1, 0.2, 0.3, 0.4, 1.5)}, r"probabilities 0-1; got \[1.5\]"),
        ({"thresholds": (0.1, 0.2, 0.3, 0.4, float("nan"))}, "probabilities 0-1"),
    ],
)
def test_metadata_that_no_reader_could_use_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(MetadataError, match=message):
        dataclasses.replace(toy.metadata(), **change)


def test_a_file_that_is_missing_empty_or_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"nowhere.tflite: cannot be read \(No such file"):
        read_metadata(tmp_path / "nowhere.tflite")
    with pytest.raises(ModelFileError, match="cannot be read"):
        read_metadata(tmp_path)
    empty = tmp_path / "empty.tflite"
    empty.write_bytes(b"")
    with pytest.raises(ModelFileError, match="is empty"):
        read_metadata(empty)
    text = tmp_path / "text.tflite"
    text.write_bytes(b"surely not a flatbuffer")
    with pytest.raises(ModelFileError, match=r"text.tflite: not a .tflite file"):
        read_metadata(text)


@pytest.mark.parametrize("flag", [0x01, 0x20, 0x40], ids=["encrypted", "patch", "strong encryption"])
def test_an_archive_of_another_kind_is_refused(flag: int) -> None:
    content = bytearray(toy.complete_file("int8"))
    # Of the entry in the central directory: signature, two versions, then the flags.
    entry = content.index(b"PK\x01\x02")
    content[entry + 8] |= flag
    with pytest.raises(MetadataError, match="the metadata are damaged or not of this project"):
        read_metadata(bytes(content))


def test_a_model_without_metadata_says_how_to_get_them(tmp_path: Path) -> None:
    bare = tmp_path / "bare.tflite"
    bare.write_bytes(toy.files()["int8"])
    with pytest.raises(MetadataError, match="has no metadata; export it"):
        read_metadata(bare)

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from components.core.artifacts import Examples, Model, TFLiteExport
from components.core.errors import ExportError
from components.modeling.classifier import BackboneConfig, ModelConfig, build_network, load_model, save_model
from components.modeling.heads import Head
from components.tflite_exporter import TFLiteExporterConfig, tflite_exporter
from tests.components.data_stages import generate, read_split, write
from tests.tflite import toy
from tflite.interpreter import TextClassifier
from tflite.metadata import read_metadata


def toy_config(*, max_tokens: int = toy.MAX_TOKENS) -> ModelConfig:
    arguments = {
        "vocabulary_size": len(toy.spec().vocabulary),
        "num_layers": 2,
        "num_heads": 2,
        "hidden_dim": 32,
        "intermediate_dim": 64,
        "max_sequence_length": 2 * toy.MAX_TOKENS,
    }
    return ModelConfig(
        heads=(Head(outputs=toy.LABELS),),
        thresholds=toy.THRESHOLDS,
        max_tokens=max_tokens,
        encoder="tiny-random",
        for_tests_only=True,
        # One of two heads, as after pruning.
        backbone=BackboneConfig(class_name="BertBackbone", arguments=arguments, heads=1),
    )


def trained_model(directory: Path, config: ModelConfig) -> Model:
    import keras

    directory.mkdir(parents=True)
    keras.utils.set_random_seed(3)
    network = build_network(config)
    head = network.get_layer("logits")
    head.set_weights([head.get_weights()[0] * 40.0, head.get_weights()[1]])
    save_model(
        Model(directory),
        network=network,
        config=config,
        tokenizer=replace(toy.spec(), max_tokens=config.max_tokens),
    )
    return Model(directory)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return trained_model(tmp_path_factory.mktemp("run") / "model", toy_config())


@pytest.fixture(scope="module")
def export(model: Model, tmp_path_factory: pytest.TempPathFactory) -> TFLiteExport:
    export = TFLiteExport(tmp_path_factory.mktemp("export"))
    config = TFLiteExporterConfig(version="7", license="CC0-1.0")
    summary = tflite_exporter(config=config, model=model, export=export)
    sizes = {variant: export.model_path(variant).stat().st_size for variant in export.variants()}
    assert summary == {f"{variant}_mb": round(size / 1e6, 2) for variant, size in sizes.items()}
    return export


def test_the_tree_is_as_documented(export: TFLiteExport) -> None:
    assert sorted(entry.name for entry in export.path.iterdir()) == [
        "README.md",
        "emotion_float32.tflite",
        "emotion_int8.tflite",
        "export.json",
        "heads.json",
        "labels.txt",
        "labels_en.txt",
        "labels_zh.txt",
        "thresholds.json",
        "tokenizer.json",
        "vocab.txt",
    ]
    assert export.variants() == ("float32", "int8")
    facts = json.loads(export.export_path.read_text())
    assert facts["int8"]["file"] == "emotion_int8.tflite"
    assert facts["int8"]["size_bytes"] == export.model_path("int8").stat().st_size
    assert facts["int8"]["size_bytes"] < facts["float32"]["size_bytes"]
    assert facts["float32"]["mediapipe"] is True
    assert facts["float32"]["operators"]["SOFTMAX"] == 2
    assert (export.path / "labels.txt").read_text().split() == list(toy.LABELS)
    assert json.loads((export.path / "thresholds.json").read_text()) == dict(
        zip(toy.LABELS, toy.THRESHOLDS, strict=True)
    )


def test_the_readme_tells_an_app_developer_what_to_do(export: TFLiteExport) -> None:
    told = (export.path / "README.md").read_text(encoding="utf-8")
    size = f"{export.model_path('int8').stat().st_size / 1e6:.1f} MB"
    assert f"| `emotion_int8.tflite` | {size} | " in told
    assert "any number of labels; each applies from its threshold" in told
    assert "**Clean every text first**" in told
    assert "`displayNamesLocale`: en, zh." in told
    assert "What is longer than 16 tokens is cut inside" in told


def test_the_files_answer_as_the_keras_model_does(export: TFLiteExport, model: Model) -> None:
    expected = load_model(model).scores(toy.TEXTS)
    assert np.ptp(expected) > 0.1
    for variant, tolerance in (("float32", 1e-4), ("int8", 0.05)):
        actual = TextClassifier(export.model_path(variant)).scores_of(toy.TEXTS)
        np.testing.assert_allclose(actual, expected, atol=tolerance)


def test_the_metadata_say_what_was_configured_and_that_it_is_for_tests(export: TFLiteExport) -> None:
    metadata = read_metadata(export.model_path("int8"))
    assert (metadata.version, metadata.license) == ("7", "CC0-1.0")
    assert metadata.description.endswith("For tests only: its encoder has random weights.")
    assert (metadata.labels, metadata.thresholds) == (toy.LABELS, toy.THRESHOLDS)
    assert metadata.tokenizer == toy.spec()


def test_the_same_model_gives_the_same_bytes(export: TFLiteExport, model: Model, tmp_path: Path) -> None:
    again = TFLiteExport(tmp_path)
    config = TFLiteExporterConfig(version="7", license="CC0-1.0", variants=("int8",))
    tflite_exporter(config=config, model=model, export=again)
    assert again.variants() == ("int8",)
    assert again.model_path("int8").read_bytes() == export.model_path("int8").read_bytes()


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Examples:
    directory = tmp_path_factory.mktemp("data")
    rows = [f"{text}\t{label}" for text in toy.TEXTS[:3] for label in toy.LABELS]
    for split in ("train", "validation"):
        write(directory / f"{split}.tsv", "text\tlabels\n" + "\n".join(rows * 2) + "\n")
    return generate(directory, source=str(directory / "*.tsv"))


def test_the_smallest_file_within_the_limits_is_chosen_by_labelled_texts(
    model: Model, examples: Examples, tmp_path: Path
) -> None:
    export = TFLiteExport(tmp_path)
    candidates = ("float32", "int8", "int8_vocab60")
    choice = {"target": "mediapipe-0.10", "max_f1_drop": 1.0, "candidates": (*candidates, "int4")}
    config = TFLiteExporterConfig.model_validate({"variants": (), "choose": choice})
    summary = tflite_exporter(config=config, model=model, examples=examples, export=export)
    rows = {row["name"]: row for row in export.choice()["candidates"]}
    assert tuple(rows) == (*candidates, "int4")
    assert export.choice()["texts"] == len(read_split(examples, "validation"))
    assert rows["float32"]["drop"] == pytest.approx(0.0, abs=1e-6)
    assert rows["float32"]["agreement"] == 1.0
    assert all(rows[name]["peak_mb"] > 0 and rows[name]["latency_ms"] > 0 for name in candidates)
    assert rows["int4"]["refusal"].startswith("mediapipe-0.10 cannot run it")
    assert summary["chosen"] == "int8_vocab60"
    assert export.variants() == ("int8_vocab60",)
    kept = read_metadata(export.model_path("int8_vocab60")).tokenizer.vocabulary
    assert set(kept) < set(toy.spec().vocabulary)
    assert json.loads(export.export_path.read_text())["int8_vocab60"]["vocabulary_rows"] == len(kept)


def test_a_long_text_is_cut_at_the_separator_of_the_smaller_vocabulary(
    model: Model, examples: Examples, tmp_path: Path
) -> None:
    export = TFLiteExport(tmp_path)
    config = TFLiteExporterConfig(variants=("float32", "float32_vocab60"))
    tflite_exporter(config=config, model=model, examples=examples, export=export)
    whole, small = (TextClassifier(export.model_path(name)) for name in config.variants)
    kept = "today [NAME] angry " * 9  # single characters, which stay, and a special token
    assert len(small.encode(kept)[0]) == toy.MAX_TOKENS
    np.testing.assert_allclose(small.scores(kept), whole.scores(kept), atol=1e-6)
    rows = [[small.encode("")[0][0], *[4] * length, small.encode("")[0][-1]] for length in (14, 90)]
    cut, long = (small._session.run(row) for row in rows)
    np.testing.assert_allclose(long, cut, atol=1e-6)


def test_without_texts_nothing_can_be_chosen(model: Model, tmp_path: Path) -> None:
    config = TFLiteExporterConfig(variants=("float32_vocab99",))
    with pytest.raises(ExportError, match="chosen by the training texts, and none are at hand"):
        tflite_exporter(config=config, model=model, export=TFLiteExport(tmp_path))
    config = TFLiteExporterConfig.model_validate({"variants": (), "choose": {}})
    with pytest.raises(ExportError, match="chosen by labelled texts, and none are at hand"):
        tflite_exporter(config=config, model=model, export=TFLiteExport(tmp_path))
    with pytest.raises(ValueError, match="variants must not be empty"):
        TFLiteExporterConfig(variants=())


def test_a_model_that_would_fail_on_a_phone_is_an_export_error_and_writes_nothing(tmp_path: Path) -> None:
    longer_than_its_positions = trained_model(tmp_path / "model", toy_config(max_tokens=3 * toy.MAX_TOKENS))
    export = TFLiteExport(tmp_path / "export")
    export.path.mkdir()
    config = TFLiteExporterConfig(variants=("float32",))
    with pytest.raises(
        ExportError, match=r"float32: the .tflite file is refused: it does not run at 48 tokens"
    ):
        tflite_exporter(config=config, model=longer_than_its_positions, export=export)
    assert list(export.path.iterdir()) == []


def test_a_cached_run_loads_no_tensorflow() -> None:
    program = (
        "import sys, components.tflite_exporter;"
        "sys.exit(any(name.partition('.')[0] in ('tensorflow', 'keras', 'numpy') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.tflite import toy
from tflite.converter import Variant
from tflite.errors import MetadataError, ModelFileError
from tflite.heads import Head
from tflite.host_tokenizer import HostTokenizer
from tflite.interpreter import TextClassifier
from tflite.metadata import attach_metadata
from tflite.text import clean_text


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("models")
    for variant in ("float32", "int8"):
        (directory / f"{variant}.tflite").write_bytes(toy.complete_file(variant))
    (directory / "all.tflite").write_bytes(toy.complete_file("float32", suppress_undecided=False))
    several = attach_metadata(toy.files_of_several_heads()["float32"], toy.metadata_of_several_heads())
    (directory / "several.tflite").write_bytes(several)
    return directory


@pytest.mark.parametrize(("variant", "tolerance"), [("float32", 1e-5), ("int8", 0.05)])
def test_scores_of_texts_are_those_of_keras(directory: Path, variant: Variant, tolerance: float) -> None:
    classifier = TextClassifier(directory / f"{variant}.tflite")
    scores = classifier.scores_of(toy.TEXTS)
    assert scores.shape == (len(toy.TEXTS), len(toy.LABELS))
    for text, row in zip(toy.TEXTS, scores, strict=True):
        np.testing.assert_allclose(
            row, toy.keras_scores(toy.shared_network(), *classifier.encode(text))[0], atol=tolerance
        )


def test_results_are_ranked_and_decided_by_each_labels_threshold(directory: Path) -> None:
    classifier = TextClassifier(directory / "float32.tflite")
    results = classifier.classify(toy.TEXTS)
    for text, result in zip(toy.TEXTS, results, strict=True):
        assert {entry.label for entry in result} == set(toy.LABELS)
        assert [entry.score for entry in result] == sorted((entry.score for entry in result), reverse=True)
        by_label = dict(zip(toy.LABELS, classifier.scores(text), strict=True))
        for entry in result:
            assert entry.score == by_label[entry.label]
            assert entry.decided == (entry.score >= np.float32(toy.THRESHOLDS[toy.LABELS.index(entry.label)]))
    assert {entry.decided for result in results for entry in result} == {True, False}


CONTEXTS = ("you made me happy", "", "words and words and " * 20, "i am angry", "so", "thank you")


def test_a_context_is_read_and_every_head_decides_in_its_own_way(directory: Path) -> None:
    classifier = TextClassifier(directory / "several.tflite")
    scores = classifier.scores_of(toy.TEXTS, CONTEXTS)
    for text, context, row in zip(toy.TEXTS, CONTEXTS, scores, strict=True):
        ids, segments = HostTokenizer(classifier.metadata.tokenizer).encode_pair(text, context)
        assert max(segments) == (1 if context and len(text) < 50 else 0)
        expected = toy.keras_scores(toy.network_of_several_heads(), ids, segments)[0]
        np.testing.assert_allclose(row, expected, atol=1e-5)
    assert np.abs(scores - classifier.scores_of(toy.TEXTS))[0].max() > 0.01, "the context must matter"
    for row, outputs in zip(scores, classifier.classify(toy.TEXTS, CONTEXTS), strict=True):
        by_head = {head.name: [one for one in outputs if one.head == head.name] for head in toy.SEVERAL_HEADS}
        assert [one.head for one in outputs] == [
            head.name for head in toy.SEVERAL_HEADS for _ in head.outputs
        ]
        for name in ("emotion", "sentiment", "strength"):
            values = [one.score for one in by_head[name]]
            assert values == sorted(values, reverse=True)
        for name in ("sentiment", "strength"):
            assert [one.decided for one in by_head[name]] == [True, False, False]
        assert [(one.label, one.score, one.decided) for one in by_head["affect"]] == [
            ("valence", float(row[8]), False),
            ("arousal", float(row[9]), False),
        ]


def test_a_model_of_texts_alone_takes_no_context(directory: Path) -> None:
    with pytest.raises(ValueError, match=r"float32\.tflite: the model reads texts alone"):
        TextClassifier(directory / "float32.tflite").classify(["i am happy"], ["thank you"])


def test_no_text_is_no_row(directory: Path) -> None:
    classifier = TextClassifier(directory / "int8.tflite")
    assert classifier.scores_of([]).shape == (0, len(toy.LABELS))
    assert classifier.classify([]) == []


def test_opening_is_silent(directory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    TextClassifier(directory / "float32.tflite").scores("a")
    assert capfd.readouterr() == ("", "")


def test_it_needs_no_tensorflow(directory: Path) -> None:
    program = (
        "import sys; from tflite.interpreter import TextClassifier;"
        f"print(TextClassifier({str(directory / 'int8.tflite')!r}).classify(['i am happy'])[0][0].label);"
        "sys.exit(any(name.partition('.')[0] in ('tensorflow', 'keras') for name in sys.modules))"
    )
    outcome = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout.strip() in toy.LABELS


def test_a_file_that_cannot_be_used_is_named(directory: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"missing.tflite: cannot be read"):
        TextClassifier(tmp_path / "missing.tflite")
    bare = tmp_path / "bare.tflite"
    bare.write_bytes(toy.files()["int8"])
    with pytest.raises(MetadataError, match=r"bare.tflite: has no metadata"):
        TextClassifier(bare)


@pytest.fixture(scope="module")
def mediapipe_text() -> object:
    pytest.importorskip("mediapipe")
    from mediapipe.tasks.python import text

    return text


def categories(
    mediapipe_text: object, path: Path, texts: list[str], **options: object
) -> list[dict[str, float]]:
    """What MediaPipe's TextClassifier shows for texts that went through the canonical cleaning."""
    from mediapipe.tasks.python.core.base_options import BaseOptions

    base = BaseOptions(model_asset_path=str(path))
    settings = mediapipe_text.TextClassifierOptions(base_options=base, **options)
    with mediapipe_text.TextClassifier.create_from_options(settings) as classifier:
        results = [classifier.classify(clean_text(text, toy.spec().rules)) for text in texts]
    return [
        {category.category_name: category.score for category in result.classifications[0].categories}
        for result in results
    ]


@pytest.mark.parametrize(("name", "tolerance"), [("all", 1e-3), ("float32", 1e-3), ("int8", 1e-3)])
def test_mediapipe_shows_our_scores_and_decides_as_we_do(
    mediapipe_text: object, directory: Path, name: str, tolerance: float
) -> None:
    ours = TextClassifier(directory / f"{name}.tflite")
    texts = [*toy.TEXTS, "happy " * 600, "i am so happy today"]
    for text, shown in zip(
        texts, categories(mediapipe_text, directory / f"{name}.tflite", texts), strict=True
    ):
        scores = dict(zip(toy.LABELS, ours.scores(text), strict=True))
        decided = {entry.label for entry in ours.classify([text])[0] if entry.decided}
        assert set(shown) == (set(toy.LABELS) if name == "all" else decided)
        for label, score in shown.items():
            assert score == pytest.approx(scores[label], abs=tolerance)


def test_mediapipe_shows_labels_without_thresholds_always(mediapipe_text: object, tmp_path: Path) -> None:
    heads = (Head("emotion", "multi_label", toy.LABELS[:2]), Head("mood", "single_label", toy.LABELS[2:]))
    metadata = replace(toy.metadata(), heads=heads, thresholds=(*toy.THRESHOLDS[:2], 0.0, 0.0, 0.0))
    path = tmp_path / "mixed.tflite"
    path.write_bytes(attach_metadata(toy.files()["float32"], metadata))
    classifier = TextClassifier(path)
    for text, shown in zip(toy.TEXTS, categories(mediapipe_text, path, list(toy.TEXTS)), strict=True):
        scores = dict(zip(toy.LABELS, classifier.scores(text).tolist(), strict=True))
        emotions = {
            label
            for label, limit in zip(toy.LABELS, toy.THRESHOLDS[:2], strict=False)
            if scores[label] >= limit
        }
        assert shown == pytest.approx(
            {label: scores[label] for label in {*emotions, *toy.LABELS[2:]}}, abs=1e-3
        )


def test_mediapipe_shows_numbers_as_categories_and_reads_no_context(
    mediapipe_text: object, directory: Path
) -> None:
    scores = TextClassifier(directory / "several.tflite").scores("thank you")
    (shown,) = categories(mediapipe_text, directory / "several.tflite", ["thank you"])
    names = [name for head in toy.SEVERAL_HEADS for name in head.outputs]
    assert shown == pytest.approx(dict(zip(names, scores.tolist(), strict=True)), abs=1e-4)


def test_an_app_may_raise_the_threshold_of_all_labels(mediapipe_text: object, directory: Path) -> None:
    path = directory / "float32.tflite"
    (ranked,) = TextClassifier(path).classify(["thank you"])
    expected = {entry.label for entry in ranked if entry.decided and entry.score >= 0.6}
    (shown,) = categories(mediapipe_text, path, ["thank you"], score_threshold=0.6)
    assert set(shown) == expected
    assert expected < {entry.label for entry in ranked if entry.decided}

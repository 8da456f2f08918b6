"""From training to proven exports for every task and for two segments: every call is answered, every fault found."""

import json
import random
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from components.core.artifacts import (
    Examples,
    InfraBlessing,
    Model,
    SavedModelExport,
    TFLiteExport,
    TransformedExamples,
    TransformGraph,
)
from components.infra.probe_texts import HARD_TEXTS, read_rows
from components.infra_validator import InfraValidatorConfig, infra_validator
from components.modeling.classifier import LoadedModel, load_model
from components.modeling.head_layers import decisions
from components.modeling.heads import Head
from components.saved_model_exporter import SavedModelExporterConfig, saved_model_exporter
from components.trainer import TrainerConfig, trainer
from serving.description import HeadDescription, describe
from serving.saved_model import export_saved_model
from serving.server import ModelServer, ServerConfig
from tests.components.exported_model import Exported, export_model, small_model
from tests.components.toy_corpus import examples_of, run_transform

HEADS = {
    "emotion": {"task": "multi_label", "outputs": ["calm", "tense"]},
    "mood": {"task": "single_label", "outputs": ["mood/joy", "mood/anger", "mood/fear"]},
    "strength": {"task": "ordinal", "outputs": ["strength/none", "strength/some", "strength/much"]},
    "affect": {"task": "regression", "outputs": ["valence", "arousal"]},
}
COLUMNS = {
    "id": "id",
    "labels": "labels",
    "context": "context",
    "more_labels": {"mood": "mood", "strength": "strength"},
    "targets": ["valence", "arousal"],
}
CUES = {"joy": ["happy", "glad", "great"], "anger": ["mad", "angry", "hate"], "fear": ["lost", "hurt", "sad"]}
STRENGTHS = {"none": "dog", "some": "car", "much": "friend"}
SCORES = {
    "saved_model.max_score_difference",
    "saved_model.grpc.max_score_difference",
    "saved_model.grpc.examples.max_score_difference",
}


def rows(count: int, *, seed: int) -> list[dict[str, Any]]:
    """Texts of which everything can be learned: mood and strength from a word each, numbers from both.

    The words stand in what was said before, so that a model of two segments must look there.
    """
    generator = random.Random(seed)
    found = []
    for number in range(count):
        mood, strength = generator.choice(list(CUES)), generator.choice(list(STRENGTHS))
        words = ["i", "am", STRENGTHS[strength], generator.choice(CUES[mood])]
        said = " ".join(words)
        row = {
            "id": f"{seed}-{number}",
            "text": " ".join(generator.choices(["we", "it", "was", "my", "today"], k=4)),
            "context": said,
            "labels": ["calm"] if strength == "none" else ["tense"],
            "mood": mood,
            "strength": strength,
            "valence": {"joy": 4.0, "anger": 2.0, "fear": 1.5}[mood],
            "arousal": -20.0 + 8.0 * list(STRENGTHS).index(strength),
        }
        found.append(row)
    return found


@dataclass(frozen=True)
class Data:
    """Tokenized examples; with one segment, texts hold what the contexts hold with two."""

    examples: Examples
    graph: TransformGraph
    transformed: TransformedExamples


def _data(directory: Path, segments: int) -> Data:
    splits = {"train": rows(240, seed=1), "validation": rows(60, seed=2), "test": rows(24, seed=3)}
    if segments == 1:
        splits = {
            split: [{**row, "text": row["context"], "context": ""} for row in of_split]
            for split, of_split in splits.items()
        }
    examples = examples_of(directory, splits, columns=COLUMNS, label_names=["calm", "tense"])
    graph, transformed = run_transform(directory, examples, segments=segments, max_tokens=32)
    return Data(examples, graph, transformed)


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Data:
    return _data(tmp_path_factory.mktemp("texts"), 1)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Data:
    return _data(tmp_path_factory.mktemp("pairs"), 2)


def _train_and_export(data: Data, heads: dict[str, Any], directory: Path) -> Exported:
    model = Model(directory / "model")
    model.path.mkdir()
    config = TrainerConfig.model_validate(
        {
            "heads": heads,
            "epochs": 10,
            "early_stopping": {"patience": None},
            "batch_size": 16,
            "learning_rate": 3e-3,
            "precision": "float32",
        }
    )
    trainer(config=config, transformed=data.transformed, transform_graph=data.graph, model=model)
    return export_model(model, directory)


@pytest.fixture(scope="module")
def everything(pairs: Data, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """All heads, and two segments."""
    return _train_and_export(pairs, HEADS, tmp_path_factory.mktemp("everything"))


@pytest.fixture(scope="module", params=["single_label", "ordinal", "regression", "everything"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Data, Exported]:
    """A model of one head and task, or of all heads and two segments."""
    if request.param == "everything":
        return request.getfixturevalue("pairs"), request.getfixturevalue("everything")
    data = request.getfixturevalue("texts")
    heads = {name: head for name, head in HEADS.items() if head["task"] == request.param}
    return data, _train_and_export(data, heads, tmp_path_factory.mktemp(request.param))


def prove(exported: Exported, examples: Examples, directory: Path) -> InfraBlessing:
    """What InfraValidator says of the exports."""
    blessing = InfraBlessing(directory / "blessing")
    blessing.path.mkdir()
    # 32 wide, a model bears quantization worse than a real one.
    config = InfraValidatorConfig(
        server_binary="no such server", min_int8_agreement=0.9, max_int8_target_difference=0.2
    )
    infra_validator(
        config=config,
        model=exported.model,
        examples=examples,
        saved_model=exported.saved_model,
        tflite=exported.tflite,
        blessing=blessing,
    )
    return blessing


def failed(blessing: InfraBlessing) -> dict[str, str]:
    return {check.name: check.message for check in blessing.verdict().checks if not check.passed}


def test_true_exports_are_blessed(case: tuple[Data, Exported], tmp_path: Path) -> None:
    data, exported = case
    blessing = prove(exported, data.examples, tmp_path)
    assert failed(blessing) == {}
    loaded = load_model(exported.model)
    tasks = {head.task for head in loaded.config.heads}
    calibrated = {head.name for head in loaded.config.heads if head.task != "regression"}
    assert loaded.config.calibration.keys() == calibrated
    names = {check.name for check in blessing.verdict().checks}
    assert names >= SCORES
    assert ("tflite_int8.decision_agreement" in names) == (tasks != {"regression"})
    assert ("tflite_int8.target_rms_difference" in names) == ("regression" in tasks)
    entry = json.loads(blessing.parity_path.read_text())["tflite_float32"]
    segments = loaded.tokenizer.segments
    assert entry["rows"] == 24 + segments * len(HARD_TEXTS)
    assert ("context" in entry["worst"][0]) == (segments == 2)


def test_smaller_weights_answer_every_task(pairs: Data, everything: Exported, tmp_path: Path) -> None:
    smaller = SavedModelExport(tmp_path / "smaller")
    smaller.path.mkdir()
    config = SavedModelExporterConfig(precision="bfloat16")
    saved_model_exporter(config=config, model=everything.model, export=smaller)
    blessing = prove(replace(everything, saved_model=smaller), pairs.examples, tmp_path)
    assert failed(blessing) == {}
    limits = {check.limit for check in blessing.verdict().checks if check.name in SCORES}
    assert limits == {0.08}, "numbers have no sigmoid that would bring them together"


def test_the_exports_say_what_they_are(case: tuple[Data, Exported]) -> None:
    _, exported = case
    config = load_model(exported.model).config
    description = describe(exported.saved_model.saved_model_dir)
    assert description.heads == tuple(HeadDescription(**dict(head)) for head in config.heads)
    tasks = {head.name: head.task for head in config.heads}
    saved_model = json.loads(exported.saved_model.export_path.read_text())
    assert (saved_model["heads"], saved_model["segments"]) == (tasks, description.segments)
    for facts in json.loads(exported.tflite.export_path.read_text()).values():
        assert facts["heads"] == tasks
        assert facts["mediapipe"] == (description.segments == 1)
    thresholds = json.loads((exported.tflite.path / "thresholds.json").read_text())
    assert list(thresholds) == (["calm", "tense"] if "emotion" in tasks else [])


@pytest.fixture
def url(case: tuple[Data, Exported], tmp_path: Path) -> Iterator[str]:
    (tmp_path / "1").symlink_to(case[1].saved_model.saved_model_dir, target_is_directory=True)
    config = ServerConfig(
        model_base_path=tmp_path, model_name="emotion", host="127.0.0.1", port=0, rest_api_port=0
    )
    with ModelServer(config) as server:
        yield f"http://127.0.0.1:{server.rest_port}/v1/models/emotion"


def _post(url: str, document: dict[str, Any]) -> Any:
    with urllib.request.urlopen(url, data=json.dumps(document).encode(), timeout=60) as response:
        return json.load(response)


def test_rest_answers_every_call_and_the_answers_are_right(case: tuple[Data, Exported], url: str) -> None:
    data, exported = case
    loaded = load_model(exported.model)
    texts = read_rows(data.examples, 24, segments=loaded.tokenizer.segments)
    expected = loaded.scores(texts.texts, contexts=texts.contexts)
    columns = dict(zip(loaded.config.labels, expected.T, strict=True))
    asked = [{"text": text} for text in texts.texts]
    for row, context in zip(asked, texts.contexts or (), strict=False):
        row["context"] = context

    predictions = _post(f"{url}:predict", {"instances": asked})["predictions"]
    np.testing.assert_allclose([row["scores"] for row in predictions], expected, rtol=1e-5, atol=1e-5)
    assert [row["predicted"] for row in predictions] == loaded.decide(expected).tolist()

    heads = loaded.config.heads
    labels = [name for head in heads if head.task != "regression" for name in head.outputs]
    if labels:
        results = _post(f"{url}:classify", {"signature_name": "classify", "examples": asked})["results"]
        assert [[name for name, _ in row] for row in results] == [labels] * len(asked)
        found = [[score for _, score in row] for row in results]
        np.testing.assert_allclose(found, np.stack([columns[name] for name in labels], axis=1), atol=1e-5)
    for name in (name for head in heads if head.task == "regression" for name in head.outputs):
        body = {"signature_name": f"regress_{name}", "examples": asked}
        values = _post(f"{url}:regress", body)["results"]
        np.testing.assert_allclose(values, columns[name], rtol=1e-5, atol=1e-5)
    assert _share_of_right_answers(predictions, loaded.config.heads) > 0.5, "the model must have learned"


def _share_of_right_answers(predictions: list[dict[str, Any]], heads: Sequence[Head]) -> float:
    """Over texts and heads: all decisions, or numbers within one deviation."""
    right = []
    for row, answer in zip(rows(24, seed=3), predictions, strict=True):
        truth = {*row["labels"], f"mood/{row['mood']}", f"strength/{row['strength']}"}
        decided = {name for name, yes in zip(answer["labels"], answer["predicted"], strict=True) if yes}
        scores = dict(zip(answer["labels"], answer["scores"], strict=True))
        for head in heads:
            if head.task == "regression":
                columns = zip(head.outputs, head.std, strict=True)
                right += [abs(scores[name] - row[name]) < std for name, std in columns]
            else:
                right.append(decided & set(head.outputs) == truth & set(head.outputs))
    return float(np.mean(right))


def test_one_target_has_the_plain_name(tmp_path: Path) -> None:
    valence = Head(name="affect", task="regression", outputs=("valence",), mean=(3.0,), std=(0.5,))
    model = small_model(tmp_path / "model", heads=(valence,), thresholds=(0.0,))
    export = SavedModelExport(tmp_path / "export")
    saved_model_exporter(config=SavedModelExporterConfig(), model=model, export=export)
    signatures = describe(export.saved_model_dir).signatures
    assert set(signatures) == {"serving_default", "tokens", "tokenize", "regress"}


def exported_again(exported: Exported, directory: Path, **changes: Any) -> Exported:
    """The SavedModel exported once more from the same model, with something wrong in it."""
    loaded = load_model(exported.model)
    heads, thresholds = loaded.config.heads, loaded.config.thresholds
    arguments = {
        "network": loaded.scoring_network,
        "decide": lambda scores: decisions(heads, scores, tf.constant(thresholds, tf.float32)),
        "tokenizer": loaded.in_graph_tokenizer,
        "heads": [HeadDescription(**dict(head)) for head in heads],
    }
    arguments |= {name: change(loaded) for name, change in changes.items()}
    saved_model, tflite = SavedModelExport(directory / "saved_model"), TFLiteExport(directory / "tflite")
    export_saved_model(saved_model.saved_model_dir, thresholds=thresholds, segments=2, **arguments)
    tflite.path.mkdir()
    tflite.model_path("float32").symlink_to(exported.tflite.model_path("float32"))
    return replace(exported, saved_model=saved_model, tflite=tflite)


def columns_in_the_order(*order: int) -> Callable[[LoadedModel], Any]:
    return lambda loaded: lambda inputs: tf.gather(loaded.scoring_network(inputs), order, axis=1)


def sigmoid_everywhere(loaded: LoadedModel) -> Any:
    return lambda inputs: tf.concat(
        [tf.sigmoid(loaded.network(inputs)[:, :5]), loaded.scoring_network(inputs)[:, 5:]], axis=1
    )


def numbers_in_no_unit(loaded: LoadedModel) -> Any:
    return lambda inputs: tf.concat(
        [loaded.scoring_network(inputs)[:, :8], loaded.network(inputs)[:, -2:]], axis=1
    )


def segments_forgotten(loaded: LoadedModel) -> Any:
    return lambda inputs: loaded.scoring_network(
        {**inputs, "segment_ids": tf.zeros_like(inputs["segment_ids"])}
    )


def other_deviation(loaded: LoadedModel) -> Any:
    heads = [HeadDescription(**dict(head)) for head in loaded.config.heads]
    return [*heads[:-1], replace(heads[-1], std=(1.0, 1.0))]


def all_by_thresholds(loaded: LoadedModel) -> Any:
    return lambda scores: scores >= tf.constant(loaded.config.thresholds, tf.float32)


class _WithoutContext(tf.Module):
    """A tokenizer that does not look at what was said before."""

    def __init__(self, loaded: LoadedModel) -> None:
        super().__init__()
        self.tokenizer = loaded.in_graph_tokenizer
        self.max_tokens = self.tokenizer.max_tokens

    def __call__(self, text: tf.Tensor, context: tf.Tensor) -> Any:
        return self.tokenizer(text, tf.strings.substr(context, 0, 0))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"network": columns_in_the_order(0, 1, 3, 2, *range(4, 10))}, SCORES),
        ({"network": columns_in_the_order(*range(5), 7, 6, 5, 8, 9)}, SCORES),
        ({"network": columns_in_the_order(*range(8), 9, 8)}, SCORES),
        ({"network": sigmoid_everywhere}, SCORES),
        ({"network": numbers_in_no_unit}, SCORES),
        ({"network": segments_forgotten}, SCORES),
        ({"heads": other_deviation}, {"saved_model.heads"}),
        ({"decide": all_by_thresholds}, {"saved_model.decisions"}),
        ({"tokenizer": _WithoutContext}, {"saved_model.token_ids", *SCORES}),
    ],
    ids=[
        "single_label order",
        "ordinal order",
        "regression order",
        "no softmax",
        "no unit",
        "no segments",
        "deviation",
        "decisions",
        "no context",
    ],
)
def test_a_fault_is_found(
    pairs: Data, everything: Exported, tmp_path: Path, changes: dict[str, Any], expected: set[str]
) -> None:
    blessing = prove(exported_again(everything, tmp_path, **changes), pairs.examples, tmp_path)
    assert set(failed(blessing)) == expected
    assert blessing.refusal() is not None


def test_a_tflite_file_without_its_activation_is_refused(everything: Exported) -> None:
    from tflite.converter import convert
    from tflite.errors import RefusedModelError
    from tflite.guards import Expected, check_model
    from tflite.heads import Head as TFLiteHead

    loaded = load_model(everything.model)
    facts = json.loads(everything.tflite.export_path.read_text(encoding="utf-8"))
    mood = TFLiteHead("mood", "single_label", tuple(str(number) for number in range(9)))
    content = convert(
        loaded.network,
        max_tokens=loaded.config.max_tokens,
        separator_id=loaded.tokenizer.end_id,
        variants=("float32",),
    )["float32"]
    with pytest.raises(RefusedModelError, match="head mood: scores are not probabilities"):
        check_model(
            content,
            Expected(
                parameters=facts["float32"]["parameters"],
                bytes_per_parameter=4,
                heads=(mood,),
                max_tokens=loaded.config.max_tokens,
                vocabulary_size=len(loaded.tokenizer.vocabulary),
                separator_id=loaded.tokenizer.end_id,
            ),
        )

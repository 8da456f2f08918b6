"""Models of every task and of two segments: their exports are blessed, answer every call, and faults are found."""

import json
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from components.core.artifacts import Examples, InfraBlessing, SavedModelExport
from components.data.records.example_proto import encode_example
from components.data.records.tfrecord import write_records
from components.infra.probe_texts import HARD_TEXTS
from components.infra_validator import InfraValidatorConfig, infra_validator
from components.modeling.classifier import LoadedModel, load_model
from components.modeling.head_layers import decisions
from components.modeling.heads import Head
from serving.description import HeadDescription, describe
from serving.saved_model import export_saved_model
from serving.server import ModelServer, ServerConfig
from tests.components.exported_model import Exported, export_both

MOOD = Head(name="mood", task="single_label", outputs=("joy", "anger", "fear"))
STRENGTH = Head(name="strength", task="ordinal", outputs=("none", "some", "much", "very"))
AFFECT = Head(
    name="affect", task="regression", outputs=("valence", "arousal"), mean=(3.0, -20.0), std=(0.5, 8.0)
)
EMOTION = Head(name="emotion", outputs=("calm", "tense"))
SEVERAL = (EMOTION, MOOD, STRENGTH, AFFECT)

PAIRS = [
    ("i am so happy", "do you like it"),
    ("so sad", ""),
    ("i am angry about you", "i am so happy " * 12),
    ("it was fun", "the dog is lost"),
] * 2
SCORES = {
    "saved_model.max_score_difference",
    "saved_model.grpc.max_score_difference",
    "saved_model.grpc.examples.max_score_difference",
}


@dataclass(frozen=True)
class Case:
    heads: tuple[Head, ...]
    segments: int

    @property
    def thresholds(self) -> tuple[float, ...]:
        return tuple(0.4 * (head.task == "multi_label") for head in self.heads for _ in head.outputs)


CASES = {
    "single_label": Case((MOOD,), 1),
    "ordinal": Case((STRENGTH,), 1),
    "regression": Case((AFFECT,), 1),
    "several heads, two segments": Case(SEVERAL, 2),
}


@pytest.fixture(scope="module", params=CASES)
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return _export(CASES[request.param], tmp_path_factory.mktemp("exported"))


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return _export(CASES["several heads, two segments"], tmp_path_factory.mktemp("everything"))


def _export(case: Case, directory: Path) -> Exported:
    return export_both(directory, heads=case.heads, thresholds=case.thresholds, segments=case.segments)


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Examples:
    examples = Examples(tmp_path_factory.mktemp("examples"))
    examples.split_dir("test").mkdir()
    records = [
        encode_example({"text": [text.encode()], "context": [context.encode()] if context else []})
        for text, context in PAIRS
    ]
    write_records(examples.split_dir("test") / "examples-00000-of-00001.tfrecord.gz", records)
    return examples


def prove(exported: Exported, examples: Examples, directory: Path) -> InfraBlessing:
    blessing = InfraBlessing(directory / "blessing")
    blessing.path.mkdir()
    # Random weights bear quantization worse than trained ones.
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


def test_true_exports_are_blessed(exported: Exported, examples: Examples, tmp_path: Path) -> None:
    blessing = prove(exported, examples, tmp_path)
    assert failed(blessing) == {}
    loaded = load_model(exported.model)
    tasks = {head.task for head in loaded.config.heads}
    names = {check.name for check in blessing.verdict().checks}
    assert names >= SCORES
    assert ("tflite_int8.decision_agreement" in names) == (tasks != {"regression"})
    assert ("tflite_int8.target_rms_difference" in names) == ("regression" in tasks)
    entry = json.loads(blessing.parity_path.read_text())["tflite_float32"]
    segments = loaded.tokenizer.segments
    assert entry["rows"] == len(PAIRS) + segments * len(HARD_TEXTS)
    assert ("context" in entry["worst"][0]) == (segments == 2)


def test_the_exports_say_what_they_are(exported: Exported) -> None:
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
    assert thresholds == {
        name: 0.4 for head in config.heads if head.task == "multi_label" for name in head.outputs
    }


@pytest.fixture
def url(exported: Exported, tmp_path: Path) -> Iterator[str]:
    (tmp_path / "1").symlink_to(exported.saved_model.saved_model_dir, target_is_directory=True)
    config = ServerConfig(
        model_base_path=tmp_path, model_name="emotion", host="127.0.0.1", port=0, rest_api_port=0
    )
    with ModelServer(config) as server:
        yield f"http://127.0.0.1:{server.rest_port}/v1/models/emotion"


def _post(url: str, document: dict[str, Any]) -> Any:
    with urllib.request.urlopen(url, data=json.dumps(document).encode(), timeout=30) as response:
        return json.load(response)


def test_rest_answers_every_call(exported: Exported, url: str) -> None:
    loaded = load_model(exported.model)
    heads, pairs = loaded.config.heads, loaded.tokenizer.segments == 2
    expected = loaded.scores([text for text, _ in PAIRS], contexts=[context for _, context in PAIRS])
    rows = [{"text": text, "context": context} if pairs else {"text": text} for text, context in PAIRS]
    predictions = _post(f"{url}:predict", {"instances": rows})["predictions"]
    np.testing.assert_allclose([row["scores"] for row in predictions], expected, rtol=1e-5, atol=1e-5)
    assert [row["predicted"] for row in predictions] == loaded.decide(expected).tolist()

    columns = dict(zip(loaded.config.labels, expected.T, strict=True))
    labels = [name for head in heads if head.task != "regression" for name in head.outputs]
    if labels:
        request = {"signature_name": "classify", "examples": rows}
        results = _post(f"{url}:classify", request)["results"]
        assert [[name for name, _ in row] for row in results] == [labels] * len(rows)
        found = [[score for _, score in row] for row in results]
        np.testing.assert_allclose(found, np.stack([columns[name] for name in labels], axis=1), atol=1e-5)
    for name in (name for head in heads if head.task == "regression" for name in head.outputs):
        request = {"signature_name": f"regress_{name}", "examples": rows}
        np.testing.assert_allclose(
            _post(f"{url}:regress", request)["results"], columns[name], rtol=1e-5, atol=1e-5
        )


def test_one_target_has_the_plain_name(tmp_path: Path) -> None:
    valence = Head(name="affect", task="regression", outputs=("valence",), mean=(3.0,), std=(0.5,))
    exported = export_both(tmp_path, heads=(valence,), thresholds=(0.0,))
    signatures = describe(exported.saved_model.saved_model_dir).signatures
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
    saved_model = SavedModelExport(directory / "saved_model")
    export_saved_model(saved_model.saved_model_dir, thresholds=thresholds, segments=2, **arguments)
    return replace(exported, saved_model=saved_model)


def columns_in_the_order(*order: int) -> Callable[[LoadedModel], Any]:
    return lambda loaded: lambda inputs: tf.gather(loaded.scoring_network(inputs), order, axis=1)


def sigmoid_everywhere(loaded: LoadedModel) -> Any:
    return lambda inputs: tf.concat(
        [tf.sigmoid(loaded.network(inputs)[:, :5]), loaded.scoring_network(inputs)[:, 5:]], axis=1
    )


def numbers_in_no_unit(loaded: LoadedModel) -> Any:
    return lambda inputs: tf.concat(
        [loaded.scoring_network(inputs)[:, :9], loaded.network(inputs)[:, -2:]], axis=1
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
        ({"network": columns_in_the_order(0, 1, 3, 2, 4, *range(5, 11))}, SCORES),
        ({"network": columns_in_the_order(*range(5), 8, 7, 6, 5, 9, 10)}, SCORES),
        ({"network": columns_in_the_order(*range(9), 10, 9)}, SCORES),
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
    everything: Exported, examples: Examples, tmp_path: Path, changes: dict[str, Any], expected: set[str]
) -> None:
    blessing = prove(exported_again(everything, tmp_path, **changes), examples, tmp_path)
    assert set(failed(blessing)) == expected
    assert blessing.refusal() is not None


def test_a_tflite_file_without_its_activation_is_refused(everything: Exported) -> None:
    from tflite.converter import convert
    from tflite.errors import RefusedModelError
    from tflite.guards import check_model
    from tflite.heads import Head as TFLiteHead

    loaded = load_model(everything.model)
    mood = TFLiteHead("mood", "single_label", tuple(str(number) for number in range(10)))
    content = convert(
        loaded.network,
        max_tokens=loaded.config.max_tokens,
        separator_id=loaded.tokenizer.end_id,
        variants=("float32",),
    )["float32"]
    with pytest.raises(RefusedModelError, match="head mood: scores are not probabilities"):
        check_model(
            content,
            parameters=loaded.network.count_params(),
            bytes_per_parameter=4,
            heads=(mood,),
            max_tokens=loaded.config.max_tokens,
            vocabulary_size=len(loaded.tokenizer.vocabulary),
            separator_id=loaded.tokenizer.end_id,
        )

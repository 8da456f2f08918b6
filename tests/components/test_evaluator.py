import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import f1_score

from components.core.artifacts import Examples, Model, ModelBlessing, ModelEvaluation
from components.core.errors import ConfigError, DataError
from components.evaluation.explanations.settings import ExplanationsConfig
from components.evaluation.measurement import as_json_values
from components.evaluation.stored_predictions import measure_predictions
from components.evaluator import ChangeThresholds, EvaluatorConfig, QualityThresholds, evaluator
from components.modeling.classifier import (
    BackboneConfig,
    ModelConfig,
    build_network,
    save_model,
)
from components.modeling.heads import Head
from components.modeling.tiny_encoder import TINY_VOCABULARY
from components.modeling.tokenization import in_graph_tokenizer
from tests.components.data_stages import generate
from tflite.host_tokenizer import TokenizerSpec
from tflite.text import CleaningRules

LABELS = ("joy", "anger", "fear")
KEYWORDS = {"joy": "happy", "anger": "angry", "fear": "scared"}
REACHABLE = QualityThresholds(macro_f1=0.5)


def labelled_texts(rows: int = 400) -> list[tuple[str, tuple[str, ...]]]:
    """A keyword gives each label away, save in every tenth text."""
    rng = np.random.default_rng(0)
    filler = ["i", "was", "at", "the", "game", "with", "my", "friend", "and", "it", "is", "all", "so", "new"]
    texts = []
    for row in range(rows):
        present = [label for label in LABELS if rng.random() < 0.35]
        words = [*rng.choice(filler, rng.integers(2, 14)), *(KEYWORDS[label] for label in present)]
        given = [label for label in LABELS if (label in present) != (row % 10 == 0 and rng.random() < 0.5)]
        texts.append((" ".join(rng.permutation(words)), tuple(given)))
    return texts


def write_examples(directory: Path, labels: Sequence[str] = LABELS) -> Examples:
    source = directory / "test.jsonl"
    directory.mkdir(parents=True)
    lines = [
        {"text": text, "labels": list(given), "source": "chat" if row % 4 else "mail"}
        for row, (text, given) in enumerate(labelled_texts())
    ]
    source.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return generate(
        directory,
        splits={"test": str(source)},
        columns={"text": "text", "labels": "labels", "slices": ["source"]},
        label_names=list(labels),
    )


def write_model(
    directory: Path,
    *,
    labels: tuple[str, ...] = LABELS,
    silent: str | None = None,
    diverged: bool = False,
    shuffled: bool = False,
    threshold: float = 0.5,
    seed: int = 1,
) -> Model:
    """A random encoder with a head that was fitted to the keywords.

    The weights of a `silent` label are zero, and its bias is low; `shuffled` fits the head to other texts' labels.
    """
    config = ModelConfig(
        heads=(Head(outputs=labels),),
        thresholds=(threshold,) * len(labels),
        max_tokens=32,
        encoder="tiny-random",
        for_tests_only=True,
        backbone=BackboneConfig(
            class_name="BertBackbone",
            arguments={
                "vocabulary_size": len(TINY_VOCABULARY),
                "num_layers": 2,
                "num_heads": 2,
                "hidden_dim": 32,
                "intermediate_dim": 64,
                "max_sequence_length": 64,
            },
        ),
    )
    rules = CleaningRules(lowercase=True, strip_accents=True, special_tokens={})
    spec = TokenizerSpec(vocabulary=TINY_VOCABULARY, rules=rules, max_tokens=32)
    keras.utils.set_random_seed(seed)
    network = build_network(config)
    texts = labelled_texts()
    inputs = in_graph_tokenizer(spec)(tf.constant([text for text, _ in texts]))
    pooled = keras.Model(network.inputs, network.get_layer("dropout").output)(inputs).numpy()
    targets = np.array([[label in given for label in labels] for _, given in texts])
    if shuffled:
        targets = np.random.default_rng(5).permutation(targets)
    features = np.hstack([pooled, np.ones((len(pooled), 1), np.float32)])
    # The encoder's last norm makes one direction constant: fitted, it would only be noise.
    head, *_ = np.linalg.lstsq(features, 8.0 * targets - 4.0, rcond=1e-6)
    if silent is not None:
        head[:, labels.index(silent)] = np.append(np.zeros(32), -9.0)
    if diverged:
        head[0] = np.nan
    network.get_layer("logits").set_weights([head[:-1], head[-1]])
    directory.mkdir(parents=True)
    save_model(Model(directory), network=network, config=config, tokenizer=spec)
    return Model(directory)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("evaluator")


@pytest.fixture(scope="module")
def examples(workshop: Path) -> Examples:
    return write_examples(workshop / "data")


@pytest.fixture(scope="module")
def model(workshop: Path) -> Model:
    return write_model(workshop / "model")


@pytest.fixture(scope="module")
def poor_model(workshop: Path) -> Model:
    return write_model(workshop / "poor_model", silent="fear")


class Judged:
    """What the stage left; most tests need no explanations and no behaviour, which cost more than the rest of it."""

    def __init__(self, directory: Path, *, whole: bool = False, **arguments: Any) -> None:
        directory.mkdir(parents=True)
        self.evaluation = ModelEvaluation(directory / "evaluation")
        self.blessing = ModelBlessing(directory / "blessing")
        self.evaluation.path.mkdir()
        self.blessing.path.mkdir()
        if not whole:
            less = {"explanations": ExplanationsConfig(errors=0), "robustness": None, "fairness": None}
            arguments["config"] = arguments["config"].model_copy(update=less)
        self.summary = evaluator(**arguments, evaluation=self.evaluation, blessing=self.blessing)
        self.metrics = self.evaluation.metrics()
        self.verdict = self.blessing.verdict()


@pytest.fixture(scope="module")
def judged(workshop: Path, examples: Examples, model: Model) -> Judged:
    config = EvaluatorConfig(thresholds=REACHABLE, explanations=ExplanationsConfig(errors=4))
    return Judged(workshop / "judged", whole=True, config=config, examples=examples, model=model)


def test_a_good_model_is_blessed(judged: Judged) -> None:
    assert judged.verdict.blessed
    assert judged.blessing.refusal() is None
    checks = {check.name: check for check in judged.verdict.checks}
    assert checks["macro_f1"].limit == 0.5
    assert "first model" in checks["macro_f1_drop"].message
    assert judged.summary["blessed"] is True
    assert judged.summary["macro_f1_low"] < judged.summary["macro_f1"] < judged.summary["macro_f1_high"]


def test_metrics_are_those_of_the_stored_predictions(judged: Judged) -> None:
    stored = np.load(judged.evaluation.predictions_path("test"))
    assert stored["outputs"].tolist() == list(LABELS)
    assert stored["scores"].dtype == np.float32
    assert stored["ids"][0].startswith("test.jsonl")
    decisions = stored["scores"] >= 0.5
    assert f1_score(stored["targets"], decisions, average="macro") == pytest.approx(
        judged.metrics["macro_f1"]["value"], abs=1e-9
    )
    by_label = f1_score(stored["targets"], decisions, average=None)
    assert [row["f1"]["value"] for row in judged.metrics["labels"]] == pytest.approx(by_label.tolist())
    assert [row["label"] for row in judged.metrics["labels"]] == list(LABELS)
    (again,) = as_json_values(measure_predictions([judged.evaluation.predictions_path("test")]))
    for name, figure in again.items():
        if isinstance(figure, dict) and "value" in figure:
            assert figure["value"] == pytest.approx(judged.metrics[name]["value"], abs=1e-12), name
        elif name != "labels":
            assert figure == judged.metrics[name], name
    aurocs = [row["auroc"] for row in judged.metrics["labels"]]
    assert [row["auroc"] for row in again["labels"]] == aurocs
    assert all(0.5 < auroc <= 1 for auroc in aurocs)
    assert judged.metrics["lrap"]["low"] < judged.metrics["lrap"]["value"] < judged.metrics["lrap"]["high"]
    calibration = judged.metrics["calibration"]
    squares = (stored["scores"] - stored["targets"]) ** 2
    assert calibration["brier"]["value"] == pytest.approx(squares.mean(), abs=1e-6)
    assert calibration["method"] == "none"
    assert len(calibration["bins"]) == 10


def test_a_model_for_tests_says_so(judged: Judged) -> None:
    assert judged.metrics["for_tests_only"] is True


def test_slices_and_worst_errors_are_reported(judged: Judged) -> None:
    slices = {(part["column"], part["value"]): part for part in judged.metrics["slices"]}
    assert slices["source", "mail"]["rows"] == 100
    assert slices["source", "chat"]["rows"] == 300
    assert sum(part["rows"] for (column, _), part in slices.items() if column == "text length") <= 400
    texts = dict(labelled_texts())
    errors = judged.metrics["worst_errors"]
    assert errors
    assert all(error["label"] not in texts[error["text"]] for error in errors)
    assert [error["score"] for error in errors] == sorted((error["score"] for error in errors), reverse=True)


def test_the_words_behind_the_worst_errors_are_named(judged: Judged) -> None:
    errors = judged.metrics["worst_errors"]
    assert ["tokens" in error for error in errors] == [True] * 4 + [False] * (len(errors) - 4)
    for error in errors[:4]:
        assert "".join(token["text"] for token in error["tokens"]) == error["text"]
        assert error["explained_label"] == error["label"]
        explanation = error["explanation"]
        assert explanation["complete"]
        assert explanation["score"] == pytest.approx(error["score"], abs=1e-5)
        assert sum(token["value"] for token in error["tokens"]) == pytest.approx(
            explanation["score"] - explanation["baseline_score"], rel=0.01, abs=5e-4
        )
        # The keyword is why the model gave the label, though the data say otherwise.
        strongest = max(error["tokens"], key=lambda token: token["value"])
        assert strongest["text"] == KEYWORDS[error["label"]]


def test_behaviour_is_measured_on_these_labels(judged: Judged) -> None:
    robustness = {test["name"]: test for test in judged.metrics["robustness"]["tests"]}
    assert robustness["letters_swapped"]["cases"] == 80
    assert robustness["upper_case"]["failed"] == 0
    assert {"plain joy", "plain anger", "plain fear"} <= robustness.keys()
    fairness = judged.metrics["fairness"]
    assert fairness["comparisons"] == len(fairness["groups"]) == len(LABELS) * 34
    assert fairness["largest_gap"]["output"] in LABELS


def test_own_cases_and_sentences_are_part_of_the_cache_key() -> None:
    config = EvaluatorConfig.model_validate(
        {"robustness": {"cases": "own.jsonl"}, "fairness": {"templates": "about.jsonl"}},
        context={"base": "/data"},
    )
    assert [found.path for found in config.external_inputs()] == ["/data/own.jsonl", "/data/about.jsonl"]
    assert set(config.external_versions()) == {"shipped cases.jsonl", "shipped templates.jsonl"}
    assert EvaluatorConfig(robustness=None, fairness=None).external_versions() == {}


def test_without_thresholds_nothing_is_blessed(tmp_path: Path, examples: Examples, model: Model) -> None:
    judged = Judged(tmp_path / "run", config=EvaluatorConfig(), examples=examples, model=model)
    assert not judged.metrics.keys() & {"robustness", "fairness"}, "switched off, they are not measured"
    assert not judged.verdict.blessed
    assert "evaluator.thresholds.macro_f1" in (judged.blessing.refusal() or "")


def test_a_model_below_a_threshold_is_refused_with_the_label_named(
    tmp_path: Path, examples: Examples, poor_model: Model
) -> None:
    config = EvaluatorConfig(thresholds=QualityThresholds(micro_f1=0.3, min_label_f1=0.2))
    judged = Judged(tmp_path / "run", config=config, examples=examples, model=poor_model)
    assert [check.name for check in judged.verdict.checks if not check.passed] == ["min_label_f1"]
    assert "fear" in judged.verdict.reasons[0]


def test_texts_are_timed_beside_those_of_the_last_model(
    tmp_path: Path, examples: Examples, model: Model, poor_model: Model
) -> None:
    """Bounds that any machine keeps, save the one that none does."""
    config = EvaluatorConfig.model_validate(
        {
            "thresholds": {"macro_f1": 0.5},
            "latency": {"texts": 10, "max_median_ms": 600_000, "max_p95_ms": 1e-6, "max_ratio": 600_000},
            "bootstrap_resamples": 200,
        }
    )
    judged = Judged(tmp_path / "run", config=config, examples=examples, model=model, baseline=poor_model)
    latency = judged.metrics["latency"]
    assert latency["texts"] == 10
    assert 2 < latency["tokens"] <= 32
    assert 0 < latency["median_ms"] <= latency["p95_ms"]
    assert latency["ratio"] == latency["median_ms"] / latency["baseline_median_ms"]
    checks = {check.name: check.passed for check in judged.verdict.checks if "latency" in check.name}
    assert checks == {
        "latency.max_median_ms": True,
        "latency.max_p95_ms": False,
        "latency.max_ratio": True,
    }


CHANGES = {"max_lrap_drop": 0.01, "max_micro_f1_drop": 0.01, "max_hamming_rise": 0.01}


@pytest.mark.parametrize(
    ("fault", "ranks_alike", "failed", "says"),
    [
        ({"silent": "fear"}, False, {"min_label_f1"}, "F1 of fear fell by 0.9"),
        ({"threshold": 0.9}, True, set(), "macro-F1 fell by"),
        (
            {"shuffled": True},
            False,
            {"macro_f1", "min_label_f1", "macro_auroc"},
            "area under the ROC curve is 0.6",
        ),
    ],
    ids=["weights of a label zeroed", "thresholds shifted", "labels shuffled"],
)
def test_a_broken_model_is_refused_for_what_is_broken(
    tmp_path: Path,
    examples: Examples,
    model: Model,
    fault: dict[str, Any],
    ranks_alike: bool,
    failed: set[str],
    says: str,
) -> None:
    config = EvaluatorConfig.model_validate(
        {
            "thresholds": {"macro_f1": 0.35, "min_label_f1": 0.3, "macro_auroc": 0.7},
            "change": CHANGES,
            "bootstrap_resamples": 200,
        }
    )
    broken = write_model(tmp_path / "model", **fault)
    judged = Judged(tmp_path / "run", config=config, examples=examples, model=broken, baseline=model)
    lost = {"macro_f1_drop", "micro_f1_drop", "hamming_rise", "label_f1_drop"}
    lost |= set() if ranks_alike else {"lrap_drop"}
    assert {check.name for check in judged.verdict.checks if not check.passed} == lost | failed
    assert says in " ".join(judged.verdict.reasons)


def test_a_model_of_another_seed_is_not_refused_for_noise(
    tmp_path: Path, examples: Examples, model: Model
) -> None:
    other = write_model(tmp_path / "model", seed=2)
    config = EvaluatorConfig.model_validate(
        {
            "thresholds": {"macro_f1": 0.35},
            "change": {**dict.fromkeys(CHANGES, 0.0), "max_macro_f1_drop": 0.0, "max_label_f1_drop": 0.0},
            "slice_limits": {"max_drop": 0.0},
            "bootstrap_resamples": 200,
        }
    )
    judged = Judged(tmp_path / "run", config=config, examples=examples, model=other, baseline=model)
    changes = judged.metrics["baseline"]["changes"]
    assert any(change["value"] != 0 for change in changes.values())
    assert judged.verdict.blessed, judged.verdict.reasons


def test_the_change_check_can_be_switched_off(
    tmp_path: Path, examples: Examples, model: Model, poor_model: Model
) -> None:
    config = EvaluatorConfig(
        thresholds=QualityThresholds(macro_f1=0.1),
        change=ChangeThresholds(max_macro_f1_drop=None, max_label_f1_drop=None),
    )
    judged = Judged(tmp_path / "run", config=config, examples=examples, model=poor_model, baseline=model)
    assert judged.verdict.blessed


def test_a_baseline_with_other_labels_cannot_be_compared(
    tmp_path: Path, examples: Examples, model: Model
) -> None:
    baseline = write_model(tmp_path / "baseline", labels=("joy", "anger"))
    config = EvaluatorConfig(thresholds=REACHABLE)
    judged = Judged(tmp_path / "run", config=config, examples=examples, model=model, baseline=baseline)
    assert judged.verdict.blessed
    assert "other labels" in judged.metrics["baseline"]["note"]
    assert any("other labels" in check.message for check in judged.verdict.checks)


def test_a_model_that_diverged_is_never_blessed(tmp_path: Path, examples: Examples) -> None:
    diverged = write_model(tmp_path / "model", diverged=True)
    config = EvaluatorConfig(thresholds=QualityThresholds(macro_f1=0.0))
    judged = Judged(tmp_path / "run", whole=True, config=config, examples=examples, model=diverged)
    assert [check.name for check in judged.verdict.checks if not check.passed] == ["finite_scores"]


def test_the_same_inputs_give_the_same_bytes(
    tmp_path: Path, examples: Examples, model: Model, judged: Judged
) -> None:
    config = EvaluatorConfig(thresholds=REACHABLE, explanations=ExplanationsConfig(errors=4))
    again = Judged(tmp_path / "again", whole=True, config=config, examples=examples, model=model)
    for file in judged.evaluation.path.iterdir():
        assert (again.evaluation.path / file.name).read_bytes() == file.read_bytes()
    assert again.blessing.verdict_path.read_bytes() == judged.blessing.verdict_path.read_bytes()


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"split": "tset"}, DataError, "no split 'tset', only test; change evaluator.split"),
        ({"slices": ("sauce",)}, ConfigError, "names 'sauce', but split 'test' has the slice columns source"),
    ],
)
def test_settings_that_do_not_fit_the_data(
    tmp_path: Path,
    examples: Examples,
    model: Model,
    settings: dict[str, Any],
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        Judged(tmp_path / "run", config=EvaluatorConfig(**settings), examples=examples, model=model)


def test_a_model_of_other_labels_is_the_wrong_model(tmp_path: Path, examples: Examples) -> None:
    other = write_model(tmp_path / "model", labels=("joy", "rage"))
    with pytest.raises(DataError, match=r"the model answers 'rage', which the data do not have"):
        Judged(tmp_path / "run", config=EvaluatorConfig(), examples=examples, model=other)


def test_length_slices_must_ascend() -> None:
    with pytest.raises(ValueError, match="expected ascending numbers of words"):
        EvaluatorConfig(length_slices=(10, 5))


def test_the_stage_module_loads_nothing_heavy() -> None:
    code = (
        "import sys, components.evaluator; "
        "print([name for name in ('numpy', 'tensorflow', 'keras', 'sklearn') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

from pathlib import Path

import numpy as np
import pytest

from components.core.errors import ConfigError
from components.core.verdict import Verdict
from components.evaluation.evaluator_config import EvaluatorConfig
from components.evaluation.gate import judge
from components.evaluation.limits import ChangeThresholds, QualityThresholds
from components.evaluation.limits_fit import require_fitting_limits
from components.modeling.heads import Head

NAN = float("nan")
OFF = {"max_macro_f1_drop": None, "max_pearson_drop": None, "max_label_f1_drop": None}


def figure(value, low=None, high=None):
    return {"value": value, "low": low, "high": high}


def label(name, f1, **figures):
    return {"label": name, "support": 6, "f1": figure(f1), **figures}


def document(head="emotion", task="multi_label", **figures):
    return {"head": head, "task": task, "baseline": {"note": "first model"}, "slices": [], **figures}


VAD = document("vad", "regression", pearson=figure(0.6), mae=figure(0.3))
POLARITY = document("polarity", "single_label", macro_f1=figure(0.7), accuracy=figure(0.8))


def verdict_of(heads, scores=None, top=None, **limits):
    limits.setdefault("change", OFF)
    scores = np.zeros((1, 1), np.float32) if scores is None else scores
    config = EvaluatorConfig.model_validate(limits)
    return judge({"heads": heads, **(top or {})}, scores, config)


def checks_of(heads, **arguments):
    checks = {check.name: check for check in verdict_of(heads, **arguments).checks}
    assert checks.pop("finite_scores").passed
    return checks


def test_without_any_limit_the_verdict_says_what_to_configure():
    verdict = verdict_of([document(macro_f1=figure(0.9))])
    assert not verdict.blessed
    assert "evaluator.thresholds.macro_f1" in " ".join(verdict.reasons)
    assert "evaluator.thresholds.pearson" in " ".join(verdict_of([VAD]).reasons)


@pytest.mark.parametrize(("value", "passed"), [(0.5, True), (0.4999, False), (NAN, False), (None, False)])
def test_a_lower_bound_is_reached_or_not(value, passed):
    check = checks_of([document(macro_f1=figure(value))], thresholds={"macro_f1": 0.5})["macro_f1"]
    assert (check.limit, check.passed) == (0.5, passed)
    assert "0.500" in check.message


@pytest.mark.parametrize(("value", "passed"), [(0.2, True), (0.21, False), (NAN, False), (None, False)])
def test_an_upper_bound_is_kept_or_not(value, passed):
    head = document(hamming=figure(value), calibration={"ece": figure(value), "brier": figure(0.1)})
    checks = checks_of([head], thresholds={"max_hamming": 0.2, "max_ece": 0.2, "max_brier": 0.2})
    assert checks["max_hamming"].passed is checks["max_ece"].passed is passed
    assert checks["max_brier"].message == "Brier score is 0.100, at most 0.200"


def test_the_lowest_label_is_named():
    head = document(macro_f1=figure(0.4), labels=[label("joy", 0.7), label("grief", 0.1)])
    check = checks_of([head], thresholds={"min_label_f1": 0.2})["min_label_f1"]
    assert check.message == "lowest F1 of a label is 0.100 (grief, 6 texts), below the required 0.200"


def test_a_label_without_f1_is_the_lowest():
    head = document(labels=[label("joy", 0.7), label("grief", None)])
    check = checks_of([head], thresholds={"min_label_f1": 0.0})["min_label_f1"]
    assert not check.passed


def test_single_labels_and_numbers_have_bounds_of_their_own():
    emotion = document(labels=[label("joy", 0.7, recall=0.9), label("grief", 0.1, recall=0.3, auroc=None)])
    vad = {**VAD, "targets": [{"target": "valence", "pearson": figure(0.6), "mae": figure(0.4)}]}
    limits = {
        "labels": {"grief": {"recall": 0.2, "f1": 0.2, "auroc": 0.5}, "joy": {"f1": 0.5}},
        "targets": {"valence": {"max_mae": 0.3}},
    }
    checks = checks_of([emotion, vad], thresholds=limits)
    assert {name: check.passed for name, check in checks.items()} == {
        "emotion.grief.recall": True,
        "emotion.grief.f1": False,
        "emotion.grief.auroc": False,
        "emotion.joy.f1": True,
        "vad.valence.max_mae": False,
    }
    message = "emotion: grief: F1 is 0.100 (6 texts), below the required 0.200"
    assert checks["emotion.grief.f1"].message == message


def compared(**baseline):
    return document(macro_f1=figure(0.5), labels=[label("joy", 0.5)], baseline={"changes": {}, **baseline})


@pytest.mark.parametrize(
    ("change", "passed", "says"),
    [
        (figure(-0.005, -0.02, 0.01), True, "fell by 0.005 (95 % interval -0.010 to +0.020)"),
        (figure(-0.03, -0.07, 0.01), True, "within the noise"),
        (figure(-0.03, -0.05, -0.01), False, "at most 0.010 may be lost"),
        (figure(-0.005, -0.008, -0.002), True, "within the limit"),
        (figure(0.03, 0.01, 0.05), True, "rose by 0.030"),
        (figure(NAN, -0.1, 0.1), False, "could not be measured"),
        (figure(None), False, "could not be measured"),
        ({}, False, "could not be measured"),
    ],
)
def test_only_a_loss_that_is_large_and_certain_refuses(change, passed, says):
    head = compared(changes={"macro_f1": change})
    check = checks_of([head], change={**OFF, "max_macro_f1_drop": 0.01})["macro_f1_drop"]
    assert check.passed is passed
    assert says in check.message


@pytest.mark.parametrize(
    ("change", "passed"), [(figure(0.1, 0.05, 0.2), False), (figure(-0.1, -0.2, -0.05), True)]
)
def test_errors_must_not_rise(change, passed):
    vad = {**VAD, "baseline": {"changes": {"mae": change}}}
    check = checks_of([vad], change={**OFF, "max_mae_rise": 0.05})["mae_rise"]
    assert check.passed is passed
    assert ("rose by 0.100" in check.message) is not passed


def test_the_label_that_lost_most_is_named():
    changes = [
        {"label": "joy", **figure(-0.3, -0.7, 0.1)},
        {"label": "grief", **figure(-0.2, -0.3, -0.1)},
        {"label": "fear", **figure(0.1, -0.1, 0.3)},
    ]
    head = compared(label_changes=changes)
    check = checks_of([head], change={**OFF, "max_label_f1_drop": 0.1})["label_f1_drop"]
    assert (check.value, check.passed) == (0.2, False)
    assert check.message.startswith("F1 of grief fell by 0.200 (95 % interval +0.100 to +0.300)")
    without = compared(label_changes=[changes[0], changes[2]])
    check = checks_of([without], change={**OFF, "max_label_f1_drop": 0.1})["label_f1_drop"]
    assert check.passed
    assert "F1 of joy" in check.message
    assert "within the noise" in check.message
    assert not checks_of([compared()], change={**OFF, "max_label_f1_drop": 0.1})["label_f1_drop"].passed


def test_the_first_model_has_nothing_to_lose():
    head = document(macro_f1=figure(0.5), labels=[label("joy", 0.5)])
    checks = checks_of([head], change={}, slice_limits={"max_drop": 0.1, "slices": ["none"]})
    assert checks["macro_f1_drop"].passed
    assert checks["macro_f1_drop"].value is None
    assert "first model" in checks["label_f1_drop"].message


def test_scores_that_are_no_numbers_refuse():
    scores = np.array([[0.1, np.nan], [0.3, 0.4]], np.float32)
    (check, *_) = verdict_of([POLARITY], scores).checks
    assert (check.name, check.value, check.passed) == ("finite_scores", 0.75, False)
    assert verdict_of([POLARITY], scores[1:]).checks[0].passed
    assert not verdict_of([POLARITY], scores[:0]).checks[0].passed


def test_a_limit_holds_for_the_heads_that_have_the_metric():
    limits = {"macro_f1": 0.6, "pearson": 0.7, "max_mae": 0.35}
    checks = checks_of([VAD, POLARITY], thresholds=limits)
    assert {name: check.passed for name, check in checks.items()} == {
        "vad.pearson": False,
        "vad.max_mae": True,
        "polarity.macro_f1": True,
    }
    assert checks["vad.pearson"].message == "vad: mean Pearson r is 0.600, below the required 0.700"
    assert checks["vad.max_mae"].message == "vad: mean absolute error is 0.300, at most 0.350"


def test_what_no_head_has_measured_refuses():
    limits = {"macro_f1": 0.5, "max_ece": 0.1, "labels": {"joy": {"f1": 0.1}}}
    checks = checks_of([VAD], thresholds=limits)
    assert not any(check.passed for check in checks.values())
    assert list(checks) == ["macro_f1", "max_ece", "joy.f1"]
    assert "could not be measured" in checks["macro_f1"].message


def test_a_head_may_have_limits_of_its_own():
    own = {"polarity": {"accuracy": 0.9}}
    checks = checks_of([VAD, POLARITY], thresholds={"pearson": 0.5}, head_thresholds=own)
    assert {name: check.passed for name, check in checks.items()} == {
        "vad.pearson": True,
        "polarity.accuracy": False,
    }


def test_changes_are_judged_by_head():
    worse = {**POLARITY, "baseline": {"changes": {"macro_f1": figure(-0.1, -0.2, -0.05)}}}
    checks = checks_of(
        [VAD, worse],
        thresholds={"macro_f1": 0.5},
        change={**OFF, "max_macro_f1_drop": 0.01, "max_pearson_drop": 0.01},
    )
    assert checks["vad.pearson_drop"].passed
    assert not checks["polarity.macro_f1_drop"].passed


def part(value, rows=200, f1=0.6, labels=5, gap=(0, -0.1, 0.1), change=(0, -0.1, 0.1)):
    return {
        "column": "source",
        "value": value,
        "rows": rows,
        "labels": labels,
        "macro_f1": f1,
        "micro_f1": figure(f1),
        "against_whole": figure(*gap),
        "against_baseline": figure(*change),
    }


def test_the_worst_large_slice_is_held_against_the_bound():
    slices = [
        part("chat"),
        part("mail", f1=0.4),
        part("fax", rows=99, f1=0.1),
        part("post", labels=0, f1=0.0),
    ]
    limits = {"micro_f1": 0.5, "macro_f1": 0.3}
    checks = checks_of([document(slices=slices)], slice_limits=limits)
    assert checks["slices.macro_f1"].passed
    message = "micro-F1 of the worst slice is 0.400 (source: mail), below the required 0.500"
    assert checks["slices.micro_f1"].message == message
    held = checks_of([document(slices=slices)], slice_limits={"micro_f1": 0.5, "slices": ["topic"]})
    assert not held["slices"].passed
    broken = [part("chat"), part("mail", f1=None)]
    assert not checks_of([document(slices=broken)], slice_limits={"micro_f1": 0.0})["slices.micro_f1"].passed


@pytest.mark.parametrize("name", ["text_length", "text length"])
def test_a_division_is_named_as_it_is_configured_or_as_it_is_shown(name):
    slices = [{**part("up to 5 words", f1=0.4), "column": "text length"}, part("chat", f1=0.1)]
    checks = checks_of([document(slices=slices)], slice_limits={"micro_f1": 0.3, "slices": [name]})
    assert checks["slices.micro_f1"].value == 0.4


def test_slices_must_neither_lie_far_below_the_whole_nor_fall():
    slices = [
        part("chat", gap=(-0.3, -0.5, 0.1)),
        part("mail", gap=(-0.2, -0.3, -0.1), change=(-0.2, -0.3, -0.1)),
    ]
    head = document(slices=slices, baseline={"changes": {}})
    checks = checks_of([head], slice_limits={"max_gap": 0.1, "max_drop": 0.1})
    assert not checks["slices.max_gap"].passed
    assert checks["slices.max_gap"].message.startswith(
        "micro-F1 of source: mail is 0.200 below that of all rows"
    )
    assert not checks["slices.max_drop"].passed
    assert "source: mail fell by 0.200" in checks["slices.max_drop"].message
    noise = checks_of([{**head, "slices": slices[:1]}], slice_limits={"max_gap": 0.1, "max_drop": 0.1})
    assert noise["slices.max_gap"].passed
    assert noise["slices.max_drop"].passed
    unknown = [{**slices[0], "against_whole": figure(NAN, NAN, NAN)}]
    assert not checks_of([{**head, "slices": unknown}], slice_limits={"max_gap": 1.0})[
        "slices.max_gap"
    ].passed


def behaviour(name, failed, rate):
    return {"name": name, "cases": 40, "failed": failed, "failure_rate": figure(rate)}


def test_failure_rates_are_held_by_test_and_over_all():
    made = {"failure_rate": figure(0.15), "tests": [behaviour("typos", 8, 0.2), behaviour("casing", 4, 0.1)]}
    limits = {"max_failure_rate": 0.2, "max_test_failure_rate": 0.15, "tests": {"casing": 0.05, "emoji": 0.5}}
    checks = checks_of([VAD], top={"robustness": made}, robustness_limits=limits)
    del checks["thresholds"]
    assert {name: check.passed for name, check in checks.items()} == {
        "robustness.max_failure_rate": True,
        "robustness.typos": False,
        "robustness.casing": False,
        "robustness.emoji": False,
    }
    message = "failure rate of the test typos is 0.200 (8 of 40 cases), above the allowed 0.150"
    assert checks["robustness.typos"].message == message
    assert "no test of that name, only typos, casing" in checks["robustness.emoji"].message
    nothing = checks_of([VAD], robustness_limits={"max_failure_rate": 1.0, "max_test_failure_rate": 1.0})
    assert [name for name, check in nothing.items() if check.passed] == []


@pytest.mark.parametrize(
    ("gap", "value", "passed", "says"),
    [
        ((-0.06, -0.1, -0.02), 0.06, False, "naming religion b (score of anger) lowers the score by 0.060"),
        ((0.04, 0.01, 0.07), 0.04, True, "raises the score by 0.040, the most of 952 gaps"),
        ((0.3, -0.1, 0.7), 0.0, True, "none of 952 gaps exceeds the noise"),
        (
            (NAN, 0.1, 0.7),
            None,
            False,
            "the score gap of religion b (score of anger) by identity group could not",
        ),
        ((None, None, None), None, False, "could not be measured"),
        (None, None, False, "could not be measured"),
    ],
)
def test_the_largest_gap_counts_if_it_is_no_accident(gap, value, passed, says):
    largest = gap and {"attribute": "religion", "group": "b", "output": "anger", **figure(*gap)}
    fairness = {"groups": [], "largest_gap": largest, "comparisons": 952}
    checks = checks_of([VAD], top={"fairness": fairness}, fairness_limits={"max_gap": 0.05})
    check = checks["fairness.max_gap"]
    assert (check.value, check.passed) == (value, passed)
    assert says in check.message


def test_size_and_time_have_bounds():
    top = {
        "size": {"parameters": 22_000_000, "bytes": 90_000_000},
        "latency": {
            "texts": 50,
            "tokens": 17,
            "median_ms": 6.0,
            "p95_ms": 9.0,
            "baseline_median_ms": 4.0,
            "ratio": 1.5,
        },
    }
    limits = {
        "size_limits": {"max_parameters": 21_000_000, "max_bytes": 100_000_000},
        "latency": {"max_median_ms": 10, "max_p95_ms": 8, "max_ratio": 1.2},
    }
    checks = checks_of([VAD], top=top, **limits)
    del checks["thresholds"]
    assert {name: check.passed for name, check in checks.items()} == {
        "size.max_parameters": False,
        "size.max_bytes": True,
        "latency.max_median_ms": True,
        "latency.max_p95_ms": False,
        "latency.max_ratio": False,
    }
    assert "22,000,000 parameters, above the allowed 21,000,000" in checks["size.max_parameters"].message
    assert "50 texts of 17 tokens" in checks["latency.max_median_ms"].message
    assert not any(check.passed for check in checks_of([VAD], **limits).values())
    first = {"latency": {key: value for key, value in top["latency"].items() if "ratio" not in key}}
    assert checks_of([VAD], top=first, latency={"max_ratio": 1.2})["latency.max_ratio"].passed


def test_a_verdict_reads_as_it_was_written(tmp_path: Path):
    verdict = verdict_of([document(macro_f1=figure(NAN))], thresholds={"macro_f1": 0.5})
    verdict.write(tmp_path / "verdict.json")
    (_, check) = Verdict.read(tmp_path / "verdict.json").checks
    assert (check.name, check.value, check.limit, check.passed) == ("macro_f1", None, 0.5, False)


HEADS = (
    Head(name="emotion", outputs=("joy", "grief")),
    Head(name="vad", task="regression", outputs=("valence",)),
)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (
            {"thresholds": {"accuracy": 0.5}},
            r"thresholds.accuracy can be met by none of the heads emotion \(multi_label",
        ),
        (
            {"thresholds": {"labels": {"joi": {"f1": 0.5}}}},
            "labels names 'joi', but the labels of the model are joy",
        ),
        (
            {"thresholds": {"targets": {"joy": {"ccc": 0.5}}}},
            "targets names 'joy', but the targets of the model are val",
        ),
        ({"head_thresholds": {"mood": {}}}, "names 'mood', but the heads of the model are emotion, vad"),
        ({"head_thresholds": {"vad": {"macro_f1": 0.5}}}, r"head_thresholds.vad.macro_f1 can be met by none"),
        ({"change": {"max_accuracy_drop": 0.1}}, "change.max_accuracy_drop can be met by none"),
        (
            {"robustness_limits": {"tests": {"negatd": 0.1}}},
            "robustness_limits.tests: no test is called 'negatd'; did you mean 'negated'",
        ),
        (
            {
                "robustness": {"perturbations": ["upper_case"], "shipped_cases": False},
                "robustness_limits": {"tests": {"negated": 0.1}},
            },
            "no test is called 'negated'; there are upper_case",
        ),
    ],
)
def test_a_limit_that_no_head_can_meet_is_a_mistake(limits, message):
    with pytest.raises(ConfigError, match=message):
        require_fitting_limits(EvaluatorConfig.model_validate(limits), HEADS)


def test_slices_of_an_order_have_no_mean_error():
    heads = [Head(task="ordinal", outputs=("low", "high"))]
    require_fitting_limits(EvaluatorConfig.model_validate({"thresholds": {"max_mae": 1.0}}), heads)
    with pytest.raises(ConfigError, match=r"slice_limits\.max_mae can be met by none of the heads"):
        require_fitting_limits(EvaluatorConfig.model_validate({"slice_limits": {"max_mae": 1.0}}), heads)


def test_a_limit_of_any_test_that_is_made_fits(tmp_path):
    own = tmp_path / "own.jsonl"
    own.write_text('{"test": "irony", "text": "Great, another Monday.", "reject": ["joy"]}\n')
    tests = dict.fromkeys(("negated", "upper_case", "plain gratitude", "irony"), 0.5)
    config = {"robustness": {"cases": str(own)}, "robustness_limits": {"tests": tests}}
    require_fitting_limits(EvaluatorConfig.model_validate(config), HEADS)


def test_every_limit_can_be_met_by_some_task():
    tasks = ("multi_label", "single_label", "ordinal", "regression")
    heads = [Head(name=task, task=task, outputs=("a", "b")) for task in tasks]
    thresholds = dict.fromkeys(QualityThresholds().model_dump(exclude={"labels", "targets"}), 0.5)
    change = dict.fromkeys(ChangeThresholds().model_dump(), 0.5)
    slices = {"micro_f1": 0.5, "macro_f1": 0.5, "pearson": 0.5, "max_mae": 0.5}
    limits = {"thresholds": thresholds, "change": change, "slice_limits": slices}
    require_fitting_limits(EvaluatorConfig.model_validate(limits), heads)


def test_limits_that_fit_are_none():
    limits = {
        "thresholds": {
            "macro_f1": 0.5,
            "max_mae": 1,
            "labels": {"joy": {"f1": 0.1}},
            "targets": {"valence": {}},
        },
        "slice_limits": {"pearson": 0.1, "micro_f1": 0.1},
    }
    require_fitting_limits(EvaluatorConfig.model_validate(limits), HEADS)
    require_fitting_limits(EvaluatorConfig(), HEADS[:1])
    require_fitting_limits(EvaluatorConfig(), HEADS[1:])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"slices": [], "slice_limits": {"micro_f1": 0.5}}, "slice_limits cannot be met without slices"),
        (
            {"robustness": None, "robustness_limits": {"tests": {"negated": 0.5}}},
            "robustness_limits cannot be met",
        ),
        ({"fairness": None, "fairness_limits": {"max_gap": 0.1}}, "fairness_limits cannot be met"),
    ],
)
def test_what_is_not_measured_has_no_limit(settings, message):
    with pytest.raises(ValueError, match=message):
        EvaluatorConfig.model_validate(settings)

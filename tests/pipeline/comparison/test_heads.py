import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from components.evaluation.head_measurement import measure_head
from components.evaluation.reliability import measure_reliability
from components.modeling.heads import Head
from pipeline.comparison.answers import EvaluatedRun, pair
from pipeline.comparison.flips import mcnemar
from pipeline.comparison.heads import head_changes
from pipeline.comparison.page import render_comparison
from pipeline.comparison.settings import config_changes

LABELS = ("joy", "fear", "grief")


def evaluated(*, wrong: float, rows: int = 300, threshold: float = 0.5, seed: int = 0) -> EvaluatedRun:
    """A run whose model is wrong about a share of the decisions; the truth and the texts are the same in all."""
    targets = (np.random.default_rng(7).random((rows, 3)) < 0.4).astype(np.float32)
    flipped = np.random.default_rng(seed).random(targets.shape) < wrong
    scores = np.where(flipped, 1 - targets, targets) * 0.8 + 0.1
    run = EvaluatedRun(
        split="test",
        heads=[Head(outputs=LABELS)],
        thresholds=[threshold] * 3,
        ids=np.array([f"row-{row}" for row in range(rows)]),
        texts=[f"text <b>{row}</b>" for row in range(rows)],
        scores=scores.astype(np.float32),
        targets=targets,
        metrics={},
    )
    (rows_of_head,) = run.head_rows().values()
    measured = measure_head(rows_of_head, resamples=100, seed=0)
    calibrated = measure_reliability(rows_of_head, {}, bins=10, resamples=100, seed=0)
    figures = {**measured.headline(), **measured.tables(), **calibrated}
    document = {"head": "emotion", "task": "multi_label", **figures}
    return replace(run, metrics={"heads": [json.loads(json.dumps(document))]})


BEFORE, AFTER = evaluated(wrong=0.1), evaluated(wrong=0.25, threshold=0.4, seed=1)


def compared(before: EvaluatedRun, after: EvaluatedRun):
    (head,) = head_changes(pair(before, after), resamples=200, seed=0, shown=5)
    return head


def test_runs_of_the_same_texts_are_paired_whatever_their_order():
    order = np.random.default_rng(3).permutation(300)
    straight, shuffled = compared(BEFORE, AFTER), compared(BEFORE, AFTER.in_order(order))
    assert straight["paired"]
    assert straight == shuffled
    macro = next(row for row in straight["metrics"] if row["metric"] == "macro_f1")
    assert macro["change"]["value"] == pytest.approx(macro["after"]["value"] - macro["before"]["value"])
    assert macro["change"]["low"] < macro["change"]["high"] < 0
    brier = next(row for row in straight["metrics"] if row["metric"] == "brier")
    assert 0 < brier["change"]["low"] < brier["change"]["value"]


def test_decisions_that_changed_are_counted_and_shown():
    flips = compared(BEFORE, AFTER)["flips"]
    truth = BEFORE.targets == 1
    right = [(run.scores >= run.thresholds[0]) == truth for run in (BEFORE, AFTER)]
    lost = right[0].all(axis=1) & ~right[1].all(axis=1)
    won = ~right[0].all(axis=1) & right[1].all(axis=1)
    assert (flips["right_to_wrong"], flips["wrong_to_right"]) == (lost.sum(), won.sum())
    assert flips["p"] == pytest.approx(binomtest(int(won.sum()), int(won.sum() + lost.sum())).pvalue)
    by_label = {row["label"]: row for row in flips["labels"]}
    assert by_label["joy"]["right_to_wrong"] == (right[0][:, 0] & ~right[1][:, 0]).sum()
    shown = flips["examples"]
    assert [row["direction"] for row in shown] == ["right_to_wrong"] * 5 + ["wrong_to_right"] * 5
    for row in shown:
        kept, other = ("before", "after") if row["direction"] == "right_to_wrong" else ("after", "before")
        assert row[kept] == row["right"] != row[other]


def test_labels_tell_their_change_and_their_threshold():
    joy = compared(BEFORE, AFTER)["labels"][0]
    assert (joy["label"], joy["threshold_before"], joy["threshold_after"]) == ("joy", 0.5, 0.4)
    assert joy["change"]["low"] <= joy["change"]["value"] <= joy["change"]["high"]


def test_other_texts_are_not_paired_and_that_is_said():
    alike = evaluated(wrong=0.12)
    fewer = alike.in_order(np.arange(250))
    pairing = pair(BEFORE, fewer)
    assert "300 and 250 texts, 250 in common" in pairing.why_not
    head = compared(BEFORE, fewer)
    assert not head["paired"]
    assert "flips" not in head
    paired, apart = (
        next(row["change"] for row in found["metrics"] if row["metric"] == "macro_f1")
        for found in (compared(BEFORE, alike), head)
    )
    assert apart["high"] - apart["low"] > paired["high"] - paired["low"]


def test_another_truth_is_not_paired():
    targets = AFTER.targets.copy()
    targets[0] = 1 - targets[0]
    head = compared(BEFORE, replace(AFTER, targets=targets))
    assert not head["paired"]
    assert "what is right" in head["note"]


def test_labels_that_come_and_go_are_named():
    other = replace(AFTER, heads=[Head(outputs=("joy", "fear", "pride"))])
    head = compared(BEFORE, other)
    assert (head["labels_added"], head["labels_removed"], head["paired"]) == (["pride"], ["grief"], False)


@pytest.mark.parametrize(("broken", "mended"), [(0, 0), (1, 0), (3, 9), (40, 40), (500, 430), (2000, 1)])
def test_mcnemar_is_the_binomial_test(broken: int, mended: int):
    expected = binomtest(broken, broken + mended).pvalue if broken + mended else 1.0
    assert mcnemar(broken, mended) == pytest.approx(expected, rel=1e-9)


def test_settings_that_differ_are_named_by_their_path():
    before = {"name": "a", "trainer": {"epochs": 3, "loss": {"name": "auto"}}, "tuner": None}
    after = {"name": "b", "trainer": {"epochs": 4, "loss": {"name": "auto"}}, "tuner": {"trials": 5}}
    assert config_changes(before, after) == [
        {"key": "trainer.epochs", "before": 3, "after": 4},
        {"key": "tuner.trials", "before": None, "after": 5},
    ]


def test_the_page_escapes_texts_and_names_what_changed():
    run = {
        "root": "starter",
        "run": 1,
        "pipeline": "starter",
        "state": "COMPLETE",
        "started_at": "2026-11-25T20:00:00+00:00",
    }
    check = {"passed": False, "value": 0.1, "limit": 0.5, "message": "macro-F1 is 0.100"}
    page = render_comparison(
        {
            "runs": [run, {**run, "run": 2}],
            "evaluated": {
                "split": ["test"] * 2,
                "texts": [300, 300],
                "common": 300,
                "paired": True,
                "note": "",
            },
            "heads": [compared(BEFORE, AFTER)],
            "heads_added": [],
            "heads_removed": [],
            "verdict": {
                "blessed": [None, False],
                "checks": [{"check": "macro_f1", "before": None, "after": check}],
            },
            "config": [{"key": "trainer.epochs", "before": 3, "after": 4}],
            "data": {
                "same": False,
                "same_model": False,
                "labels_added": ["pride"],
                "labels_removed": [],
                "figures": [{"split": "train", "figure": "rows", "before": 10, "after": 12}],
                "shares": [{"split": "train", "label": "joy", "before": 0.1, "after": 0.2}],
            },
        }
    )
    assert "text &lt;b&gt;" in page
    assert "<b>" not in page
    for said in (
        "McNemar",
        "trainer.epochs",
        "macro-F1 is 0.100",
        "No verdict before, not blessed after",
        "pride",
    ):
        assert said in page
    assert "http" not in page

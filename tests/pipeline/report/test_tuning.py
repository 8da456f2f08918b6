import re
from dataclasses import replace
from typing import Any

import pytest

from pipeline.report import ReportData, render_report
from pipeline.report.charts import scatter_chart
from pipeline.report.training import training
from pipeline.report.tuning import tuning
from tests.pipeline.report.page import Page


def _trial(
    number: int, state: str, metric: float | None, epochs: list[float], **values: Any
) -> dict[str, Any]:
    return {
        "number": number,
        "state": state,
        "values": values,
        "metric": metric,
        "epochs": epochs,
        "error": "ValueError: <b>no</b>" if state == "failed" else None,
        "seconds": 61.0,
    }


STUDY = {
    "metric": "macro-F1",
    "keys": {
        "learning_rate": {"logarithmic": True, "choices": None},
        "loss": {"logarithmic": False, "choices": ["auto", '{"name": "focal"}']},
    },
    "best": 4,
    "importances": {"learning_rate": 0.25, "loss": 0.75},
    "trials": [
        _trial(1, "complete", 0.41, [0.3, 0.41], learning_rate=1e-4, loss="auto"),
        _trial(2, "pruned", None, [0.2], learning_rate=1e-5, loss="auto"),
        _trial(3, "failed", None, [], learning_rate=1e-3, loss={"name": "focal"}),
        _trial(4, "complete", 0.52, [0.5, 0.52], learning_rate=3e-4, loss={"name": "focal"}),
        _trial(5, "complete", 0.47, [0.4, 0.47], learning_rate=5e-4, loss={"name": "focal"}),
    ],
}


@pytest.fixture(scope="module")
def data() -> ReportData:
    return ReportData(
        pipeline="toy", run_id=1, state="COMPLETE", created_at="2026-01-01T00:00:00", study=STUDY
    )


def test_the_history_rises_with_the_best_so_far(data: ReportData) -> None:
    found = tuning(data)
    assert found is not None
    history = found["history"]
    assert [point["number"] for point in history["points"]] == [1, 2, 4, 5]
    heights = [float(pair.split()[1]) for pair in history["path"][1:].split("L")]
    by_number = {point["number"]: point["y"] for point in history["points"]}
    expected = [by_number[1], by_number[1], by_number[4], by_number[4]]
    assert heights == pytest.approx(expected, abs=0.1)
    assert [point["number"] for point in history["points"] if point["marked"]] == [4]


def test_a_setting_has_a_chart_of_its_own(data: ReportData) -> None:
    found = tuning(data)
    assert found is not None
    rate, loss = (part["chart"] for part in found["slices"])
    xs = {point["number"]: point["x"] for point in rate["points"]}
    # Equal ratios, equal distances: from 1e-5 to 1e-4 is as far as from 5e-5 to 5e-4.
    assert (xs[1] - xs[2]) / (xs[5] - xs[2]) == pytest.approx(1 / 1.69897, rel=1e-3)
    assert [tick["label"] for tick in loss["x_ticks"]] == ["auto", '{"name": "focal"}']
    places = {point["number"]: point["x"] for point in loss["points"]}
    assert places[1] == places[2] == loss["x_ticks"][0]["at"]
    assert places[4] == places[5] == loss["x_ticks"][1]["at"]


def test_names_of_many_choices_are_cut_to_fit(data: ReportData) -> None:
    choices = [f"a long name {number}" for number in range(5)]
    trials = [_trial(number + 1, "complete", 0.5, [0.5], loss=name) for number, name in enumerate(choices)]
    keys = {"loss": {"logarithmic": False, "choices": choices}}
    found = tuning(replace(data, study={**STUDY, "keys": keys, "trials": trials}))
    assert found is not None
    labels = [tick["label"] for tick in found["slices"][0]["chart"]["x_ticks"]]
    assert labels == ["a long …"] * 5


def test_the_page_tells_of_the_search(data: ReportData) -> None:
    page = Page(render_report(data))
    assert "tuning" in page.sections
    assert "3 trials came to the end, 1 was pruned, 1 failed. The best one is trial 4" in page.text
    importances, trials = page.tables[0], page.tables[1]
    assert [row[0] for row in importances[1:]] == ["loss", "learning_rate"]
    assert [row[0] for row in trials[1:]] == ["4", "5", "1"]
    assert trials[1][1] == "0.5200"
    assert "ValueError: <b>no</b>" in page.text
    assert not re.search(r"<b>no</b>", page.html)


def test_a_run_without_a_search_says_nothing_of_it(data: ReportData) -> None:
    assert "tuning" not in Page(render_report(replace(data, study=None))).sections


def test_one_trial_is_a_search_too(data: ReportData) -> None:
    study = {**STUDY, "best": 1, "trials": STUDY["trials"][:1], "importances": {}}  # type: ignore[index]
    page = Page(render_report(replace(data, study=study)))
    assert "1 trial came to the end" in page.text


@pytest.mark.parametrize(
    ("low", "high", "labels"), [(1e-5, 1e-3, {"1e-05", "0.0001", "0.001"}), (2.0, 9.0, {"2", "5"})]
)
def test_a_logarithmic_axis_has_round_numbers(low: float, high: float, labels: set[str]) -> None:
    points = [{"x": low, "y": 0.0}, {"x": high, "y": 1.0}]
    assert labels <= {tick["label"] for tick in scatter_chart(points, logarithmic=True)["x_ticks"]}


def test_several_heads_have_a_curve_each(data: ReportData) -> None:
    epochs = [
        {
            "epoch": number,
            "loss": 1 / number,
            "validation_by_head": {"mood": 0.1 * number, "vad": 0.2},
            "input_share": 0.02,
        }
        for number in (1, 2)
    ]
    found = training(replace(data, training={"epochs": epochs, "best_epoch": 2}))
    assert found is not None
    assert [curve["title"] for curve in found["curves"]] == [
        "Training loss",
        "Validation, mood",
        "Validation, vad",
    ]
    assert found["input_share"] == pytest.approx(0.02)
    assert found["tokens_per_second"] is None

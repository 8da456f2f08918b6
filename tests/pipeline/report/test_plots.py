"""Vega-Lite charts as the page shows them."""

from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest

from pipeline.report.calibration import calibration
from pipeline.report.plots import draw, draw_facets
from pipeline.report.support import support_chart
from pipeline.report.thresholds import threshold_sweep

POINTS = [
    {"x": 0, "y": 0.25, "told": "<first> & lowest"},
    {"x": 1, "y": 0.5, "told": "second"},
    {"x": 2, "y": 1.0, "told": "third"},
]
SPEC = {
    "data": {"values": POINTS},
    "width": 100,
    "height": 50,
    "mark": {"type": "point", "filled": True, "fill": "var(--accent)"},
    "encoding": {
        "x": {"field": "x", "type": "quantitative"},
        "y": {"field": "y", "type": "quantitative", "scale": {"domain": [0, 1]}},
        "description": {"field": "told"},
    },
}


def image(drawing: str) -> ET.Element:
    return ET.fromstring(drawing)


def told(drawing: str) -> list[str | None]:
    return [title.text for title in image(drawing).iter("title")]


def test_a_chart_is_one_image_that_says_what_it_shows() -> None:
    found = image(draw(SPEC, label='three "points" & more'))
    assert found.tag == "svg"
    assert found.attrib["role"] == "img"
    assert found.attrib["aria-label"] == 'three "points" & more'
    assert not [element for element in found.iter() if element.get("aria-label") and element is not found]


def test_a_pointer_is_told_what_a_mark_is() -> None:
    assert told(draw(SPEC, label="points")) == ["<first> & lowest", "second", "third"]


def test_colours_are_those_of_the_page() -> None:
    colours = {
        element.attrib[name]
        for element in image(draw(SPEC, label="points")).iter()
        for name in ("fill", "stroke")
        if name in element.attrib
    }
    assert colours - {"none"} <= {"var(--accent)", "var(--muted)", "var(--line)", "transparent"}
    assert "var(--accent)" in colours


def test_panels_are_images_of_their_own_in_order() -> None:
    spec = {
        "data": {
            "values": [{"panel": panel, **point} for panel in range(12) for point in POINTS[: panel % 3 + 1]]
        },
        "facet": {"row": {"field": "panel", "title": None, "header": {"labels": False}}},
        "resolve": {"axis": {"x": "independent", "y": "independent"}},
        "spec": {key: SPEC[key] for key in ("width", "height", "mark", "encoding")},
    }
    panels = draw_facets(spec, labels=[f"panel {at}" for at in range(12)])
    assert [image(panel).attrib["aria-label"] for panel in panels] == [f"panel {at}" for at in range(12)]
    assert [len(told(panel)) for panel in panels] == [at % 3 + 1 for at in range(12)]
    with pytest.raises(ValueError, match="expected 3 panels, the chart has 12"):
        draw_facets(spec, labels=["a", "b", "c"])


def sweep(label: str, best: float) -> dict[str, object]:
    thresholds = (0.0, 0.25, 0.5, 0.75, 1.0)
    f1 = [1 - abs(best - threshold) for threshold in thresholds]
    # At the highest threshold nothing is given: there is no precision.
    points = [
        {
            "threshold": threshold,
            "precision": threshold if threshold < 1 else None,
            "recall": 1 - threshold,
            "f1": at,
        }
        for threshold, at in zip(thresholds, f1, strict=True)
    ]
    return {"label": label, "points": points}


def test_a_sweep_names_the_tuned_and_the_best_threshold_of_each_label() -> None:
    labels = [
        {"label": "fear", "threshold": 0.4, "support": 3},
        {"label": "joy", "threshold": 0.7, "support": 9},
    ]
    found = threshold_sweep({"labels": labels, "threshold_sweep": [sweep("fear", 0.5), sweep("joy", 0.75)]})
    assert found is not None
    assert [panel["label"] for panel in found["panels"]] == ["joy", "fear"], "the most frequent first"
    joy = image(found["panels"][0]["chart"])
    assert joy.attrib["aria-label"] == "joy: highest F1 1.000 at threshold 0.75; tuned threshold 0.700"
    assert told(found["panels"][0]["chart"]) == ["f1", "precision", "recall", "tuned threshold"]
    dashes = {path.attrib.get("stroke-dasharray") for path in joy.iter("path")}
    assert len(dashes) == 3, "the curves differ in more than colour"
    assert threshold_sweep({"labels": labels}) is None


def test_a_reliability_curve_leaves_out_what_was_not_seen() -> None:
    bins = [
        {"low": 0.0, "high": 0.5, "count": 90, "mean_score": 0.2, "share": 0.1},
        {"low": 0.5, "high": 0.75, "count": 0, "mean_score": None, "share": None},
        {"low": 0.75, "high": 1.0, "count": 10, "mean_score": 0.9, "share": 1.0},
    ]
    figure = {"value": 0.1, "low": 0.05, "high": 0.2}
    labels = [{"label": "joy", "ece": 0.02, "brier": 0.1}, {"label": "fear", "ece": 0.3, "brier": 0.2}]
    found = calibration(
        {
            "calibration": {
                "ece": figure,
                "brier": figure,
                "bins": bins,
                "labels": labels,
                "method": "temperature",
            }
        }
    )
    assert found is not None
    assert [(bin_["low"], bin_["count"]) for bin_ in found["bins"]] == [(0.0, 90), (0.75, 10)]
    assert [row["label"] for row in found["labels"]] == ["fear", "joy"]
    assert "one temperature" in found["method"]
    shown = told(found["chart"])
    assert shown.count("scores 0.75 to 1.00, 0.900 on average: 100.0 % of 10 have the label") == 3
    assert calibration({}) is None


def test_the_weakest_labels_are_named_where_they_do_not_cover_each_other() -> None:
    labels = [
        {
            "label": f"label {at}",
            "support": 10 * (at + 1),
            "f1": {"value": 0.1 + 0.01 * at, "low": 0.0, "high": 0.9},
        }
        for at in range(8)
    ]
    chart = image(support_chart({"labels": labels}))
    names = [text for text in chart.iter("text") if (text.text or "").startswith("label")]
    assert [name.text for name in names] == [f"label {at}" for at in range(5)]
    heights = [float(name.attrib["transform"].split(",")[1].rstrip(")")) for name in names]
    gaps = [low - high for low, high in pairwise(heights)]
    assert min(gaps) > 12
    assert support_chart({"labels": labels[:3]}) is None

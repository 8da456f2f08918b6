"""The quality of heads of every task, as the report shows it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.core.artifacts import ModelEvaluation
from components.evaluation.head_measurement import compare_heads, measure_head
from components.evaluation.head_rows import HeadRows, split_by_head
from components.evaluation.labelled_texts import LabelledTexts
from components.evaluation.measurement import write_json
from components.evaluation.scoring import Answers
from components.evaluation.slice_measurement import slice_table
from components.evaluation.slices import length_slices
from components.evaluation.worst_errors import worst_errors
from components.modeling.heads import Head, decide
from pipeline.config import parse_config
from pipeline.report import collect_report, render_report
from tests.pipeline.report.page import Page
from tests.pipeline.report.sample import sample_run

ROWS = 200
POLARITY = Head(name="polarity", task="single_label", outputs=("negative", "neutral", "positive"))
STARS = Head(name="stars", task="ordinal", outputs=("one", "two", "three"))
VAD = Head(name="vad", task="regression", outputs=("valence", "arousal"), mean=(3, 3), std=(1, 1))


def document(head: Head, *, compared: bool = False) -> dict[str, Any]:
    """What the Evaluator writes of a head that answers noise and some truth."""
    rng = np.random.default_rng(0)
    if head.task == "regression":
        targets = rng.normal(3, 0.5, (ROWS, 2)).astype(np.float32)
        scores = (0.5 * targets + rng.normal(1.5, 0.2, targets.shape)).astype(np.float32)
    else:
        targets = np.eye(3, dtype=np.float32)[rng.integers(3, size=ROWS)]
        scores = (0.3 * targets + rng.random(targets.shape)).astype(np.float32)
    texts = LabelledTexts(
        ids=[f"row-{row}" for row in range(ROWS)],
        texts=["word " * (row % 12 + 1) for row in range(ROWS)],
        targets=targets,
        slices={},
        contexts=["said before"] * ROWS,
    )
    thresholds = (0.0,) * len(head.outputs)
    answers = Answers(scores, decide((head,), scores, thresholds))
    (part,) = split_by_head((head,), answers, targets, thresholds)
    measured = measure_head(part, resamples=100, seed=0)
    return {
        "head": head.name,
        "task": head.task,
        **measured.headline(),
        **measured.tables(),
        "slices": slice_table(length_slices(texts, (5,)), part, min_rows=30, resamples=100, seed=0),
        "worst_errors": worst_errors(texts, part, limit=3),
        "baseline": _baseline(part) if compared else {"note": "first model"},
    }


def _baseline(part: HeadRows) -> dict[str, Any]:
    measured = measure_head(part, resamples=100, seed=0)
    return compare_heads(measured, part, part, bins=10, resamples=100, seed=0)


def render(root: Path, *documents: dict[str, Any]) -> Page:
    run = sample_run(root)
    evaluation = run.result.stages["evaluator"].outputs["evaluation"]
    assert isinstance(evaluation, ModelEvaluation)
    about = {"split": "test", "encoder": "minilm", "for_tests_only": False}
    write_json(evaluation.metrics_path, {**about, "heads": list(documents)})
    config = parse_config({"name": "tasks", "example_gen": {"source": "data/*.tsv"}})
    return Page(render_report(collect_report(run.result, config)))


def test_every_head_has_its_own_sections(tmp_path: Path) -> None:
    page = render(tmp_path / "run", document(POLARITY, compared=True), document(VAD))
    assert page.sections[1:7] == [
        "polarity-labels",
        "polarity-slices",
        "polarity-errors",
        "vad-numbers",
        "vad-slices",
        "vad-errors",
    ]
    identifiers = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    assert "polarity: Macro-F1" in page.text
    assert "vad: Mean Pearson r" in page.text
    assert "Against the last blessed model" in page.text


def test_one_head_of_numbers(tmp_path: Path) -> None:
    found = document(VAD)
    page = render(tmp_path / "run", found)
    assert page.sections[1:4] == ["numbers", "slices", "errors"]
    rows = page.table("Number", "Pearson r, 0 to 1")
    assert [row[0] for row in rows] == ["valence", "arousal"]
    assert rows[0][2] == f"{found['targets'][0]['pearson']['value']:.3f}"
    assert "Largest errors" in page.text
    assert "after: said before" in page.text
    assert "Mean concordance" in page.text


@pytest.mark.parametrize("head", [POLARITY, STARS])
def test_what_is_taken_for_what(tmp_path: Path, head: Head) -> None:
    found = document(head)
    page = render(tmp_path / "run", found)
    support = {row["label"]: row["support"] for row in found["labels"]}
    order = list(head.outputs) if head is STARS else sorted(support, key=lambda name: -support[name])
    rows = page.table("Label", *order)
    assert [row[0] for row in rows] == order
    first = head.outputs.index(order[0])
    share = found["confusion"][first][first] / support[order[0]]
    assert rows[0][1] == f"{100 * share:.0f}"
    averages = {row[0]: row[1] for row in page.table("Metric", "Value")}
    assert averages["Accuracy"] == f"{found['accuracy']['value']:.3f}"
    assert ("Quadratic weighted kappa" in averages) is (head is STARS)
    assert "Threshold" not in page.text

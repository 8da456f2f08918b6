"""Every metric of every task, of totals that were merged in any order, against scikit-learn and SciPy."""

import math
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as oracle

from components.evaluation.accumulators.head_totals import ModelTotals
from components.evaluation.head_measurement import measure_totals
from components.modeling.heads import Head

PRECISE = {"abs": 1e-6, "nan_ok": True}
NAN = float("nan")


@st.composite
def tables(draw: st.DrawFn, least_columns: int):
    """Scores and marks, both [rows, columns], with what makes metrics degenerate: ties, silence, one class only."""
    rows, columns = draw(st.integers(1, 25)), draw(st.integers(least_columns, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    distinct = draw(st.sampled_from([1, 2, 5, 1 << 20]))
    scores = (rng.integers(0, distinct, (rows, columns)) / max(1, distinct - 1)).astype(np.float32)
    marks = rng.random((rows, columns)) < draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))
    marks[:, draw(st.integers(0, columns - 1))] = draw(st.booleans())
    return scores, marks, rng


def measure(head: Head, scores: Any, targets: Any, thresholds: Any, rng: np.random.Generator):
    """What is measured of rows that come in parts, merged in any order, among rows of which nothing is known."""
    unknown = np.full((3, targets.shape[1]), np.nan)
    scores = np.concatenate([scores, rng.random(unknown.shape)]).astype(np.float32)
    targets = np.concatenate([targets, unknown]).astype(np.float32)
    order = rng.permutation(len(scores))
    totals = []
    for rows in np.array_split(order, rng.integers(1, 5)):
        totals.append(ModelTotals((head,), thresholds))
        for batch in np.array_split(rows, 2):
            totals[-1].add(scores[batch], targets[batch])
        if rng.random() < 0.5:
            totals[-1].compact()
    merged = ModelTotals((head,), thresholds)
    for part in totals:
        merged.merge(part)
    assert merged.rows == len(scores)
    measured = measure_totals(head, thresholds, merged.by_head[0])
    return {**measured.headline(), **measured.tables()}


def value(figure: Any) -> float:
    return figure["value"] if isinstance(figure, dict) else figure


def each(document: dict[str, Any], name: str) -> list[float]:
    return [value(row[name]) for row in document["labels"]]


def auroc(marks: Any, scores: Any) -> float:
    return float(oracle.roc_auc_score(marks, scores)) if 0 < marks.mean() < 1 else NAN


def average_precision(marks: Any, scores: Any) -> float:
    return float(oracle.average_precision_score(marks, scores)) if marks.any() else NAN


def mean(figures: list[float]) -> float:
    known = [figure for figure in figures if not math.isnan(figure)]
    return float(np.mean(known)) if known else NAN


@given(tables(least_columns=2))
@settings(max_examples=200)
def test_multi_label_metrics_are_scikit_learns(case):
    scores, marks, rng = case
    labels = marks.shape[1]
    thresholds = rng.choice([0.0, 0.3, 0.5, 2.0], labels).astype(np.float32)
    head = Head(outputs=tuple(f"label {label}" for label in range(labels)))
    found = measure(head, scores, marks, thresholds.tolist(), rng)
    decisions = scores >= thresholds
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, average in (("macro_f1", "macro"), ("micro_f1", "micro"), ("weighted_f1", "weighted")):
            expected = oracle.f1_score(marks, decisions, average=average)
            assert value(found[name]) == pytest.approx(expected, **PRECISE), name
        for name, expected in {
            "samples_f1": oracle.f1_score(marks, decisions, average="samples"),
            "jaccard": oracle.jaccard_score(marks, decisions, average="samples"),
            "macro_jaccard": oracle.jaccard_score(marks, decisions, average="macro"),
            "hamming": oracle.hamming_loss(marks, decisions),
            "subset_accuracy": oracle.accuracy_score(marks, decisions),
            "lrap": oracle.label_ranking_average_precision_score(marks, scores),
        }.items():
            assert value(found[name]) == pytest.approx(expected, **PRECISE), name
        by_label = oracle.precision_recall_fscore_support(marks, decisions)
    for name, expected in zip(("precision", "recall", "f1", "support"), by_label, strict=True):
        assert each(found, name) == pytest.approx(expected.tolist(), **PRECISE), name
    columns = list(zip(marks.T, scores.T, strict=True))
    precisions = [average_precision(*column) for column in columns]
    aurocs = [auroc(*column) for column in columns]
    assert each(found, "average_precision") == pytest.approx(precisions, **PRECISE)
    assert each(found, "auroc") == pytest.approx(aurocs, **PRECISE)
    assert found["macro_average_precision"] == pytest.approx(mean(precisions), **PRECISE)
    assert found["macro_auroc"] == pytest.approx(mean(aurocs), **PRECISE)
    together = found["co_occurrence"]
    assert together["counts"] == (marks.T.astype(int) @ marks).tolist()
    assert together["given"] == (marks.T.astype(int) @ decisions).tolist()


@given(tables(least_columns=2), st.sampled_from(["single_label", "ordinal"]))
@settings(max_examples=200)
def test_single_label_metrics_are_scikit_learns(case, task):
    scores, marks, rng = case
    labels = marks.shape[1]
    names = list(range(labels))
    scores = scores + np.float32(1e-9)
    scores /= scores.sum(axis=1, keepdims=True)
    right = marks.argmax(axis=1)
    targets = np.eye(labels)[right]
    head = Head(task=task, outputs=tuple(map(str, names)))
    found = measure(head, scores, targets, [0.0] * labels, rng)
    decided = scores.argmax(axis=1)
    held = scores.astype(np.float64).clip(2.0**-23, 1 - 2.0**-23)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = {
            "accuracy": oracle.accuracy_score(right, decided),
            "micro_f1": oracle.accuracy_score(right, decided),
            "balanced_accuracy": oracle.balanced_accuracy_score(right, decided),
            "macro_f1": oracle.f1_score(right, decided, labels=names, average="macro"),
            "weighted_f1": oracle.f1_score(right, decided, labels=names, average="weighted"),
            "kappa": oracle.cohen_kappa_score(right, decided, labels=names),
            "log_loss": oracle.log_loss(right, held, labels=names),
        }
        if task == "ordinal":
            expected["quadratic_kappa"] = oracle.cohen_kappa_score(
                right, decided, labels=names, weights="quadratic"
            )
            expected["mae"] = oracle.mean_absolute_error(right, decided)
        by_label = oracle.precision_recall_fscore_support(right, decided, labels=names)
    for name, figure in expected.items():
        # scikit-learn has no kappa where one label is all there is; here it is no better than chance.
        assert value(found[name]) == pytest.approx(0.0 if np.isnan(figure) else figure, **PRECISE), name
    for name, figures in zip(("precision", "recall", "f1", "support"), by_label, strict=True):
        assert each(found, name) == pytest.approx(figures.tolist(), **PRECISE), name
    columns = list(zip(targets.T, scores.T, strict=True))
    assert each(found, "auroc") == pytest.approx([auroc(*column) for column in columns], **PRECISE)
    precisions = [average_precision(*column) for column in columns]
    assert each(found, "average_precision") == pytest.approx(precisions, **PRECISE)
    assert found["confusion"] == oracle.confusion_matrix(right, decided, labels=names).tolist()


@given(
    st.integers(2, 30), st.integers(1, 3), st.sampled_from([0, 1, 6]), st.sampled_from([0.0, 1e4]), st.data()
)
@settings(max_examples=200)
def test_regression_metrics_are_scipys_and_scikit_learns(rows, targets, digits, offset, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    right = (rng.normal(offset, 1, (rows, targets)).round(digits)).astype(np.float32)
    predicted = (0.5 * right + rng.normal(2, 0.5, right.shape).round(digits)).astype(np.float32)
    if data.draw(st.booleans()):
        predicted[:, 0] = predicted[0, 0]
    head = Head(task="regression", outputs=tuple(map(str, range(targets))))
    found = measure(head, predicted, right, [0.0] * targets, rng)
    for row, x, y in zip(found["targets"], predicted.T.astype(float), right.T.astype(float), strict=True):
        varied = np.ptp(x) > 0 and np.ptp(y) > 0
        pearson = stats.pearsonr(x, y).statistic if varied else 0.0
        ranked = stats.spearmanr(x, y).statistic if varied else 0.0
        covariance = np.cov(x, y, bias=True)[0, 1]
        spread = x.var() + y.var() + (x.mean() - y.mean()) ** 2
        expected = {
            "pearson": pearson,
            "spearman": ranked,
            "ccc": 2 * covariance / spread if varied else 0.0,
            "mae": oracle.mean_absolute_error(y, x),
            "rmse": oracle.root_mean_squared_error(y, x),
            "mean": y.mean(),
            "deviation": y.std(),
            "predicted_deviation": x.std(),
        }
        for name, figure in expected.items():
            assert value(row[name]) == pytest.approx(figure, abs=1e-6, rel=1e-6), name


def test_intervals_are_only_where_rows_were_resampled():
    head = Head(outputs=("a", "b"))
    rng = np.random.default_rng(0)
    found = measure(head, rng.random((9, 2)), rng.random((9, 2)) < 0.5, [0.5, 0.5], rng)
    assert math.isnan(found["macro_f1"]["low"])
    assert math.isnan(found["lrap"]["high"])


@pytest.mark.parametrize("task", ["multi_label", "single_label"])
def test_scores_that_are_no_numbers_have_no_rank(task):
    head = Head(task=task, outputs=("a", "b"))
    scores = np.array([[NAN, 0.2], [0.4, 0.6], [0.9, 0.1]])
    found = measure(head, scores, np.array([[1, 0], [0, 1], [1, 0]]), [0.5, 0.5], np.random.default_rng(0))
    assert np.isnan(each(found, "auroc")).tolist() == [True, False]
    assert np.isnan(each(found, "average_precision")).tolist() == [True, False]
    assert math.isnan(value(found["lrap" if task == "multi_label" else "log_loss"]))

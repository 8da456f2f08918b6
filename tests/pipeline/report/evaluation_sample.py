"""What the Evaluator measures beyond F1, of synthetic scores: the keys of `metrics.json` that the report draws."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["behaviour", "calibration", "figure", "more_of_labels", "sweep", "token_values"]


def figure(value: float, half: float) -> dict[str, float]:
    return {"value": value, "low": max(0.0, value - half), "high": min(1.0, value + half)}


def sweep(
    labels: Sequence[str], scores: NDArray[np.float32], targets: NDArray[np.float32]
) -> list[dict[str, Any]]:
    """Precision, recall and F1 of each label at 21 thresholds."""
    thresholds = np.linspace(0, 1, 21)
    return [
        {"label": label, "points": [_point(scores[:, at], targets[:, at], float(t)) for t in thresholds]}
        for at, label in enumerate(labels)
    ]


def _point(scores: NDArray[np.float32], targets: NDArray[np.float32], threshold: float) -> dict[str, Any]:
    given = scores >= threshold
    right = float((given & (targets == 1)).sum())
    had = float(targets.sum())
    number = int(given.sum())
    return {
        "threshold": threshold,
        "precision": right / number if number else None,
        "recall": right / had if had else None,
        "f1": 2 * right / (number + had) if number + had else None,
    }


def calibration(
    labels: Sequence[str], scores: NDArray[np.float32], targets: NDArray[np.float32]
) -> dict[str, Any]:
    """Ten bins of equal width over the scores of all labels; the last one but one is left empty."""
    edges = np.linspace(0, 1, 11)
    flat, truth = scores.ravel(), targets.ravel()
    place = np.minimum((flat * 10).astype(int), 9)
    bins = []
    for at in range(10):
        inside = (place == at) & (at != 8)
        bins.append(
            {
                "low": float(edges[at]),
                "high": float(edges[at + 1]),
                "count": int(inside.sum()),
                "mean_score": float(flat[inside].mean()) if inside.any() else None,
                "share": float(truth[inside].mean()) if inside.any() else None,
            }
        )
    brier = ((scores - targets) ** 2).mean(axis=0)
    error = np.abs(scores.mean(axis=0) - targets.mean(axis=0))
    return {
        "ece": figure(0.0214, 0.0031),
        "brier": figure(float(brier.mean()), 0.002),
        "bins": bins,
        "labels": [
            {"label": label, "ece": float(error[at]), "brier": float(brier[at])}
            for at, label in enumerate(labels)
        ],
        "method": "platt",
        "before": {
            "ece": figure(0.0602, 0.004),
            "brier": figure(0.031, 0.002),
            "bins": [bin_ | {"share": bin_["share"] and bin_["share"] ** 1.6} for bin_ in bins],
        },
    }


def more_of_labels(targets: NDArray[np.float32], decisions: NDArray[np.bool_]) -> dict[str, Any]:
    """Averages beside F1."""
    both = (decisions & (targets == 1)).sum(axis=1)
    either = (decisions | (targets == 1)).sum(axis=1)
    jaccard = float(np.mean(both[either > 0] / either[either > 0]))
    return {
        "samples_f1": figure(0.517, 0.011),
        "jaccard": figure(jaccard, 0.009),
        "hamming": figure(float((decisions != (targets == 1)).mean()), 0.001),
        "lrap": figure(0.741, 0.008),
    }


def token_values(text: str, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Pieces that are together the text, each with what it did for the score of a label."""
    words = text.split(" ")
    values = rng.normal(0, 0.08, len(words)) + 0.3 * (rng.random(len(words)) > 0.85)
    return [
        {"text": f"{word} " if at < len(words) - 1 else word, "value": float(value)}
        for at, (word, value) in enumerate(zip(words, values, strict=True))
    ]


def behaviour() -> dict[str, Any]:
    """Robustness and fairness."""
    tests = [
        ("typos", "invariance", "two letters of a word change places", 200, 31, 0.155),
        ("casing", "invariance", "all letters are capitals", 200, 0, 0.0),
        ("negation", "directional", "a negation lowers the score of the label", 120, 44, 0.367),
        ("plain statements", "minimum functionality", "“I am so grateful for …” is gratitude", 60, 3, 0.05),
    ]
    example = {
        "before": "I love the new <i>station</i>",
        "after": "I love the new sattion",
        "label": "love",
        "score_before": 0.912,
        "score_after": 0.431,
        "why": "the label is lost: 0.431 is below the threshold 0.500",
    }
    groups = [
        ("religion", "Muslim", "anger", 0.031, 0.012),
        ("religion", "Christian", "anger", -0.012, 0.008),
        ("gender", "woman", "sadness", 0.008, 0.011),
        ("gender", "man", "sadness", -0.008, 0.011),
        ("ethnicity", "African American", "fear", 0.019, 0.009),
    ]
    return {
        "robustness": {
            "tests": [
                {
                    "name": name,
                    "kind": kind,
                    "what": what,
                    "cases": cases,
                    "failed": failed,
                    "failure_rate": figure(rate, 0.05),
                    "examples": [example] * min(failed, 2),
                }
                for name, kind, what, cases, failed, rate in tests
            ],
            "failure_rate": figure(0.134, 0.03),
            "skipped": [{"name": "contractions", "why": "no text of the split has one", "cases": 12}],
        },
        "fairness": {
            "groups": [
                {
                    "attribute": attribute,
                    "group": group,
                    "output": output,
                    "cases": 84,
                    "gap": {"value": gap, "low": gap - half, "high": gap + half},
                }
                for attribute, group, output, gap, half in groups
            ],
            "largest_gap": {
                "attribute": "religion",
                "group": "Muslim",
                "output": "anger",
                "value": 0.031,
                "low": 0.019,
                "high": 0.043,
            },
            "comparisons": 952,
        },
    }

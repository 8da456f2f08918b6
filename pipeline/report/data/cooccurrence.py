"""Which labels stand together on one text."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from pipeline.report.collect import ReportData

__all__ = ["LEVELS", "cooccurrence"]

LEVELS = (0.01, 0.03, 0.06, 0.12, 0.25)
"""Lowest share (0-1) of each shade of the heat map; each about twice the one before, and the same in every run."""

_LABELS_SHOWN = 40
_PAIRS_SHOWN = 8
_FEWEST = 20
"""Texts that a pair must be on to be called strong: with fewer, chance makes the ratio."""


def cooccurrence(data: ReportData) -> dict[str, Any] | None:
    """A heat map for each split (`maps`), the leading one first; None where no text has two labels."""
    statistics = data.statistics or {}
    labels = statistics.get("labels") or []
    maps = [
        _heat_map(split, labels, document)
        for split, document in (statistics.get("splits") or {}).items()
        if _has_pairs(document.get("cooccurrence"))
    ]
    return {"levels": LEVELS, "fewest": _FEWEST, "maps": maps} if maps else None


def _has_pairs(matrix: Sequence[Sequence[int]] | None) -> bool:
    return any(
        count for at, row in enumerate(matrix or ()) for column, count in enumerate(row) if column != at
    )


def _heat_map(split: str, labels: Sequence[str], document: Mapping[str, Any]) -> dict[str, Any]:
    matrix = document["cooccurrence"]
    frequent = sorted(range(len(labels)), key=lambda at: (-matrix[at][at], labels[at]))
    order = [at for at in frequent if matrix[at][at]][:_LABELS_SHOWN]
    return {
        "split": split,
        "labels": [labels[at] for at in order],
        "left_out": len(labels) - len(order),
        "rows": [
            {
                "label": labels[at],
                "texts": matrix[at][at],
                "cells": [_cell(matrix[at][other], matrix[at][at], same=at == other) for other in order],
            }
            for at in order
        ],
        **_pairs(labels, matrix, document["rows"]),
    }


def _cell(count: int, total: int, *, same: bool) -> dict[str, Any]:
    """One field of the map: how many of the row's texts have the column's label, too."""
    share = count / total
    return {
        "count": count,
        "share": share,
        "same": same,
        "level": sum(share >= lowest for lowest in LEVELS),
    }


def _pairs(
    labels: Sequence[str], matrix: Sequence[Sequence[int]], rows: int
) -> dict[str, list[dict[str, Any]]]:
    """The pairs on the most texts, and those with the highest `lift`: how many times as often as by chance."""
    found: list[dict[str, Any]] = [
        {
            "labels": sorted((labels[a], labels[b])),
            "count": matrix[a][b],
            "lift": matrix[a][b] * rows / (matrix[a][a] * matrix[b][b]),
        }
        for a, b in combinations(range(len(labels)), 2)
        if matrix[a][b]
    ]
    strong = [pair for pair in found if pair["count"] >= _FEWEST]
    return {
        "frequent": sorted(found, key=lambda pair: (-pair["count"], pair["labels"]))[:_PAIRS_SHOWN],
        "strong": sorted(strong, key=lambda pair: (-pair["lift"], pair["labels"]))[:_PAIRS_SHOWN],
    }

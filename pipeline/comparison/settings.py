"""What differs between two configurations, or between two descriptions of data."""

from collections.abc import Iterator, Mapping
from typing import Any

from components.core.artifacts import Examples, ExampleStatistics, Model
from pipeline.comparison.recorded_run import RecordedRun

__all__ = ["config_changes", "data_changes"]

_NOT_SETTINGS = ("name", "root", "work_dir")
"""Where a run is kept has no influence on it."""


def config_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`key` (dotted), `before` and `after` of every setting that differs; None for one that a run did not have."""
    old, new = dict(_leaves(before)), dict(_leaves(after))
    return [
        {"key": key, "before": old.get(key), "after": new.get(key)}
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key) and key not in _NOT_SETTINGS
    ]


def _leaves(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in document.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def data_changes(before: RecordedRun, after: RecordedRun) -> dict[str, Any]:
    """What differs in the examples and their statistics.

    Returns:
        `same` (whether the examples are equal to the byte; None if a run has none), `same_model`, `labels_added`,
        `labels_removed`, `figures` (`split`, `figure`, `before`, `after` of what differs) and `shares` (`split`,
        `label`, `before`, `after`: shares of texts that have the label, of those that differ, the farthest first).
    """
    digests = [run.digests.get(Examples) for run in (before, after)]
    models = [run.digests.get(Model) for run in (before, after)]
    found = [run.artifact(Examples) for run in (before, after)]
    old, new = (examples.labels() if examples is not None else () for examples in found)
    documents = [
        statistics.document()["splits"] if statistics is not None else {}
        for statistics in (run.artifact(ExampleStatistics) for run in (before, after))
    ]
    return {
        "same": None if None in digests else digests[0] == digests[1],
        "same_model": None if None in models else models[0] == models[1],
        "labels_added": [label for label in new if label not in old],
        "labels_removed": [label for label in old if label not in new],
        "figures": list(_figures(*documents)),
        "shares": _shares(*documents),
    }


def _figures(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for split in dict.fromkeys((*before, *after)):
        old, new = (dict(_figures_of(splits.get(split, {}))) for splits in (before, after))
        for figure in dict.fromkeys((*old, *new)):
            if old.get(figure) != new.get(figure):
                values = {"before": old.get(figure), "after": new.get(figure)}
                yield {"split": split, "figure": figure, **values}


def _figures_of(split: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """The few figures that tell what texts are like."""
    paths = {
        "rows": ("rows",),
        "mean words": ("length_words", "mean"),
        "mean tokens": ("length_tokens", "mean"),
        "unknown tokens (share)": ("tokens", "unknown_rate"),
        "texts with emoji (share)": ("emoji", "share"),
    }
    for name, path in paths.items():
        value: Any = split
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        if value is not None:
            yield name, value


def _shares(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for split in before.keys() & after.keys():
        old, new = before[split], after[split]
        for label in dict.fromkeys((*old["label_counts"], *new["label_counts"])):
            shares = [
                each["label_counts"].get(label, 0) / each["rows"] if each["rows"] else 0.0
                for each in (old, new)
            ]
            if shares[0] != shares[1]:
                rows.append({"split": split, "label": label, "before": shares[0], "after": shares[1]})
    return sorted(rows, key=lambda row: (-abs(row["after"] - row["before"]), row["split"], row["label"]))

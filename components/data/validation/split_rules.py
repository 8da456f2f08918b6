"""What may be wrong with splits, labels and rows, beyond what a schema can say."""

from collections.abc import Mapping, Sequence
from typing import Any

from components.data.validation.anomalies import Finding
from components.data.validation.duplicate_rules import why_empty

__all__ = ["check_dead_letters", "check_labels", "check_lengths", "check_splits"]

_MAX_SHOWN_LABELS = 8


def check_splits(
    rows: Mapping[str, int],
    *,
    required: Sequence[str],
    min_examples: int,
    duplicates: Mapping[str, Any] | None = None,
) -> list[Finding]:
    """Splits that are missing, empty or small.

    Args:
        rows: number of examples by split.
        required: splits that must be there and hold examples.
        min_examples: fewest examples of a split that is not small.
        duplicates: as in ExampleGen's `summary.json`; None if they were not looked for.
    """
    found = []
    for split in required:
        if split not in rows:
            there = ", ".join(rows) or "none"
            message = f"there is no {split} split, only {there}; add one to the data"
            if split == "validation":
                message += ", or set `example_gen.validation_share` to take it from train"
            else:
                message += ", or leave it out of `example_validator.required_splits`"
            found.append(Finding(split, "", "SPLIT_MISSING", message))
    for split, count in rows.items():
        if count == 0:
            message = why_empty(duplicates, split) or (
                "there are no examples in this split; add data, or change `example_gen.split_shares`"
            )
            found.append(Finding(split, "", "SPLIT_EMPTY", message))
        elif count < min_examples:
            message = (
                f"only {count:,} examples, fewer than {min_examples:,}; figures from this split say little"
            )
            found.append(Finding(split, "", "DATASET_LOW_NUM_EXAMPLES", message))
    return found


def check_labels(counts: Mapping[str, int], *, split: str, min_examples: int) -> list[Finding]:
    """Labels that the model has no or too few examples to learn from.

    Args:
        counts: examples by label in the training split.
        split: its name.
        min_examples: fewest examples of a label that is not rare.
    """
    found = []
    without = [label for label, count in counts.items() if count == 0]
    if without:
        message = f"no example has {_list(without)}; the model cannot learn what it never sees: add examples or drop it"
        found.append(Finding(split, "labels", "LABEL_WITHOUT_EXAMPLES", message))
    rare = [f"{label} ({count})" for label, count in counts.items() if 0 < count < min_examples]
    if rare:
        message = f"fewer than {min_examples} examples of {_list(rare)}; add examples, or merge them by `label_mapping`"
        together = next((mark for mark in ";|" if sum(mark in label for label in counts) > 1), None)
        if together is not None:
            message += f"; if {together!r} stands between labels, set `separator: {together!r}`"
        found.append(Finding(split, "labels", "RARE_LABEL", message))
    return found


def check_lengths(split: str, lengths: Mapping[str, Any] | None, *, max_words: int) -> list[Finding]:
    """Texts that are too long to be one utterance: mostly a quotation mark that was never closed.

    Args:
        split: where.
        lengths: profile of words per text, as in `statistics.json`; None if they were not counted.
        max_words: most words of a text that is not worth a word.
    """
    longest = (lengths or {}).get("max")
    if longest is None or longest <= max_words:
        return []
    message = (
        f"a text has {longest:,.0f} words where {max_words:,} are expected at most; look for a quotation mark that is "
        "not closed (`example_gen.quoting`), or divide documents into sentences"
    )
    return [Finding(split, "text", "TEXT_TOO_LONG", message)]


def check_dead_letters(summary: Mapping[str, Any], *, max_share: float) -> list[Finding]:
    """Rows that could not be used, before there are so many that ExampleGen fails.

    Args:
        summary: ExampleGen's `summary.json`.
        max_share: share (0-1) of all rows that may be dead letters without a word.
    """
    dead = summary.get("dead_letters", 0)
    rows = dead + sum(entry["rows"] for entry in summary.get("splits", {}).values())
    if not dead or dead / rows <= max_share:
        return []
    reasons = summary.get("dead_letters_by_reason", {})
    shown = _list(
        [f"{reason} ({count:,})" for reason, count in sorted(reasons.items(), key=lambda item: -item[1])]
    )
    message = (
        f"{dead:,} of {rows:,} rows cannot be used ({dead / rows:.1%}, limit {max_share:.1%})"
        f"{': ' + shown if shown else ''}; look into dead_letters of ExampleGen's examples and correct the source"
    )
    return [Finding("train", "", "DEAD_LETTERS_HIGH", message)]


def _list(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - _MAX_SHOWN_LABELS} more" if len(labels) > _MAX_SHOWN_LABELS else ""
    return ", ".join(labels[:_MAX_SHOWN_LABELS]) + more

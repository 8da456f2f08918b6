"""What may be wrong with splits, labels and texts, beyond what a schema can say."""

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

from components.data.anomalies import Finding

__all__ = ["check_labels", "check_leakage", "check_priors", "check_splits"]

_MAX_SHOWN_LABELS = 8
_FALSE_ALARMS = 0.01


def check_splits(rows: Mapping[str, int], *, required: Sequence[str], min_examples: int) -> list[Finding]:
    """Splits that are missing, empty or small.

    Args:
        rows: number of examples by split.
        required: splits that must be there and hold examples.
        min_examples: fewest examples of a split that is not small.
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
            message = "there are no examples in this split; add data, or change `example_gen.split_shares`"
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
        found.append(Finding(split, "labels", "RARE_LABEL", message))
    return found


def check_leakage(
    overlaps: Sequence[Mapping[str, Any]], rows: Mapping[str, int], *, max_share: float
) -> list[Finding]:
    """Texts that stand in two splits, so that one knows answers of the other.

    Args:
        overlaps: as in `statistics.json`.
        rows: number of examples by split.
        max_share: share (0-1) of the second split's rows up to which nothing is said.
    """
    found = []
    for overlap in overlaps:
        first, second = overlap["splits"]
        share = overlap["rows"][1] / rows[second]
        if share <= max_share:
            continue
        example = overlap["examples"][0]
        message = (
            f"{overlap['texts']:,} texts stand in {first}, too ({overlap['rows'][1]:,} rows, {share:.1%}; one is "
            f"{example!r}); remove them from one of the two, or have the rows dealt by hash"
        )
        found.append(Finding(second, "text", "TEXT_IN_TWO_SPLITS", message))
    return found


def check_priors(
    train: Mapping[str, int], other: Mapping[str, int], *, split: str, max_distance: float
) -> list[Finding]:
    """A label whose share differs between train and another split by more than `max_distance` and than chance explains.

    The distance is L-infinity, max |p - q| over the labels' shares of all labels given (TFDV's comparator). Chance is
    what the difference of two proportions exceeds once in a hundred times by the normal approximation, divided among
    the labels (Bonferroni), so that a small split or a long label list is no alarm of its own. For rare labels in a
    small split the approximation is rough: with 60 rows and 28 labels three alarms in a hundred were counted.

    Args:
        train: examples by label in the training split.
        other: examples by label in the other split.
        split: the other split's name.
        max_distance: largest distance (0-1) that is not worth a word.
    """
    total_train, total_other = sum(train.values()), sum(other.values())
    if not total_train or not total_other:
        return []
    shares = {label: (train[label] / total_train, other.get(label, 0) / total_other) for label in train}
    label, (expected, came) = max(shares.items(), key=lambda item: abs(item[1][0] - item[1][1]))
    distance = abs(expected - came)
    pooled = (train[label] + other.get(label, 0)) / (total_train + total_other)
    standard_error = math.sqrt(pooled * (1 - pooled) * (1 / total_train + 1 / total_other))
    chance = NormalDist().inv_cdf(1 - _FALSE_ALARMS / (2 * len(shares))) * standard_error
    if distance <= max(max_distance, chance):
        return []
    message = (
        f"{label} is {came:.1%} of the labels here but {expected:.1%} in train (distance {distance:.3f}, limit "
        f"{max_distance:.3f}); thresholds and scores carry over badly: divide the data anew, or collect alike"
    )
    return [Finding(split, "labels", "COMPARATOR_L_INFTY_HIGH", message)]


def _list(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - _MAX_SHOWN_LABELS} more" if len(labels) > _MAX_SHOWN_LABELS else ""
    return ", ".join(labels[:_MAX_SHOWN_LABELS]) + more

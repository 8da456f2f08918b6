"""Which statistics are held against which: splits against train or serving (skew), now against earlier (drift)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from components.data.validation.anomalies import Finding
from components.data.validation.schema_rules import is_checked
from components.data.validation.split_profile import SplitProfile

__all__ = ["Comparison", "check_control_data", "plan_comparisons"]

_SERVING = "SERVING"
"""TFDV's name for the environment in which there are no labels."""


@dataclass(frozen=True)
class Comparison:
    """Two splits, of which the second says what is usual.

    Attributes:
        kind: skew between data of one time, drift between an earlier time and now.
        treatment: what is looked at.
        control: what it is held against.
        control_name: what messages call the control.
    """

    kind: Literal["skew", "drift"]
    treatment: SplitProfile
    control: SplitProfile
    control_name: str


def plan_comparisons(
    current: Mapping[str, SplitProfile],
    previous: Mapping[str, SplitProfile] | None,
    serving: Mapping[str, SplitProfile] | None,
    *,
    previous_name: str = "the last accepted run",
) -> list[Comparison]:
    """Every other split against train, train against serving data, every split against its earlier self.

    Splits without examples are left out: there is nothing to compare.

    Args:
        current: splits of this run by name.
        previous: splits of earlier data; None if there are none.
        serving: splits of texts that the model is asked about; None if there are none.
        previous_name: what messages call the earlier data.
    """
    found: list[Comparison] = []
    train = current.get("train")
    if train is not None:
        found += [
            Comparison("skew", split, train, "train") for name, split in current.items() if name != "train"
        ]
        if serving:
            name = next((name for name in ("serving", "train") if name in serving), next(iter(serving)))
            found.append(Comparison("skew", train, serving[name], "the serving data"))
    for name, split in current.items():
        if previous and name in previous:
            found.append(Comparison("drift", split, previous[name], previous_name))
    return [one for one in found if one.treatment.rows and one.control.rows]


def check_control_data(
    schema: Any,
    comparisons: list[Comparison],
    current: Mapping[str, SplitProfile],
    previous: Mapping[str, SplitProfile] | None,
) -> list[Finding]:
    """Comparisons that the schema asks for but whose other side is not there, and splits that have no earlier self.

    TFDV is silent where there are no control data at all; here that is a finding, too.
    """
    found = [
        Finding(name, "", "COMPARATOR_CONTROL_DATA_MISSING", _no_split(previous))
        for name, split in current.items()
        if previous is not None and split.rows and name not in previous
    ]
    kinds = {comparison.kind for comparison in comparisons}
    first = next(iter(current), "train")
    for feature in filter(is_checked, schema.feature):
        for kind in ("skew", "drift"):
            if not feature.HasField(f"{kind}_comparator"):
                continue
            if kind not in kinds:
                message = _no_control(kind)
                found.append(Finding(first, feature.name, "COMPARATOR_CONTROL_DATA_MISSING", message))
            for comparison in _without_feature(comparisons, kind, feature):
                message = f"the schema asks for a {kind} comparison but {comparison.control_name} has no such feature"
                found.append(
                    Finding(
                        comparison.treatment.name,
                        feature.name,
                        "COMPARATOR_CONTROL_DATA_MISSING",
                        f"{message}; add it there, or remove the {kind}_comparator",
                    )
                )
    if schema.dataset_constraints.HasField("num_examples_drift_comparator") and "drift" not in kinds:
        found.append(Finding(first, "", "COMPARATOR_CONTROL_DATA_MISSING", _no_control("drift")))
    return found


def _without_feature(comparisons: list[Comparison], kind: str, feature: Any) -> Iterator[Comparison]:
    """Comparisons whose control lacks the feature though nothing says that it may."""
    for comparison in comparisons:
        excused = comparison.control_name == "the serving data" and _SERVING in feature.not_in_environment
        view = comparison.control.views.get(feature.name)
        if comparison.kind == kind and not excused and (view is None or not view.common.num_non_missing):
            yield comparison


def _no_control(kind: str) -> str:
    if kind == "drift":
        return (
            "the schema asks for a comparison with earlier data but there are none: no run before was accepted; "
            "name statistics in `example_validator.previous_statistics`, or run again when there is one"
        )
    return (
        "the schema asks for a comparison with other splits or serving data but there are none; name statistics in "
        "`example_validator.serving_statistics`, or remove the skew_comparator"
    )


def _no_split(previous: Mapping[str, SplitProfile] | None) -> str:
    return (
        f"this split cannot be compared: the earlier statistics hold only {', '.join(previous or ()) or 'no split'}; "
        "name others in `example_validator.previous_statistics`, or expect this once if the split is new"
    )

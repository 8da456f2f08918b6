"""Shifts between two data sets that are neither chance nor trifles, found without any schema.

A shift must be larger than a limit, so that huge data do not alarm on trifles, and significant, so that small data do
not alarm on chance. All tests of a run are one family (Holm), so that a run over unshifted data raises any alarm with
the probability `false_alarms` at most. That holds for rows drawn independently: where whole conversations or authors
are drawn, more shifts are found than there are.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from components.core import features
from components.data.statistics.measurement import Measurement, exceeded
from components.data.validation.anomalies import AnomalyType, Finding
from components.data.validation.comparators import (
    chi_square_test,
    cohens_h,
    holm,
    two_proportion_test,
)
from components.data.validation.comparisons import Comparison
from components.data.validation.histograms import kolmogorov_smirnov_distance, kolmogorov_smirnov_test
from serving.distances import l_infinity_distance, shares

__all__ = ["ShiftLimits", "measure_shifts", "summarize_shifts"]

_MAX_SHOWN_LABELS = 5


@dataclass(frozen=True)
class ShiftLimits:
    """The largest shifts that are not worth a word.

    Attributes:
        label: of a label's share of the rows, as Cohen's h.
        category: of any share of a column's values, as L-infinity distance.
        length: of the distribution of lengths, as Kolmogorov-Smirnov distance.
        false_alarms: how often a run over unshifted data may raise an alarm.
    """

    label: float
    category: float
    length: float
    false_alarms: float


def measure_shifts(comparisons: Iterable[Comparison], limits: ShiftLimits) -> list[Measurement]:
    """Tests every label, column and length of all comparisons, exceeded or not."""
    tests = [test for comparison in comparisons for test in _tests(comparison, limits)]
    adjusted = holm([test.p_value or 0.0 for test in tests])
    return [
        replace(test, p_value=p_value, exceeded=test.value > test.limit and p_value <= limits.false_alarms)
        for test, p_value in zip(tests, adjusted, strict=True)
    ]


def summarize_shifts(measurements: Sequence[Measurement]) -> list[Finding]:
    """A finding for each shift, the labels of one comparison being one."""
    found: list[Finding] = []
    labels: dict[tuple[str, str], list[Measurement]] = {}
    for one in measurements:
        if one.exceeded and one.type == "LABEL_PRIOR_SHIFT":
            labels.setdefault((one.split, one.control), []).append(one)
    for (split, control), shifted in labels.items():
        shifted.sort(key=lambda one: -one.value)
        shown = ", ".join(one.message for one in shifted[:_MAX_SHOWN_LABELS])
        more = f" and {len(shifted) - _MAX_SHOWN_LABELS} more" if len(shifted) > _MAX_SHOWN_LABELS else ""
        message = (
            f"labels are more or less frequent than in {control}, which chance does not explain: {shown}{more}; "
            "thresholds and scores carry over badly: divide the data anew, collect alike, or accept the change"
        )
        found.append(Finding(split, features.LABELS, "LABEL_PRIOR_SHIFT", message))
    return found + exceeded(one for one in measurements if one.type != "LABEL_PRIOR_SHIFT")


def _tests(comparison: Comparison, limits: ShiftLimits) -> Iterator[Measurement]:
    yield from _test_labels(comparison, limits)
    yield from _test_labels_per_text(comparison, limits)
    yield from _test_categories(comparison, limits)
    yield from _test_lengths(comparison, limits)


def _test_labels(comparison: Comparison, limits: ShiftLimits) -> Iterator[Measurement]:
    here, there = comparison.treatment, comparison.control
    if not sum(here.label_counts.values()) or not sum(there.label_counts.values()):
        return
    for label in {**there.label_counts, **here.label_counts}:
        count, usual = here.label_counts.get(label, 0), there.label_counts.get(label, 0)
        share, usual_share = min(1.0, count / here.rows), min(1.0, usual / there.rows)
        yield _shift(
            comparison,
            features.LABELS,
            "LABEL_PRIOR_SHIFT",
            at=label,
            value=cohens_h(share, usual_share),
            limit=limits.label,
            p_value=two_proportion_test(min(count, here.rows), here.rows, min(usual, there.rows), there.rows),
            message=f"{label} {share:.1%} (there {usual_share:.1%})",
        )


def _test_labels_per_text(comparison: Comparison, limits: ShiftLimits) -> Iterator[Measurement]:
    here, there = comparison.treatment.labels_per_text, comparison.control.labels_per_text
    if not here or not there:
        return
    number, distance = l_infinity_distance(here, there)
    share, usual = shares(here).get(number, 0.0), shares(there).get(number, 0.0)
    yield _shift(
        comparison,
        features.LABELS,
        "LABELS_PER_TEXT_SHIFT",
        at=number,
        value=distance,
        limit=limits.category,
        p_value=chi_square_test(here, there),
        message=f"{share:.1%} of the texts have {number} label{'' if number == '1' else 's'} but {usual:.1%} in "
        f"{comparison.control_name}; check `separator` and how the texts were annotated",
    )


def _test_categories(comparison: Comparison, limits: ShiftLimits) -> Iterator[Measurement]:
    usual_views = comparison.control.categories()
    for name, view in comparison.treatment.categories().items():
        usual = usual_views[name].counts if name in usual_views else {}
        if not view.counts or not usual:
            continue
        value, distance = l_infinity_distance(view.counts, usual)
        share, usual_share = shares(view.counts).get(value, 0.0), shares(usual).get(value, 0.0)
        yield _shift(
            comparison,
            name,
            "CATEGORY_SHIFT",
            at=value,
            value=distance,
            limit=limits.category,
            p_value=chi_square_test(view.counts, usual),
            message=f"{value!r} is {share:.1%} of the values but {usual_share:.1%} in {comparison.control_name}, which "
            "chance does not explain; collect alike, or accept the change",
        )


def _test_lengths(comparison: Comparison, limits: ShiftLimits) -> Iterator[Measurement]:
    here, there = comparison.treatment.lengths, comparison.control.lengths
    if here is None or there is None:
        return
    distance = kolmogorov_smirnov_distance(here, there)
    yield _shift(
        comparison,
        features.TEXT,
        "LENGTH_SHIFT",
        at="",
        value=distance,
        limit=limits.length,
        p_value=kolmogorov_smirnov_test(distance, here.total, there.total),
        message=f"texts have other lengths than in {comparison.control_name} (Kolmogorov-Smirnov distance "
        f"{distance:.3f}, limit {limits.length:g}), which chance does not explain; look at both, or accept the change",
    )


def _shift(
    comparison: Comparison,
    feature: str,
    kind: AnomalyType,
    *,
    at: str,
    value: float,
    limit: float,
    p_value: float,
    message: str,
) -> Measurement:
    """A measurement that is not judged yet."""
    return Measurement(
        split=comparison.treatment.name,
        control=comparison.control_name,
        comparison=comparison.kind,
        feature=feature,
        type=kind,
        at=at,
        value=value,
        limit=limit,
        p_value=p_value,
        exceeded=False,
        message=message,
    )

"""ExampleValidator: where the examples differ from what they should be, told before any training."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field

from components.core.artifacts import ExampleAnomalies, Examples, ExampleStatistics, Schema
from components.core.component import Output, Summary, component
from components.core.config import Config, InputPath
from components.data.validation.anomalies import AnomalyType, Finding, Severity

if TYPE_CHECKING:
    from components.data.statistics.measurement import Measurement
    from components.data.validation.split_profile import SplitProfile

__all__ = ["ExampleValidatorConfig", "example_validator"]


class ExampleValidatorConfig(Config):
    """What counts as an anomaly, and how bad it is."""

    required_splits: tuple[str, ...] = ("train", "validation", "test")
    """Splits that must be there and hold examples: to learn from, to choose thresholds on, to judge by."""

    min_examples: int = Field(default=50, ge=0)
    """Fewest examples of a split that is not called small: below, a macro-F1 is mostly chance."""

    min_label_examples: int = Field(default=20, ge=0)
    """Fewest training examples of a label that is not called rare: below, it is seldom learned."""

    max_words: int = Field(default=2_000, ge=1)
    """Most words of a text that is not called too long: more is no utterance but a quotation mark left open."""

    max_dead_letter_share: float = Field(default=0.005, ge=0, le=1)
    """Share (0-1) of rows that may be unusable without a word; half of that with which ExampleGen fails."""

    max_leaked_share: float = Field(default=0.0, ge=0, le=1)
    """Share (0-1) of a split's rows whose text, or nearly the same, may also stand in another split without a word."""

    max_conflicting_share: float = Field(default=0.01, ge=0, le=1)
    """Share (0-1) of all rows whose text may stand elsewhere with other labels without a word: people disagree on a few
    texts, more of them are a fault of the data."""

    max_foreign_share: float = Field(default=0.1, ge=0, le=1)
    """Share (0-1) of texts in languages and scripts other than the schema's that is not worth a word; the language of a
    short text is a guess that is often wrong."""

    max_label_shift: float = Field(default=0.1, ge=0, le=3.2)
    """Largest change of a label's share of the texts, between splits or since the last run, that is not worth a word,
    as Cohen's h (0 to pi): 0.1 is from 1 % to 2.2 %, from 10 % to 13.3 %, from 50 % to 55 %."""

    max_category_shift: float = Field(default=0.05, ge=0, le=1)
    """Likewise of the values of a slice column and of the number of labels a text has, as the largest difference of
    their shares (0-1)."""

    max_length_shift: float = Field(default=0.1, ge=0, le=1)
    """Likewise of the distribution of text lengths, as Kolmogorov-Smirnov distance (0-1)."""

    false_alarms: float = Field(default=0.01, gt=0, lt=1)
    """How often a run over data without any shift may call one: a shift must exceed its limit and what chance explains
    at this level, all tests of a run taken together."""

    previous_statistics: InputPath | None = None
    """Statistics of earlier data, with which splits of the same name are compared: a directory as StatisticsGen writes
    it, or a `FeatureStats.pb`. The last run of this pipeline whose data were accepted, if not given."""

    serving_statistics: InputPath | None = None
    """Statistics of texts that the model is asked about, with which train is compared."""

    severities: Mapping[AnomalyType, Severity] = Field(default_factory=dict)
    """`ERROR` (stops the pipeline before training), `WARNING` or `OFF` by type of anomaly, where the default does not
    suit. The types and defaults are in `components.data.validation.anomalies`."""


@component()
def example_validator(
    *,
    config: ExampleValidatorConfig,
    statistics: ExampleStatistics,
    schema: Schema,
    examples: Examples,
    baseline: ExampleStatistics | None,
    anomalies: Output[ExampleAnomalies],
) -> Summary:
    """Holds every split against the schema, the other splits and earlier data, and writes down what is odd.

    Anomalies are a result: with an ERROR among them the artifact refuses the stages after it.

    Raises:
        UserError: the statistics to compare with are not there.
    """
    from components.data.validation.anomalies import rate
    from components.data.validation.schema_rules import compare_with_schema
    from components.data.validation.schema_text import parse_schema
    from components.data.validation.split_profile import read_profiles

    expected = parse_schema(schema.pbtxt_path.read_text(encoding="utf-8"), str(schema.pbtxt_path))
    current = read_profiles(str(statistics.path))
    findings = _check_document(config, current, examples.summary())
    for profile in current.values():
        findings += compare_with_schema(
            profile.dataset, expected, profile.document, max_foreign_share=config.max_foreign_share
        )
    measured, compared = _compare(config, current, expected, baseline)
    rated = rate(findings + compared, config.severities)

    _write(rated, measured, expected, tuple(current), anomalies)
    errors = [anomaly for anomaly in rated if anomaly.severity == "ERROR"]
    return {"errors": len(errors), "warnings": len(rated) - len(errors), "first": _first(rated)}


def _check_document(
    config: ExampleValidatorConfig, current: Mapping[str, "SplitProfile"], summary: Mapping[str, Any]
) -> list[Finding]:
    """The checks that need neither a schema nor other data."""
    from components.data.validation.duplicate_rules import check_conflicts, check_leakage, check_moved
    from components.data.validation.split_rules import (
        check_dead_letters,
        check_labels,
        check_lengths,
        check_splits,
    )

    rows = {split: profile.rows for split, profile in current.items()}
    duplicates = summary.get("duplicates")
    findings = check_splits(
        rows, required=config.required_splits, min_examples=config.min_examples, duplicates=duplicates
    )
    findings += check_dead_letters(summary, max_share=config.max_dead_letter_share)
    findings += check_moved(duplicates, min_examples=config.min_examples)
    findings += check_leakage(duplicates, rows, max_share=config.max_leaked_share)
    findings += check_conflicts(duplicates, rows, max_share=config.max_conflicting_share)
    for split, profile in current.items():
        findings += check_lengths(split, profile.document.get("length_words"), max_words=config.max_words)
    if rows.get("train"):
        counts = current["train"].label_counts
        findings += check_labels(counts, split="train", min_examples=config.min_label_examples)
    return findings


def _compare(
    config: ExampleValidatorConfig,
    current: Mapping[str, "SplitProfile"],
    expected: Any,
    baseline: ExampleStatistics | None,
) -> tuple[list["Measurement"], list[Finding]]:
    """Skew between splits and against serving data, drift against earlier data: what was measured, what is odd."""
    from components.data.statistics.measurement import exceeded
    from components.data.validation.comparator_rules import measure_comparators
    from components.data.validation.comparisons import check_control_data, plan_comparisons
    from components.data.validation.shift_rules import ShiftLimits, measure_shifts, summarize_shifts
    from components.data.validation.split_profile import read_profiles

    earlier = config.previous_statistics or (str(baseline.path) if baseline is not None else None)
    previous = read_profiles(earlier) if earlier is not None else None
    serving = read_profiles(config.serving_statistics) if config.serving_statistics is not None else None
    known_as = "the earlier data" if config.previous_statistics is not None else "the last accepted run"
    comparisons = plan_comparisons(current, previous, serving, previous_name=known_as)
    asked = [measured for comparison in comparisons for measured in measure_comparators(comparison, expected)]
    limits = ShiftLimits(
        config.max_label_shift, config.max_category_shift, config.max_length_shift, config.false_alarms
    )
    shifts = measure_shifts(comparisons, limits)
    findings = check_control_data(expected, comparisons, current, previous)
    return [*asked, *shifts], [*findings, *exceeded(asked), *summarize_shifts(shifts)]


def _write(
    rated: Sequence[Any],
    measured: Sequence["Measurement"],
    schema: Any,
    present: Sequence[str],
    anomalies: ExampleAnomalies,
) -> None:
    from components.data.statistics.measurement import add_measurements
    from components.data.validation.anomalies import anomalies_proto

    for split in dict.fromkeys([*present, *(anomaly.split for anomaly in rated)]):
        own = [anomaly for anomaly in rated if anomaly.split == split]
        proto = anomalies_proto(schema, own, data_missing=split not in present)
        add_measurements(proto, [one for one in measured if one.split == split])
        path = anomalies.anomalies_path(split)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(proto.SerializeToString(deterministic=True))
    for path, entries in (
        (anomalies.json_path, [anomaly.to_json() for anomaly in rated]),
        (anomalies.comparisons_path, [measurement.to_json() for measurement in measured]),
    ):
        content = json.dumps(entries, indent=2, ensure_ascii=False)
        path.write_text(content + "\n", encoding="utf-8")


def _first(rated: Sequence[Any]) -> str | None:
    return f"{rated[0].severity} {rated[0].split}: {rated[0].message}" if rated else None

"""ExampleValidator: where the examples differ from what they should be, told before any training."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from components.core.artifacts import ExampleAnomalies, ExampleStatistics, Schema
from components.core.component import Output, Summary, component
from components.core.config import Config
from components.data.anomalies import AnomalyType, Finding, Severity

__all__ = ["ExampleValidatorConfig", "example_validator"]


class ExampleValidatorConfig(Config):
    """What counts as an anomaly, and how bad it is."""

    required_splits: tuple[str, ...] = ("train", "validation", "test")
    """Splits that must be there and hold examples: to learn from, to choose thresholds on, to judge by."""

    min_examples: int = Field(default=50, ge=0)
    """Fewest examples of a split that is not called small: below, a macro-F1 is mostly chance."""

    min_label_examples: int = Field(default=20, ge=0)
    """Fewest training examples of a label that is not called rare: below, it is seldom learned."""

    max_leaked_share: float = Field(default=0.0, ge=0, le=1)
    """Share (0-1) of a split's rows whose text may also stand in another split without a word."""

    max_label_shift: float = Field(default=0.05, ge=0, le=1)
    """Largest difference (0-1) between a label's share in train and in another split that is not worth a word; one that
    chance explains never is."""

    severities: Mapping[AnomalyType, Severity] = Field(default_factory=dict)
    """`ERROR` (stops the pipeline before training), `WARNING` or `OFF` by type of anomaly, where the default does not
    suit. The types and defaults are in `components.data.anomalies`."""


@component()
def example_validator(
    *,
    config: ExampleValidatorConfig,
    statistics: ExampleStatistics,
    schema: Schema,
    anomalies: Output[ExampleAnomalies],
) -> Summary:
    """Holds every split against the schema, checks splits, labels and leakage, and writes down what is odd.

    Anomalies are a result: with an ERROR among them the artifact refuses the stages after it.
    """
    from components.data.anomalies import rate
    from components.data.dataset_statistics import read_statistics
    from components.data.schema_inference import parse_schema
    from components.data.schema_rules import compare_with_schema

    expected = parse_schema(schema.pbtxt_path.read_text(encoding="utf-8"), str(schema.pbtxt_path))
    findings = _check_document(config, statistics.document())
    for split in statistics.splits():
        findings += compare_with_schema(read_statistics(statistics, split), expected)
    rated = rate(findings, config.severities)

    _write(rated, expected, statistics.splits(), anomalies)
    errors = [anomaly for anomaly in rated if anomaly.severity == "ERROR"]
    return {"errors": len(errors), "warnings": len(rated) - len(errors), "first": _first(rated)}


def _check_document(config: ExampleValidatorConfig, document: Mapping[str, Any]) -> list[Finding]:
    """The checks that need no schema."""
    from components.data.split_rules import check_labels, check_leakage, check_priors, check_splits

    splits = document["splits"]
    rows = {split: entry["rows"] for split, entry in splits.items()}
    findings = check_splits(rows, required=config.required_splits, min_examples=config.min_examples)
    findings += check_leakage(document.get("overlaps", ()), rows, max_share=config.max_leaked_share)
    if rows.get("train"):
        counts = splits["train"]["label_counts"]
        findings += check_labels(counts, split="train", min_examples=config.min_label_examples)
        for split, entry in splits.items():
            if split != "train":
                findings += check_priors(
                    counts, entry["label_counts"], split=split, max_distance=config.max_label_shift
                )
    return findings


def _write(rated: Sequence[Any], schema: Any, present: Sequence[str], anomalies: ExampleAnomalies) -> None:
    from components.data.anomalies import anomalies_proto

    for split in dict.fromkeys([*present, *(anomaly.split for anomaly in rated)]):
        own = [anomaly for anomaly in rated if anomaly.split == split]
        proto = anomalies_proto(schema, own, data_missing=split not in present)
        path = anomalies.anomalies_path(split)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(proto.SerializeToString(deterministic=True))
    content = json.dumps([anomaly.to_json() for anomaly in rated], indent=2, ensure_ascii=False)
    anomalies.json_path.write_text(content + "\n", encoding="utf-8")


def _first(rated: Sequence[Any]) -> str | None:
    return f"{rated[0].severity} {rated[0].split}: {rated[0].message}" if rated else None

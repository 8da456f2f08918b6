"""Anomalies: what they are called, how bad each kind is, and their files."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

__all__ = ["DEFAULT_SEVERITIES", "Anomaly", "AnomalyType", "Finding", "Severity", "anomalies_proto", "rate"]

AnomalyType: TypeAlias = Literal[
    # splits
    "SPLIT_MISSING",
    "SPLIT_EMPTY",
    "SPLIT_SIZE_CHANGED",
    "DATASET_LOW_NUM_EXAMPLES",
    "DATASET_HIGH_NUM_EXAMPLES",
    "DEAD_LETTERS_HIGH",
    # columns
    "SCHEMA_MISSING_COLUMN",
    "SCHEMA_NEW_COLUMN",
    "UNEXPECTED_DATA_TYPE",
    "FEATURE_TYPE_NOT_PRESENT",
    "FEATURE_TYPE_LOW_FRACTION_PRESENT",
    "FEATURE_TYPE_LOW_NUMBER_PRESENT",
    "FEATURE_TYPE_LOW_NUMBER_VALUES",
    "FEATURE_TYPE_HIGH_NUMBER_VALUES",
    "INVALID_FEATURE_SHAPE",
    "FEATURE_TYPE_LOW_UNIQUE",
    "FEATURE_TYPE_HIGH_UNIQUE",
    "FEATURE_TYPE_NO_UNIQUE",
    "WEIGHTED_FEATURE_NAME_COLLISION",
    "WEIGHTED_FEATURE_MISSING_VALUE",
    "WEIGHTED_FEATURE_MISSING_WEIGHT",
    "WEIGHTED_FEATURE_LENGTH_MISMATCH",
    # values
    "ENUM_TYPE_INVALID_UTF8",
    "ENUM_TYPE_UNEXPECTED_STRING_VALUES",
    "BOOL_TYPE_SMALL_INT",
    "BOOL_TYPE_BIG_INT",
    "BOOL_TYPE_UNEXPECTED_FLOAT",
    "BOOL_TYPE_UNEXPECTED_STRING",
    "INT_TYPE_SMALL_INT",
    "INT_TYPE_BIG_INT",
    "INT_TYPE_NOT_INT_STRING",
    "FLOAT_TYPE_SMALL_FLOAT",
    "FLOAT_TYPE_BIG_FLOAT",
    "FLOAT_TYPE_STRING_NOT_FLOAT",
    "FLOAT_TYPE_HAS_NAN",
    "FLOAT_TYPE_HAS_INF",
    "DOMAIN_INVALID_FOR_TYPE",
    "INVALID_DOMAIN_SPECIFICATION",
    # texts
    "STATS_NOT_AVAILABLE",
    "FEATURE_COVERAGE_TOO_LOW",
    "FEATURE_COVERAGE_TOO_SHORT_AVG_TOKEN_LENGTH",
    "SEQUENCE_VALUE_TOO_FEW_OCCURRENCES",
    "SEQUENCE_VALUE_TOO_MANY_OCCURRENCES",
    "SEQUENCE_VALUE_TOO_SMALL_FRACTION",
    "SEQUENCE_VALUE_TOO_LARGE_FRACTION",
    "SEQUENCE_TOO_SHORT",
    "SEQUENCE_TOO_LONG",
    "TEXT_TOO_LONG",
    "UNEXPECTED_LANGUAGE",
    "UNEXPECTED_SCRIPT",
    # labels and duplicates
    "LABEL_WITHOUT_EXAMPLES",
    "RARE_LABEL",
    "TEXT_IN_TWO_SPLITS",
    "NEAR_DUPLICATE_IN_TWO_SPLITS",
    "CONFLICTING_LABELS",
    # comparisons
    "COMPARATOR_CONTROL_DATA_MISSING",
    "COMPARATOR_L_INFTY_HIGH",
    "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH",
    "COMPARATOR_NORMALIZED_ABSOLUTE_DIFFERENCE_HIGH",
    "COMPARATOR_LOW_NUM_EXAMPLES",
    "COMPARATOR_HIGH_NUM_EXAMPLES",
    "LABEL_PRIOR_SHIFT",
    "LABELS_PER_TEXT_SHIFT",
    "CATEGORY_SHIFT",
    "LENGTH_SHIFT",
]
"""Kinds of anomalies: the names of tensorflow-metadata's `AnomalyInfo.Type` where it has one, which then means what it
means to TensorFlow Data Validation."""

Severity: TypeAlias = Literal["ERROR", "WARNING", "OFF"]
"""ERROR stops the pipeline before training, WARNING is reported, OFF is not looked for."""

_WARNINGS: frozenset[AnomalyType] = frozenset(
    {
        "SPLIT_SIZE_CHANGED",
        "DATASET_LOW_NUM_EXAMPLES",
        "DATASET_HIGH_NUM_EXAMPLES",
        "DEAD_LETTERS_HIGH",
        "SCHEMA_NEW_COLUMN",
        "STATS_NOT_AVAILABLE",
        "TEXT_TOO_LONG",
        "UNEXPECTED_LANGUAGE",
        "UNEXPECTED_SCRIPT",
        "LABEL_WITHOUT_EXAMPLES",
        "RARE_LABEL",
        "TEXT_IN_TWO_SPLITS",
        "NEAR_DUPLICATE_IN_TWO_SPLITS",
        "CONFLICTING_LABELS",
        "COMPARATOR_CONTROL_DATA_MISSING",
        "COMPARATOR_L_INFTY_HIGH",
        "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH",
        "COMPARATOR_NORMALIZED_ABSOLUTE_DIFFERENCE_HIGH",
        "COMPARATOR_LOW_NUM_EXAMPLES",
        "COMPARATOR_HIGH_NUM_EXAMPLES",
        "LABEL_PRIOR_SHIFT",
        "LABELS_PER_TEXT_SHIFT",
        "CATEGORY_SHIFT",
        "LENGTH_SHIFT",
    }
)

DEFAULT_SEVERITIES: Mapping[AnomalyType, Severity] = {
    kind: "WARNING" if kind in _WARNINGS else "ERROR" for kind in get_args(AnomalyType)
}
"""What makes training or its judgement meaningless, or breaks a schema, is an ERROR; the rest is worth knowing."""


@dataclass(frozen=True)
class Finding:
    """Something found to be odd, not yet rated.

    Attributes:
        split: where.
        feature: in which feature; empty if it is about the split as a whole.
        type: what kind of anomaly.
        message: what was expected, what came, and what to do.
    """

    split: str
    feature: str
    type: AnomalyType
    message: str


@dataclass(frozen=True)
class Anomaly(Finding):
    """A rated finding.

    Attributes:
        severity: ERROR or WARNING.
    """

    severity: Severity

    def to_json(self) -> dict[str, str]:
        """The entry in `anomalies.json`."""
        return {
            "split": self.split,
            "feature": self.feature or "(all)",
            "type": self.type,
            "severity": self.severity,
            "message": self.message,
        }


def rate(findings: Iterable[Finding], severities: Mapping[AnomalyType, Severity]) -> list[Anomaly]:
    """Gives every finding its severity, `severities` before the defaults, and drops those that are off."""
    rated = (
        Anomaly(found.split, found.feature, found.type, found.message, _severity(found.type, severities))
        for found in findings
    )
    return sorted(
        (anomaly for anomaly in rated if anomaly.severity != "OFF"),
        key=lambda anomaly: (anomaly.severity, anomaly.split != "train", anomaly.split),
    )


def _severity(kind: AnomalyType, severities: Mapping[AnomalyType, Severity]) -> Severity:
    return severities.get(kind, DEFAULT_SEVERITIES[kind])


def anomalies_proto(schema: Any, anomalies: Sequence[Anomaly], *, data_missing: bool) -> Any:
    """The `Anomalies` of one split.

    Args:
        schema: the `Schema` that the split was held against.
        anomalies: those of the split.
        data_missing: whether the split is not there at all.
    """
    from tensorflow_metadata.proto.v0 import anomalies_pb2

    proto = anomalies_pb2.Anomalies(
        baseline=schema,
        anomaly_name_format=anomalies_pb2.Anomalies.SERIALIZED_PATH,
        data_missing=data_missing,
    )
    for anomaly in anomalies:
        info = proto.anomaly_info[anomaly.feature] if anomaly.feature else proto.dataset_anomaly_info
        if anomaly.feature and not info.path.step:
            info.path.step.append(anomaly.feature)
        kinds = anomalies_pb2.AnomalyInfo.Type
        known = anomaly.type in kinds.keys()  # noqa: SIM118  (an enum wrapper, no mapping)
        info.reason.add(
            type=kinds.Value(anomaly.type) if known else kinds.Value("CUSTOM_VALIDATION"),
            short_description=anomaly.type,
            description=anomaly.message,
        )
        info.severity = max(info.severity, anomalies_pb2.AnomalyInfo.Severity.Value(anomaly.severity))
        info.description = " ".join(reason.description for reason in info.reason)
        info.short_description = (
            info.reason[0].short_description if len(info.reason) == 1 else "Multiple errors"
        )
    return proto

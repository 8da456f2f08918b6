"""Anomalies: what they are called, how bad each kind is, and their files."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

__all__ = ["DEFAULT_SEVERITIES", "Anomaly", "AnomalyType", "Finding", "Severity", "anomalies_proto", "rate"]

AnomalyType: TypeAlias = Literal[
    "SPLIT_MISSING",
    "SPLIT_EMPTY",
    "DATASET_LOW_NUM_EXAMPLES",
    "SCHEMA_MISSING_COLUMN",
    "SCHEMA_NEW_COLUMN",
    "UNEXPECTED_DATA_TYPE",
    "FEATURE_TYPE_LOW_FRACTION_PRESENT",
    "FEATURE_TYPE_LOW_NUMBER_PRESENT",
    "FEATURE_TYPE_LOW_NUMBER_VALUES",
    "FEATURE_TYPE_HIGH_NUMBER_VALUES",
    "ENUM_TYPE_UNEXPECTED_STRING_VALUES",
    "LABEL_WITHOUT_EXAMPLES",
    "RARE_LABEL",
    "TEXT_IN_TWO_SPLITS",
    "COMPARATOR_L_INFTY_HIGH",
]
"""Kinds of anomalies: the names of tensorflow-metadata's `AnomalyInfo.Type` where it has one."""

Severity: TypeAlias = Literal["ERROR", "WARNING", "OFF"]
"""ERROR stops the pipeline before training, WARNING is reported, OFF is not looked for."""

DEFAULT_SEVERITIES: Mapping[AnomalyType, Severity] = {
    "SPLIT_MISSING": "ERROR",
    "SPLIT_EMPTY": "ERROR",
    "DATASET_LOW_NUM_EXAMPLES": "WARNING",
    "SCHEMA_MISSING_COLUMN": "ERROR",
    "SCHEMA_NEW_COLUMN": "WARNING",
    "UNEXPECTED_DATA_TYPE": "ERROR",
    "FEATURE_TYPE_LOW_FRACTION_PRESENT": "ERROR",
    "FEATURE_TYPE_LOW_NUMBER_PRESENT": "ERROR",
    "FEATURE_TYPE_LOW_NUMBER_VALUES": "ERROR",
    "FEATURE_TYPE_HIGH_NUMBER_VALUES": "ERROR",
    "ENUM_TYPE_UNEXPECTED_STRING_VALUES": "ERROR",
    "LABEL_WITHOUT_EXAMPLES": "WARNING",
    "RARE_LABEL": "WARNING",
    "TEXT_IN_TWO_SPLITS": "WARNING",
    "COMPARATOR_L_INFTY_HIGH": "WARNING",
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

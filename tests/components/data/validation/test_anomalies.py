import re
from pathlib import Path
from typing import get_args

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from components.data.validation.anomalies import (
    DEFAULT_SEVERITIES,
    AnomalyType,
    Finding,
    anomalies_proto,
    rate,
)

FINDINGS = [
    Finding("test", "labels", "RARE_LABEL", "few"),
    Finding("train", "labels", "ENUM_TYPE_UNEXPECTED_STRING_VALUES", "strange"),
    Finding("train", "labels", "LABEL_WITHOUT_EXAMPLES", "none"),
    Finding("train", "", "SPLIT_EMPTY", "empty"),
]


def test_every_type_has_a_default_severity():
    assert set(DEFAULT_SEVERITIES) == set(get_args(AnomalyType))


def test_the_documentation_lists_every_type_with_its_severity():
    text = (Path(__file__).parents[4] / "docs" / "validation.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `([A-Z_0-9]+)` \| (ERROR|WARNING) \| \S", text, flags=re.M))
    assert listed == DEFAULT_SEVERITIES


def test_errors_come_first_then_train():
    rated = rate(FINDINGS, {})
    assert [(anomaly.severity, anomaly.split) for anomaly in rated] == [
        ("ERROR", "train"),
        ("ERROR", "train"),
        ("WARNING", "train"),
        ("WARNING", "test"),
    ]


def test_severities_can_be_set():
    rated = rate(FINDINGS, {"RARE_LABEL": "ERROR", "SPLIT_EMPTY": "OFF"})
    assert [(anomaly.type, anomaly.severity) for anomaly in rated] == [
        ("ENUM_TYPE_UNEXPECTED_STRING_VALUES", "ERROR"),
        ("RARE_LABEL", "ERROR"),
        ("LABEL_WITHOUT_EXAMPLES", "WARNING"),
    ]


def test_the_proto_gathers_the_reasons_of_a_feature():
    own = [anomaly for anomaly in rate(FINDINGS, {}) if anomaly.split == "train"]
    proto = anomalies_proto(schema_pb2.Schema(), own, data_missing=False)
    labels = proto.anomaly_info["labels"]
    kinds = anomalies_pb2.AnomalyInfo
    assert list(labels.path.step) == ["labels"]
    assert labels.severity == kinds.ERROR
    assert labels.short_description == "Multiple errors"
    assert [reason.type for reason in labels.reason] == [
        kinds.ENUM_TYPE_UNEXPECTED_STRING_VALUES,
        kinds.CUSTOM_VALIDATION,
    ]
    assert [reason.short_description for reason in labels.reason][1] == "LABEL_WITHOUT_EXAMPLES"
    assert proto.dataset_anomaly_info.description == "empty"

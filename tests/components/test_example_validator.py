import pytest
from pydantic import ValidationError
from tensorflow_metadata.proto.v0 import anomalies_pb2

from components.core.artifacts import ExampleAnomalies, Schema
from components.core.filesystem import content_digest
from components.example_validator import ExampleValidatorConfig, example_validator
from components.schema_gen import SchemaGenConfig, schema_gen
from tests.components.data_stages import SHARED_DATA, generate, needs_shared_data, profile, write


def table(*rows):
    return "text,labels\n" + "".join(f"{text},{labels}\n" for text, labels in rows)


def rows(name, count, *labels):
    return [(f"{name} {n}", labels[n % len(labels)]) for n in range(count)]


HEALTHY = {
    "train": table(*rows("train", 80, "joy", "fear")),
    "validation": table(*rows("validation", 50, "joy", "fear")),
    "test": table(*rows("test", 50, "joy", "fear")),
}


def validate(directory, tables, *, schema_path=None, data=None, **settings):
    splits = {split: write(directory / f"{split}.csv", content) for split, content in tables.items()}
    statistics = profile(directory, generate(directory, splits=splits, **(data or {})))
    schema, anomalies = Schema(directory / "schema"), ExampleAnomalies(directory / "anomalies")
    schema.path.mkdir()
    anomalies.path.mkdir()
    schema_gen(config=SchemaGenConfig(schema_path=schema_path), statistics=statistics, schema=schema)
    config = ExampleValidatorConfig.model_validate(settings)
    told = example_validator(config=config, statistics=statistics, schema=schema, anomalies=anomalies)
    return anomalies, told


def found(anomalies):
    return [(entry["split"], entry["type"], entry["severity"]) for entry in anomalies.anomalies()]


def test_healthy_data_have_no_anomalies(tmp_path):
    anomalies, told = validate(tmp_path, HEALTHY)
    assert found(anomalies) == []
    assert told == {"errors": 0, "warnings": 0, "first": None}
    assert anomalies.refusal() is None
    proto = anomalies_pb2.Anomalies.FromString(anomalies.anomalies_path("train").read_bytes())
    assert len(proto.baseline.feature) == 3
    assert not proto.anomaly_info


def test_the_result_is_reproducible(tmp_path):
    first, _ = validate(tmp_path / "one", HEALTHY, min_examples=60)
    second, _ = validate(tmp_path / "two", HEALTHY, min_examples=60)
    assert content_digest(str(first.path)) == content_digest(str(second.path))


def test_a_missing_split_refuses_training(tmp_path):
    anomalies, told = validate(tmp_path, {"train": HEALTHY["train"], "test": HEALTHY["test"]})
    assert found(anomalies) == [("validation", "SPLIT_MISSING", "ERROR")]
    assert told["errors"] == 1
    assert "there is no validation split, only train, test" in anomalies.refusal()
    proto = anomalies_pb2.Anomalies.FromString(anomalies.anomalies_path("validation").read_bytes())
    assert proto.data_missing
    assert proto.dataset_anomaly_info.severity == anomalies_pb2.AnomalyInfo.ERROR


def test_splits_that_are_not_required_may_be_missing(tmp_path):
    tables = {"train": HEALTHY["train"], "validation": HEALTHY["validation"]}
    anomalies, _ = validate(tmp_path, tables, required_splits=["train", "validation"])
    assert found(anomalies) == []


def test_an_empty_split_refuses_training(tmp_path):
    path = write(tmp_path / "a.csv", table(*rows("train", 3, "joy", "fear")))
    statistics = profile(tmp_path, generate(tmp_path, source=path))
    schema, anomalies = Schema(tmp_path / "schema"), ExampleAnomalies(tmp_path / "anomalies")
    schema.path.mkdir()
    anomalies.path.mkdir()
    schema_gen(config=SchemaGenConfig(), statistics=statistics, schema=schema)
    example_validator(
        config=ExampleValidatorConfig(), statistics=statistics, schema=schema, anomalies=anomalies
    )
    assert [entry for entry in found(anomalies) if entry[1] == "SPLIT_EMPTY"]
    assert "there are no examples in this split" in anomalies.refusal()


def test_rare_and_absent_labels_are_warnings(tmp_path):
    tables = {**HEALTHY, "train": HEALTHY["train"] + "one more,grief\n"}
    anomalies, _ = validate(tmp_path, tables, data={"label_names": ["joy", "fear", "grief", "pride"]})
    assert found(anomalies) == [
        ("train", "LABEL_WITHOUT_EXAMPLES", "WARNING"),
        ("train", "RARE_LABEL", "WARNING"),
    ]
    messages = [entry["message"] for entry in anomalies.anomalies()]
    assert "no example has pride;" in messages[0]
    assert "grief (1);" in messages[1]
    assert anomalies.refusal() is None


def test_severities_are_a_matter_of_configuration(tmp_path):
    tables = {**HEALTHY, "train": HEALTHY["train"] + "one more,grief\n"}
    anomalies, _ = validate(tmp_path, tables, severities={"RARE_LABEL": "ERROR"})
    assert found(anomalies) == [("train", "RARE_LABEL", "ERROR")]
    assert "grief" in anomalies.refusal()


def test_shifted_labels_are_found(tmp_path):
    anomalies, _ = validate(
        tmp_path, {**HEALTHY, "test": table(*rows("test", 60, "joy", "joy", "joy", "joy", "fear"))}
    )
    assert found(anomalies) == [("test", "COMPARATOR_L_INFTY_HIGH", "WARNING")]


CURATED = """
feature { name: "id" type: BYTES presence { min_fraction: 1 } value_count { min: 1 max: 1 } }
feature { name: "text" type: BYTES presence { min_fraction: 1 } value_count { min: 1 max: 1 } }
feature { name: "labels" type: BYTES domain: "labels" value_count { min: 1 max: 1 } }
string_domain { name: "labels" value: "joy" value: "fear" }
"""


def test_a_curated_schema_stops_labels_that_it_does_not_know(tmp_path):
    tables = {**HEALTHY, "test": HEALTHY["test"] + "what,sadness\n"}
    anomalies, _ = validate(tmp_path, tables, schema_path=write(tmp_path / "curated.pbtxt", CURATED))
    assert ("test", "ENUM_TYPE_UNEXPECTED_STRING_VALUES", "ERROR") in found(anomalies)
    assert "test/labels:" in anomalies.refusal()
    assert "'sadness' (1)" in anomalies.refusal()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"severities": {"RARE_LABELS": "ERROR"}}, "RARE_LABELS"),
        ({"severities": {"RARE_LABEL": "FATAL"}}, "FATAL"),
        ({"max_label_shift": 2}, "less than or equal to 1"),
    ],
)
def test_settings_that_do_not_fit_are_refused(values, message):
    with pytest.raises(ValidationError, match=message):
        ExampleValidatorConfig.model_validate(values)


@needs_shared_data
@pytest.mark.shared_data
def test_goemotions_may_be_trained_on_with_warnings(tmp_path):
    statistics = profile(
        tmp_path, generate(tmp_path, preset="goemotions", source=str(SHARED_DATA / "goemotions"))
    )
    schema, anomalies = Schema(tmp_path / "schema"), ExampleAnomalies(tmp_path / "anomalies")
    schema.path.mkdir()
    anomalies.path.mkdir()
    schema_gen(config=SchemaGenConfig(), statistics=statistics, schema=schema)
    example_validator(
        config=ExampleValidatorConfig(), statistics=statistics, schema=schema, anomalies=anomalies
    )
    assert anomalies.refusal() is None
    assert found(anomalies) == []

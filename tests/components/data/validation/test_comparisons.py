from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from components.data.validation.comparisons import check_control_data, plan_comparisons
from components.data.validation.split_profile import SplitProfile
from tests.components.written_statistics import dataset

ROW = {"text": ["hi"], "labels": ["joy"]}


def profiles(*names, rows=(ROW,)):
    return {name: SplitProfile(name, dataset(name, rows)) for name in names}


def planned(current, previous=None, serving=None):
    return [
        (one.kind, one.treatment.name, one.control.name, one.control_name)
        for one in plan_comparisons(current, previous, serving)
    ]


def missing(schema, current, previous=None, serving=None):
    schema = text_format.Parse(schema, schema_pb2.Schema())
    comparisons = plan_comparisons(current, previous, serving)
    found = check_control_data(schema, comparisons, current, previous)
    assert {one.type for one in found} <= {"COMPARATOR_CONTROL_DATA_MISSING"}
    return [(one.split, one.feature, one.message) for one in found]


def test_what_is_compared_with_what():
    current = profiles("train", "validation", "test")
    assert planned(current) == [
        ("skew", "validation", "train", "train"),
        ("skew", "test", "train", "train"),
    ]
    assert planned(current, previous=profiles("train", "test"))[2:] == [
        ("drift", "train", "train", "the last accepted run"),
        ("drift", "test", "test", "the last accepted run"),
    ]
    assert planned(profiles("train"), serving=profiles("train", "serving")) == [
        ("skew", "train", "serving", "the serving data")
    ]
    assert planned(profiles("train"), serving=profiles("today")) == [
        ("skew", "train", "today", "the serving data")
    ]


def test_splits_without_examples_are_left_out():
    assert planned({**profiles("train"), **profiles("test", rows=[])}) == []
    assert planned(profiles("test")) == []


DRIFT = 'feature { name: "labels" drift_comparator { infinity_norm { threshold: 0.1 } } }'
SKEW = 'feature { name: "labels" skew_comparator { infinity_norm { threshold: 0.1 } } }'


def test_earlier_data_that_the_schema_asks_for_and_that_are_not_there():
    current = profiles("train")
    ((split, feature, message),) = missing(DRIFT, current)
    assert (split, feature) == ("train", "labels")
    assert "no run before was accepted" in message
    assert missing(DRIFT, current, previous=profiles("train")) == []
    ((_, feature, _),) = missing(
        "dataset_constraints { num_examples_drift_comparator { min_fraction_threshold: 0.5 } }", current
    )
    assert feature == ""


def test_other_data_that_the_schema_asks_for_and_that_are_not_there():
    ((_, feature, message),) = missing(SKEW, profiles("train"))
    assert feature == "labels"
    assert "`example_validator.serving_statistics`" in message
    assert missing(SKEW, profiles("train", "test")) == []
    assert missing(SKEW, profiles("train"), serving=profiles("serving")) == []


def test_a_feature_that_the_control_lacks():
    unlabelled = profiles("train", rows=[{"text": ["hi"]}])
    ((split, feature, message),) = missing(DRIFT, profiles("train"), previous=unlabelled)
    assert (split, feature) == ("train", "labels")
    assert "the last accepted run has no such feature" in message


def test_serving_data_need_no_labels_if_the_schema_says_so():
    serving = profiles("serving", rows=[{"text": ["hi"]}])
    assert len(missing(SKEW, profiles("train"), serving=serving)) == 1
    excused = SKEW.replace('"labels"', '"labels" not_in_environment: "SERVING"')
    assert missing(excused, profiles("train"), serving=serving) == []


def test_a_split_that_has_no_earlier_self():
    ((split, feature, message),) = missing("", profiles("train", "test"), previous=profiles("train"))
    assert (split, feature) == ("test", "")
    assert "the earlier statistics hold only train" in message
    assert missing("", profiles("train", "test")) == []

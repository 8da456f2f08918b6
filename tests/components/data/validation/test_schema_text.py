import re
from collections import Counter

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from components.core.errors import DataError
from components.data.validation.schema_inference import infer_schema
from components.data.validation.schema_text import format_schema, parse_schema
from tests.components.written_statistics import dataset

ROWS = [{"id": ["1"], "text": ["hi"], "labels": ["joy"], "slice/lang": ["en"]}]


def inferred():
    return infer_schema([dataset("train", ROWS)], ("joy", "fröhlich"))


def test_the_text_form_is_read_back():
    schema = inferred()
    text = format_schema(schema)
    assert "fröhlich" in text
    assert parse_schema(text, "s") == schema
    assert text_format.Parse(text, schema_pb2.Schema()) == schema


def test_comments_say_what_each_feature_may_hold():
    text = format_schema(inferred(), origin="inferred from the data")
    assert text.startswith("# What the examples should look like, inferred from the data:")
    assert "# labels: in some examples, one value out of 2.\nfeature {" in text
    assert "# text: in every example, one value.\nfeature {" in text


def test_what_is_commented_out_is_valid_and_can_be_switched_on():
    """Uncommenting every suggestion gives a schema that has what was suggested."""
    text = format_schema(inferred(), counts={"labels": [Counter(joy=900, anger=100)]})
    suggested = re.sub(
        r"^( *)# (?=(?:drift|skew)_comparator|distribution_|annotation|dataset_|\}|  )",
        r"\1",
        text,
        flags=re.M,
    )
    schema = parse_schema(suggested, "s")
    by_name = {feature.name: feature for feature in schema.feature}
    labels = by_name["labels"]
    assert labels.drift_comparator.infinity_norm.threshold == pytest.approx(0.06)
    assert labels.skew_comparator.infinity_norm.threshold == pytest.approx(0.06)
    assert labels.distribution_constraints.min_domain_mass == 0.99
    assert list(by_name["text"].annotation.tag) == ["language:en", "script:Latin"]
    assert schema.dataset_constraints.num_examples_drift_comparator.max_fraction_threshold == 2
    assert not re.search(r"^ *# drift_comparator", format_schema(schema).split("# slice/lang")[0], flags=re.M)


MANY = {"joy": 50_000, "anger": 50_000}


def test_more_data_suggest_a_lower_threshold():
    few, many = (
        re.search(
            r"drift_comparator .*threshold: ([\d.]+)", format_schema(inferred(), counts={"labels": splits})
        )
        for splits in ([MANY, {"joy": 50, "anger": 50}], [MANY, MANY])
    )
    assert (few[1], many[1]) == ("0.29", "0.02")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("feature { nam: 1 }", r"s\.pbtxt: no tensorflow-metadata schema in text form: 1:11"),
        ('feature { name: "text" }', "describes no feature 'labels', only text"),
        ("", "describes no feature 'text', only none at all"),
    ],
)
def test_what_is_no_schema_is_refused(text, message):
    with pytest.raises(DataError, match=message):
        parse_schema(text, "s.pbtxt")

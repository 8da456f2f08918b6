import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from components.core.artifacts import Schema
from components.core.errors import DataError, UserError
from components.schema_gen import SchemaGenConfig, schema_gen
from tests.components.data_stages import generate, profile, write


@pytest.fixture(scope="module")
def statistics(tmp_path_factory):
    directory = tmp_path_factory.mktemp("schema_gen")
    splits = {
        "train": write(directory / "train.csv", "text,labels\nhi,joy\nho,fear\n"),
        "test": write(directory / "test.csv", "text,labels\nhe,joy\n"),
    }
    return profile(directory, generate(directory, splits=splits))


def run(directory, statistics, **settings):
    schema = Schema(directory / "schema")
    schema.path.mkdir(parents=True)
    return schema, schema_gen(config=SchemaGenConfig(**settings), statistics=statistics, schema=schema)


def test_the_inferred_schema_can_be_curated(tmp_path, statistics):
    schema, told = run(tmp_path, statistics)
    text = schema.pbtxt_path.read_text(encoding="utf-8")
    assert told == {"features": 3, "source": "inferred"}
    assert text.startswith("# What the examples should look like")
    parsed = text_format.Parse(text, schema_pb2.Schema())
    assert [feature.name for feature in parsed.feature] == ["id", "labels", "text"]
    assert list(parsed.string_domain[0].value) == ["fear", "joy"]
    assert "# drift_comparator" in text


def test_a_curated_schema_goes_round(tmp_path, statistics):
    """What was inferred, given back as curated, is taken over to the letter."""
    inferred, _ = run(tmp_path / "one", statistics)
    again, _ = run(tmp_path / "two", statistics, schema_path=str(inferred.pbtxt_path))
    assert again.pbtxt_path.read_text() == inferred.pbtxt_path.read_text()


def test_a_curated_schema_is_taken_over_as_it_is(tmp_path, statistics):
    curated = '# mine\nfeature { name: "text" type: BYTES }\nfeature { name: "labels" type: BYTES }\n'
    path = write(tmp_path / "mine.pbtxt", curated)
    schema, told = run(tmp_path, statistics, schema_path=path)
    assert schema.pbtxt_path.read_text() == curated
    assert told == {"features": 2, "source": path}
    assert [found.path for found in SchemaGenConfig(schema_path=path).external_inputs()] == [path]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("features {}", r"mine\.pbtxt: no tensorflow-metadata schema in text form"),
        (b"\xff\xfe", r"mine\.pbtxt: is not UTF-8"),
        ("", r"mine\.pbtxt: describes no feature 'text'"),
    ],
)
def test_a_curated_file_that_is_no_schema_is_refused(tmp_path, statistics, content, message):
    with pytest.raises(DataError, match=message):
        run(tmp_path, statistics, schema_path=write(tmp_path / "mine.pbtxt", content))


def test_a_curated_file_that_is_missing_is_named(tmp_path, statistics):
    with pytest.raises(UserError, match=r"gone\.pbtxt: no such file"):
        run(tmp_path, statistics, schema_path=str(tmp_path / "gone.pbtxt"))

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core.errors import DataError
from components.data.records.example_proto import decode_columns, decode_example, encode_example
from components.data.records.tfrecord import read_records, write_records

INT64 = st.integers(-(2**63), 2**63 - 1)
FLOAT32 = st.floats(width=32, allow_nan=False)
VALUES = st.one_of(st.lists(st.binary()), st.lists(INT64), st.lists(FLOAT32))
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(features=st.dictionaries(NAMES, VALUES, max_size=6))
def test_what_is_encoded_is_decoded(features):
    decoded = decode_example(encode_example(features))
    assert decoded == features
    assert all(
        type(a) is type(b) for name in features for a, b in zip(decoded[name], features[name], strict=True)
    )


@given(st.lists(st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3), max_size=5))
def test_columns_hold_what_the_examples_hold(rows):
    columns = decode_columns([encode_example(row) for row in rows])
    assert set(columns) == {name for row in rows for name in row}
    for name, column in columns.items():
        assert [list(values) for values in column] == [row.get(name, []) for row in rows]


def test_columns_of_what_is_no_example_are_refused():
    with pytest.raises(DataError, match="expected serialized tensorflow"):
        decode_columns([encode_example({"a": [1]}), b"\x0a\xff"])


@given(features=st.dictionaries(NAMES, VALUES, min_size=2, max_size=6))
def test_the_order_of_features_leaves_no_trace(features):
    assert encode_example(features) == encode_example(dict(reversed(features.items())))


def test_text_and_numpy_values_are_taken():
    record = encode_example(
        {"text": ["é"], "ids": np.array([3, 4], np.int32), "weight": np.array([0.5], np.float32)}
    )
    assert decode_example(record) == {"text": ["é".encode()], "ids": [3, 4], "weight": [0.5]}


def test_other_values_are_refused():
    with pytest.raises(TypeError, match="feature 'x': expected bytes, str, int or float, not dict"):
        encode_example({"x": [{}]})
    with pytest.raises(TypeError):
        encode_example({"x": [1, b"two"]})


def test_bytes_that_are_no_example_are_refused():
    with pytest.raises(DataError, match=r"no tf\.Example"):
        decode_example(b"\xff\xff\xff")


@pytest.mark.filterwarnings("default")
def test_tensorflow_reads_what_is_written_and_writes_what_is_read(tmp_path):
    import tensorflow as tf

    features = {"text": ["naïve"], "labels": [], "ids": [1, -2, 1 << 40], "weight": [0.25]}
    record = encode_example(features)
    write_records(tmp_path / "ours.tfrecord.gz", [record, record])

    (read, _) = tf.data.TFRecordDataset(str(tmp_path / "ours.tfrecord.gz"), "GZIP").as_numpy_iterator()
    assert read == record
    parsed = tf.io.parse_single_example(
        read,
        {
            "text": tf.io.FixedLenFeature([], tf.string),
            "labels": tf.io.VarLenFeature(tf.string),
            "ids": tf.io.VarLenFeature(tf.int64),
            "weight": tf.io.FixedLenFeature([1], tf.float32),
        },
    )
    assert parsed["text"].numpy() == "naïve".encode()
    assert parsed["labels"].values.shape == (0,)
    assert parsed["ids"].values.numpy().tolist() == features["ids"]
    assert parsed["weight"].numpy().tolist() == [0.25]

    theirs = tf.train.Example.FromString(record)
    assert theirs.SerializeToString(deterministic=True) == record
    with tf.io.TFRecordWriter(str(tmp_path / "theirs.tfrecord")) as writer:
        writer.write(theirs.SerializeToString())
    (back,) = read_records(tmp_path / "theirs.tfrecord")
    assert decode_example(back) == decode_example(record)

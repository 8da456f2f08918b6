"""tf.Example without TensorFlow, whose import costs seconds: the same messages from a descriptor of our own.

Field numbers and types are those of tensorflow/core/example/{example,feature}.proto, so the bytes are equal.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from numbers import Integral, Real
from typing import Any, TypeAlias

from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

from components.core.errors import DataError

__all__ = ["FeatureValues", "decode_columns", "decode_example", "encode_example"]

FeatureValues: TypeAlias = Sequence[bytes] | Sequence[str] | Sequence[int] | Sequence[float]
"""The values of one feature: bytes or text (bytes_list), int (int64_list) or float (float_list, float32)."""


def encode_example(features: Mapping[str, FeatureValues]) -> bytes:
    """Serializes a tf.Example; equal features give equal bytes, whatever their order.

    Args:
        features: values by feature name; an empty sequence writes a feature without values.

    Raises:
        TypeError: a feature mixes types or holds something else than bytes, str, int or float.
    """
    example = _example_class()()
    feature_map = example.features.feature
    for name, values in features.items():
        feature = feature_map[name]
        if not len(values):
            continue
        first: Any = values[0]
        if isinstance(first, bytes):
            feature.bytes_list.value.extend(values)
        elif isinstance(first, str):
            feature.bytes_list.value.extend(str(value).encode() for value in values)
        elif isinstance(first, Integral):
            feature.int64_list.value.extend(values)
        elif isinstance(first, Real):
            feature.float_list.value.extend(values)
        else:
            kind = type(first).__name__
            raise TypeError(f"feature {name!r}: expected bytes, str, int or float, not {kind}")
    return example.SerializeToString(deterministic=True)  # type: ignore[no-any-return]


def decode_example(record: bytes) -> dict[str, list[Any]]:
    """Returns lists of bytes, int or float by feature name, [] for a feature without values.

    Raises:
        DataError: the bytes are no tf.Example.
    """
    try:
        example = _example_class().FromString(record)
    except message.DecodeError as err:
        raise DataError("no tf.Example; expected serialized tensorflow.Example messages") from err
    features: dict[str, list[Any]] = {}
    for name, feature in sorted(example.features.feature.items()):
        kind = feature.WhichOneof("kind")
        features[name] = list(getattr(feature, kind).value) if kind else []
    return features


def decode_columns(records: Sequence[bytes]) -> dict[str, list[Sequence[Any]]]:
    """The values of many tf.Examples by feature name: a sequence for each record, empty if it lacks the feature.

    Half as dear as one `decode_example` after the other.

    Raises:
        DataError: one of the records is no tf.Example.
    """
    parse = _example_class().FromString
    columns: dict[str, list[Sequence[Any]]] = {}
    for row, record in enumerate(records):
        try:
            features = parse(record).features.feature
        except message.DecodeError as err:
            raise DataError("no tf.Example; expected serialized tensorflow.Example messages") from err
        for name in features:
            column = columns.get(name)
            if column is None:
                column = columns[name] = [()] * len(records)
            feature = features[name]
            if kind := feature.WhichOneof("kind"):
                column[row] = getattr(feature, kind).value[:]
    return columns


@cache
def _example_class() -> Any:
    """The message class, in a pool of its own: TensorFlow registers the same names in the default one."""
    pool = descriptor_pool.DescriptorPool()
    pool.Add(_file_descriptor())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.Example"))


def _file_descriptor() -> descriptor_pb2.FileDescriptorProto:
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="example.proto", package="tensorflow", syntax="proto3")

    for list_name, value_type in (
        ("BytesList", field.TYPE_BYTES),
        ("FloatList", field.TYPE_FLOAT),
        ("Int64List", field.TYPE_INT64),
    ):
        values = file.message_type.add(name=list_name)
        values.field.add(name="value", number=1, type=value_type, label=field.LABEL_REPEATED)

    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, name in enumerate(("bytes_list", "float_list", "int64_list"), start=1):
        type_name = ".tensorflow." + "".join(part.capitalize() for part in name.split("_"))
        feature.field.add(
            name=name,
            number=number,
            type=field.TYPE_MESSAGE,
            type_name=type_name,
            label=field.LABEL_OPTIONAL,
            oneof_index=0,
        )

    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    entry.field.add(
        name="value",
        number=2,
        type=field.TYPE_MESSAGE,
        type_name=".tensorflow.Feature",
        label=field.LABEL_OPTIONAL,
    )
    features.field.add(
        name="feature",
        number=1,
        type=field.TYPE_MESSAGE,
        type_name=".tensorflow.Features.FeatureEntry",
        label=field.LABEL_REPEATED,
    )

    example = file.message_type.add(name="Example")
    example.field.add(
        name="features",
        number=1,
        type=field.TYPE_MESSAGE,
        type_name=".tensorflow.Features",
        label=field.LABEL_OPTIONAL,
    )
    return file

"""Messages from a table of their fields, for schemas that no package brings, or only together with TensorFlow."""

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, wrappers_pb2

__all__ = ["Field", "message_classes"]

Field = tuple[int, str, str]
"""Number, name and kind: `int64`, `.package.Message`, `repeated int64`."""


def message_classes(package: str, schemas: Mapping[str, Sequence[Field]]) -> dict[str, Any]:
    """The messages of a proto3 package, by name; wrappers of `google.protobuf` can be their fields."""
    # A pool of its own: packages may bring these messages too.
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{package}.proto",
        package=package,
        syntax="proto3",
        dependency=["google/protobuf/wrappers.proto"],
    )
    kinds = descriptor_pb2.FieldDescriptorProto
    for message_name, fields in schemas.items():
        message = file.message_type.add(name=message_name)
        for number, name, kind in fields:
            field = message.field.add(name=name, number=number, label=kinds.LABEL_OPTIONAL)
            if kind.startswith("repeated "):
                field.label = kinds.LABEL_REPEATED
            kind = kind.removeprefix("repeated ")
            if kind.startswith("."):
                field.type, field.type_name = kinds.TYPE_MESSAGE, kind
            else:
                field.type = kinds.Type.Value(f"TYPE_{kind.upper()}")
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}"))
        for name in schemas
    }

"""Messages of TensorFlow Serving's API that both transports send."""

from collections.abc import Mapping, Sequence
from typing import Any

from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2

from serving.repository import VersionStatus

__all__ = ["signature_def_map", "status_response"]

_UNKNOWN = 2
"""`tensorflow.error.Code.UNKNOWN`: what TensorFlow Serving reports for a version that failed to load."""


def signature_def_map(signatures: Mapping[str, Any]) -> Any:
    """`SignatureDefMap` of SignatureDef protos by name."""
    message = get_model_metadata_pb2.SignatureDefMap()
    for name, definition in signatures.items():
        message.signature_def[name].CopyFrom(definition)
    return message


def status_response(statuses: Sequence[VersionStatus]) -> Any:
    """`GetModelStatusResponse`, in the order given."""
    response = get_model_status_pb2.GetModelStatusResponse()
    for status in statuses:
        message = response.model_version_status.add(version=status.version, state=int(status.state))
        message.status.error_code = _UNKNOWN if status.error else 0
        message.status.error_message = status.error
    return response

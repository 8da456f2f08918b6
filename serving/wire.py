"""Messages of TensorFlow Serving's API that are sent or logged by several."""

from collections.abc import Mapping, Sequence
from typing import Any

from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2

from serving.example_methods import Classification, Regression
from serving.repository import VersionStatus

__all__ = ["signature_def_map", "status_response", "write_result"]

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


def write_result(result: Any, answer: Classification | Regression) -> None:
    """Fills a ClassificationResult or a RegressionResult."""
    if isinstance(answer, Regression):
        for value in answer.values.tolist():
            result.regressions.add(value=value)
        return
    for classes, scores in zip(answer.classes.tolist(), answer.scores.tolist(), strict=True):
        row = result.classifications.add()
        for label, score in zip(classes, scores, strict=True):
            row.classes.add(label=label.decode("utf-8", errors="replace"), score=score)

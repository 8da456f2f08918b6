"""What a model server says of texts, by every call of TensorFlow Serving's API that the model answers."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow_serving.apis.classification_pb2 import ClassificationRequest
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub
from tensorflow_serving.apis.regression_pb2 import RegressionRequest

from components.infra.model_server import MODEL_NAME
from components.infra.probe_texts import ProbeTexts
from serving.predictor import encode_texts
from tflite.heads import Head

__all__ = ["example_scores", "predict_scores"]

_CALL_TIMEOUT_S = 120.0
_BATCH_SIZE = 32


def predict_scores(address: str, probes: ProbeTexts) -> NDArray[np.float32]:
    """Scores of texts, float32 [rows, outputs], by Predict.

    Raises:
        grpc.RpcError: a call is not answered.
    """
    with _stub(address) as stub:
        return np.concatenate([_predict(stub, batch) for batch in _batches(probes)])


def example_scores(address: str, probes: ProbeTexts, heads: Sequence[Head]) -> NDArray[np.float32]:
    """The same by Classify and Regress, which take tf.Examples; NaN for a label that Classify does not name.

    Raises:
        grpc.RpcError: a call is not answered.
    """
    with _stub(address) as stub:
        return np.concatenate([_classify_and_regress(stub, batch, heads) for batch in _batches(probes)])


@contextmanager
def _stub(address: str) -> Iterator[Any]:
    with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        yield PredictionServiceStub(channel)


def _batches(probes: ProbeTexts) -> Iterator[ProbeTexts]:
    for start in range(0, len(probes), _BATCH_SIZE):
        yield probes.pick(range(start, min(start + _BATCH_SIZE, len(probes))))


def _predict(stub: Any, batch: ProbeTexts) -> NDArray[np.float32]:
    request = PredictRequest(output_filter=["scores"])
    request.model_spec.name = MODEL_NAME
    for name, texts in _inputs(batch).items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(texts, dtype=tf.string))
    scores: NDArray[np.float32] = tf.make_ndarray(
        stub.Predict(request, timeout=_CALL_TIMEOUT_S).outputs["scores"]
    )
    return scores


def _classify_and_regress(stub: Any, batch: ProbeTexts, heads: Sequence[Head]) -> NDArray[np.float32]:
    columns: dict[str, Any] = {}
    if any(not head.is_regression for head in heads):
        response = _call(stub.Classify, ClassificationRequest(), "classify", batch)
        for row, found in enumerate(response.result.classifications):
            for item in found.classes:
                columns.setdefault(item.label, np.full(len(batch), np.nan, np.float32))[row] = item.score
    targets = [name for head in heads if head.is_regression for name in head.outputs]
    for name in targets:
        signature = "regress" if len(targets) == 1 else f"regress_{name}"
        response = _call(stub.Regress, RegressionRequest(), signature, batch)
        columns[name] = np.array([found.value for found in response.result.regressions], np.float32)
    unknown = np.full(len(batch), np.nan, np.float32)
    return np.stack([columns.get(name, unknown) for head in heads for name in head.outputs], axis=1)


def _call(method: Callable[..., Any], request: Any, signature: str, batch: ProbeTexts) -> Any:
    request.model_spec.name = MODEL_NAME
    request.model_spec.signature_name = signature
    inputs = _inputs(batch)
    for values in zip(*inputs.values(), strict=True):
        example = request.input.example_list.examples.add()
        for name, value in zip(inputs, values, strict=True):
            example.features.feature[name].bytes_list.value.append(value)
    return method(request, timeout=_CALL_TIMEOUT_S)


def _inputs(batch: ProbeTexts) -> dict[str, NDArray[np.object_]]:
    inputs = {"text": encode_texts(batch.texts)}
    if batch.contexts is not None:
        inputs["context"] = encode_texts(batch.contexts)
    return inputs

"""Warm-up requests that travel with a SavedModel, in TensorFlow Serving's own format.

A server that loads the model answers them before it says that it is ready, so that no user pays for the first call.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from serving.engine import LoadOptions
from serving.errors import SavedModelError, ServingError, UnimplementedError
from serving.example_methods import CLASSIFY, METHODS, REGRESS, serialized_examples
from serving.predictor import DEFAULT_SIGNATURE, Predictor
from serving.tensors import from_protos

__all__ = ["WARMUP_FILE", "load_warm", "write_warmup_requests"]

WARMUP_FILE = "tf_serving_warmup_requests"
"""Name in `assets.extra/`: a TFRecord file of `PredictionLog`."""

_MAX_RECORDS = 1000
"""TensorFlow Serving refuses a model with more (servables/tensorflow/saved_model_warmup_util.h)."""


def write_warmup_requests(assets_extra: Path, batches: Sequence[Mapping[str, Sequence[str]]]) -> None:
    """Writes one Predict request to `serving_default` for each batch: texts by input name."""
    with tf.io.TFRecordWriter(str(assets_extra / WARMUP_FILE)) as writer:
        for inputs in batches:
            log = PredictionLog()
            request = log.predict_log.request
            request.model_spec.signature_name = "serving_default"
            for name, texts in inputs.items():
                request.inputs[name].CopyFrom(tf.make_tensor_proto(list(texts), dtype=tf.string))
            writer.write(log.SerializeToString(deterministic=True))


def load_warm(saved_model_dir: Path, options: LoadOptions | None = None, *, iterations: int = 1) -> Predictor:
    """Loads a model and answers the warm-up requests that came with it.

    Args:
        saved_model_dir: a version directory.
        options: how to load it.
        iterations: how often each request is answered; 0 = not at all.

    Raises:
        SavedModelError: the model cannot be loaded, or cannot answer its own warm-up requests.
    """
    predictor = Predictor(saved_model_dir, options)
    try:
        for log in _read_logs(saved_model_dir / "assets.extra" / WARMUP_FILE) if iterations else ():
            for _ in range(iterations):
                _answer(predictor, log)
    except ServingError as err:
        predictor.close()
        raise SavedModelError(
            f"{saved_model_dir}: fails its warm-up requests ({err}); export it again"
        ) from err
    return predictor


def _answer(predictor: Predictor, log: Any) -> None:
    match kind := log.WhichOneof("log_type"):
        case "predict_log":
            request = log.predict_log.request
            predictor.run(
                request.model_spec.signature_name, from_protos(request.inputs), tuple(request.output_filter)
            )
        case "classify_log" | "regress_log":
            request = getattr(log, kind).request
            method = CLASSIFY if kind == "classify_log" else REGRESS
            _run_method(predictor, method, request.model_spec, request.input)
        case "multi_inference_log":
            request = log.multi_inference_log.request
            for task in request.tasks:
                _run_method(predictor, task.method_name, task.model_spec, request.input)
        case _:
            raise UnimplementedError(f"Unsupported log_type for warmup: {kind}")


def _run_method(predictor: Predictor, method: str, spec: Any, wire_input: Any) -> None:
    if method not in METHODS:
        raise UnimplementedError(f"Unsupported signature method_name: {method}")
    METHODS[method](predictor, spec.signature_name or DEFAULT_SIGNATURE, serialized_examples(wire_input))


def _read_logs(path: Path) -> Iterator[Any]:
    """The `PredictionLog`s of the file; none if there is no such file."""
    if not path.is_file():
        return
    try:
        for count, record in enumerate(tf.data.TFRecordDataset(str(path)).as_numpy_iterator(), start=1):
            if count > _MAX_RECORDS:
                raise SavedModelError(
                    f"Number of warmup records exceeds the maximum ({_MAX_RECORDS}) at {path}"
                )
            yield PredictionLog.FromString(record)
    except (tf.errors.DataLossError, DecodeError) as err:
        raise SavedModelError(f"{path}: please verify your warmup data is in TFRecord format") from err

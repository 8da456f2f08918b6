"""Warm-up requests that travel with a SavedModel, in TensorFlow Serving's own format.

A server that loads the model answers them before it says that it is ready, so that no user pays for the first call.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from serving.errors import SavedModelError, ServingError
from serving.predictor import Predictor
from serving.tensors import from_protos

__all__ = ["WARMUP_FILE", "load_warm", "write_warmup_requests"]

WARMUP_FILE = "tf_serving_warmup_requests"
"""Name in `assets.extra/`: a TFRecord file of `PredictionLog`."""


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


def load_warm(saved_model_dir: Path) -> Predictor:
    """Loads a SavedModel and answers the warm-up requests that came with it.

    Raises:
        SavedModelError: the model cannot be loaded, or cannot answer its own warm-up requests.
    """
    predictor = Predictor(saved_model_dir)
    try:
        for request in _read_requests(saved_model_dir / "assets.extra" / WARMUP_FILE):
            predictor.run(request.model_spec.signature_name, from_protos(request.inputs))
    except ServingError as err:
        predictor.close()
        raise SavedModelError(
            f"{saved_model_dir}: fails its warm-up requests ({err}); export it again"
        ) from err
    return predictor


def _read_requests(path: Path) -> Iterator[PredictRequest]:
    """The Predict requests of the file; none if there is no such file."""
    if not path.is_file():
        return
    try:
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            log = PredictionLog.FromString(record)
            if log.HasField("predict_log"):
                yield log.predict_log.request
    except (tf.errors.DataLossError, DecodeError) as err:
        raise SavedModelError("please verify that your warm-up data is in TFRecord format") from err

"""A call as a line of JSON, and as TensorFlow Serving's PredictionLog in a TFRecord."""

import json
import struct
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import google_crc32c
import numpy.typing as npt
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from serving.data_plane import ModelSpec
from serving.example_methods import Classification
from serving.guard.logged_call import LoggedCall
from serving.guard.redaction import Redaction, is_kept
from serving.json_tensors import array_to_json
from serving.json_values import Json
from serving.predictor import DEFAULT_SIGNATURE
from serving.tensors import write_tensor
from serving.wire import write_result

__all__ = ["json_line", "prediction_record"]


def json_line(call: LoggedCall, redaction: Redaction) -> bytes:
    """One line; see docs/serving.md for its fields."""
    key = call.caller.key if call.caller else None
    document: dict[str, Json] = {
        "time": datetime.fromtimestamp(call.time, UTC).isoformat(timespec="milliseconds"),
        "method": call.method,
        "model": call.spec.name,
        "version": call.version,
        "signature": call.spec.signature_name or DEFAULT_SIGNATURE,
        "status": call.status,
        "milliseconds": round(call.seconds * 1000, 3),
        "transport": call.caller.transport if call.caller else None,
        "key": key.name if key else None,
        "request_id": (call.caller and call.caller.request_id) or None,
        "rows": call.rows,
    }
    if call.inputs:
        redacted = redaction.inputs(call.inputs)
        document["inputs"] = {name: _array(array, redacted[name]) for name, array in call.inputs.items()}
    if call.examples:
        document["examples"] = [redaction.example(example) for example in call.examples]
    if call.outputs:
        document["outputs"] = {
            name: _array(array, array if is_kept(name, array) else None)
            for name, array in call.outputs.items()
        }
    if call.answers:
        document["results"] = [_answer(answer) for answer in call.answers]
    return json.dumps(document, ensure_ascii=False).encode("utf-8", errors="replace") + b"\n"


def prediction_record(call: LoggedCall, redaction: Redaction) -> bytes:
    """A TFRecord; nothing for a call without an answer, as a PredictionLog has no place for errors."""
    if call.status != "OK":
        return b""
    log = prediction_log_pb2.PredictionLog()
    _write_spec(log.log_metadata.model_spec, call.spec, call.version)
    log.log_metadata.timestamp_secs = int(call.time)
    match call.method:
        case "Predict":
            _write_predict(log.predict_log, call, redaction)
        case "MultiInference":
            _write_multi_inference(log.multi_inference_log, call, redaction)
        case _:
            part = log.classify_log if call.method == "Classify" else log.regress_log
            _write_spec(part.request.model_spec, call.spec)
            _write_examples(part.request.input, call, redaction)
            _write_spec(part.response.model_spec, call.spec, call.version)
            write_result(part.response.result, call.answers[0])
    return _tfrecord(log.SerializeToString(deterministic=True))


def _array(array: npt.NDArray[Any], kept: npt.NDArray[Any] | None) -> Json:
    if kept is None:
        dtype = "string" if array.dtype == object else array.dtype.name
        return {"omitted": dtype, "shape": list(array.shape)}
    rows = array_to_json(kept)
    # The names of the labels are the same in every row.
    if kept.dtype == object and kept.ndim > 1 and isinstance(rows, list) and rows:
        return rows[0] if all(row == rows[0] for row in rows) else rows
    return rows


def _answer(answer: Any) -> Json:
    if isinstance(answer, Classification):
        return {"classes": array_to_json(answer.classes), "scores": array_to_json(answer.scores)}
    return array_to_json(answer.values)


def _write_predict(part: Any, call: LoggedCall, redaction: Redaction) -> None:
    _write_spec(part.request.model_spec, call.spec)
    part.request.output_filter.extend(call.output_filter)
    _write_tensors(part.request.inputs, call.inputs, redaction.inputs(call.inputs))
    _write_spec(part.response.model_spec, call.spec, call.version)
    kept = {name: array if is_kept(name, array) else None for name, array in call.outputs.items()}
    _write_tensors(part.response.outputs, call.outputs, kept)


def _write_tensors(
    protos: Any,
    arrays: Mapping[str, npt.NDArray[Any]],
    kept: Mapping[str, npt.NDArray[Any] | None],
) -> None:
    """What is left out has a dtype and a shape, but no values."""
    for name, array in arrays.items():
        content = kept[name]
        if content is not None:
            write_tensor(protos[name], content)
            continue
        protos[name].dtype = tf.as_dtype(array.dtype).as_datatype_enum
        protos[name].tensor_shape.CopyFrom(tf.TensorShape(array.shape).as_proto())


def _write_multi_inference(part: Any, call: LoggedCall, redaction: Redaction) -> None:
    for task, answer in zip(call.tasks, call.answers, strict=True):
        wanted = part.request.tasks.add(method_name=task.method)
        _write_spec(wanted.model_spec, task.spec)
        result = part.response.results.add()
        _write_spec(result.model_spec, task.spec, call.version)
        classified = isinstance(answer, Classification)
        write_result(result.classification_result if classified else result.regression_result, answer)
    _write_examples(part.request.input, call, redaction)


def _write_examples(wire_input: Any, call: LoggedCall, redaction: Redaction) -> None:
    for raw in call.examples:
        example = wire_input.example_list.examples.add()
        for name, texts in redaction.example(raw).items():
            values = example.features.feature[name].bytes_list.value
            values.extend(text.encode("utf-8", errors="replace") for text in texts)


def _write_spec(wire_spec: Any, spec: ModelSpec, version: int | None = None) -> None:
    wire_spec.name = spec.name
    wire_spec.signature_name = spec.signature_name or DEFAULT_SIGNATURE
    if version is not None:
        wire_spec.version.value = version


def _tfrecord(data: bytes) -> bytes:
    """TensorFlow's frame: length and content, each with its masked CRC-32C (core/lib/io/record_writer.h)."""
    length = struct.pack("<Q", len(data))
    return b"".join((length, _masked_crc(length), data, _masked_crc(data)))


def _masked_crc(data: bytes) -> bytes:
    crc: int = google_crc32c.value(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)

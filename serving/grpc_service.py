"""The gRPC transport: TensorFlow Serving's PredictionService and ModelService over the data plane."""

import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    inference_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from serving.data_plane import DataPlane, ModelSpec, Task
from serving.errors import (
    FailedPreconditionError,
    InternalError,
    InvalidArgumentError,
    NotFoundError,
    ServerStartError,
    ServingError,
    UnavailableError,
    UnimplementedError,
)
from serving.example_methods import Classification, Regression
from serving.tensors import from_protos, to_proto
from serving.wire import signature_def_map, status_response

__all__ = ["start_grpc_server"]

_log = logging.getLogger(__name__)

_STATUS_CODES: Mapping[type[ServingError], grpc.StatusCode] = {
    InvalidArgumentError: grpc.StatusCode.INVALID_ARGUMENT,
    FailedPreconditionError: grpc.StatusCode.FAILED_PRECONDITION,
    NotFoundError: grpc.StatusCode.NOT_FOUND,
    UnimplementedError: grpc.StatusCode.UNIMPLEMENTED,
    UnavailableError: grpc.StatusCode.UNAVAILABLE,
    InternalError: grpc.StatusCode.INTERNAL,
}

_MAX_MESSAGE_BYTES = 2**31 - 1
_MAX_DETAILS = 1024


def start_grpc_server(plane: DataPlane, address: str, *, max_threads: int) -> tuple[grpc.Server, int]:
    """Starts answering on `address` (`host:port`; port 0 takes a free one).

    A pool of threads beats `grpc.aio` here: the threads spend their time inside TensorFlow, outside the interpreter's
    lock.

    Returns:
        the running server and the port that it listens on.

    Raises:
        ServerStartError: the address cannot be listened on.
    """
    server = grpc.server(
        ThreadPoolExecutor(max_threads, thread_name_prefix="grpc"),
        options=[
            ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
            ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
            # Without this a second server on the same port takes half of the requests, silently.
            ("grpc.so_reuseport", 0),
        ],
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(_PredictionService(plane), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(_ModelService(plane), server)
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as err:
        raise ServerStartError(
            f"cannot listen on {address} for gRPC; is the port taken? Choose another --port"
        ) from err
    server.start()
    return server, port


def _rpc(method: Callable[[Any, Any], Any]) -> Callable[[Any, Any, grpc.ServicerContext], Any]:
    """Makes an RPC handler of a method on requests: the data plane's errors become status codes."""

    @functools.wraps(method)
    def handle(service: Any, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return method(service, request)
        except ServingError as err:
            code, message = _STATUS_CODES.get(type(err), grpc.StatusCode.INTERNAL), str(err)
        except Exception:
            _log.exception("%s failed", method.__name__)
            code, message = grpc.StatusCode.INTERNAL, "internal error; the server's log has the details"
        if len(message) > _MAX_DETAILS:
            message = f"{message[:_MAX_DETAILS]}...TRUNCATED"
        context.abort(code, message)
        raise AssertionError("abort raises")

    return handle


class _PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """What is not overridden answers UNIMPLEMENTED."""

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane

    @_rpc
    def Predict(self, request: Any) -> Any:  # noqa: N802
        spec = _read_spec(request)
        outputs = self._plane.predict(spec, from_protos(request.inputs), tuple(request.output_filter))
        response = predict_pb2.PredictResponse()
        _write_spec(response, spec, outputs.version)
        for name, array in outputs.tensors.items():
            response.outputs[name].CopyFrom(to_proto(array))
        return response

    @_rpc
    def Classify(self, request: Any) -> Any:  # noqa: N802
        spec = _read_spec(request)
        version, answer = self._plane.classify(spec, _read_examples(request.input))
        response = classification_pb2.ClassificationResponse()
        _write_spec(response, spec, version)
        _write_result(response.result, answer)
        return response

    @_rpc
    def Regress(self, request: Any) -> Any:  # noqa: N802
        spec = _read_spec(request)
        version, answer = self._plane.regress(spec, _read_examples(request.input))
        response = regression_pb2.RegressionResponse()
        _write_spec(response, spec, version)
        _write_result(response.result, answer)
        return response

    @_rpc
    def MultiInference(self, request: Any) -> Any:  # noqa: N802
        tasks = [Task(_read_spec(task), task.method_name) for task in request.tasks]
        version, answers = self._plane.infer(tasks, _read_examples(request.input))
        response = inference_pb2.MultiInferenceResponse()
        for task, answer in zip(tasks, answers, strict=True):
            result = response.results.add()
            _write_spec(result, task.spec, version)
            classified = isinstance(answer, Classification)
            _write_result(result.classification_result if classified else result.regression_result, answer)
        return response

    @_rpc
    def GetModelMetadata(self, request: Any) -> Any:  # noqa: N802
        spec = _read_spec(request)
        if not request.metadata_field:
            raise InvalidArgumentError("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != "signature_def":
                raise InvalidArgumentError(f"Metadata field {field} is not supported")
        version, signatures = self._plane.signatures(spec)
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.name = spec.name
        response.model_spec.version.value = version
        response.metadata["signature_def"].Pack(signature_def_map(signatures))
        return response


class _ModelService(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane

    @_rpc
    def GetModelStatus(self, request: Any) -> Any:  # noqa: N802
        return status_response(self._plane.statuses(_read_spec(request)))


def _read_spec(request: Any) -> ModelSpec:
    if not request.HasField("model_spec"):
        raise InvalidArgumentError("Missing ModelSpec")
    spec = request.model_spec
    choice = spec.WhichOneof("version_choice")
    return ModelSpec(
        spec.name,
        version=spec.version.value if choice == "version" else None,
        label=spec.version_label if choice == "version_label" else None,
        signature_name=spec.signature_name,
    )


def _write_spec(response: Any, spec: ModelSpec, version: int) -> None:
    response.model_spec.name = spec.name
    response.model_spec.version.value = version
    response.model_spec.signature_name = spec.signature_name or "serving_default"


def _write_result(result: Any, answer: Classification | Regression) -> None:
    """Fills a ClassificationResult or a RegressionResult."""
    if isinstance(answer, Regression):
        for value in answer.values.tolist():
            result.regressions.add(value=value)
        return
    for classes, scores in zip(answer.classes.tolist(), answer.scores.tolist(), strict=True):
        row = result.classifications.add()
        for label, score in zip(classes, scores, strict=True):
            row.classes.add(label=label.decode("utf-8", errors="replace"), score=score)


def _read_examples(wire_input: Any) -> Sequence[bytes]:
    """Serialized tf.Examples; a shared context goes before each, so that the example's own features win."""
    if wire_input.WhichOneof("kind") == "example_list_with_context":
        listed = wire_input.example_list_with_context
        context = listed.context.SerializeToString()
        return [context + example.SerializeToString() for example in listed.examples]
    return [example.SerializeToString() for example in wire_input.example_list.examples]

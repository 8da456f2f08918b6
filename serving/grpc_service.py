"""The gRPC services: TensorFlow Serving's PredictionService and ModelService over the data plane."""

import functools
import logging
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import grpc
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    inference_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from serving.call import Call, running
from serving.data_plane import DataPlane, ModelSpec, Task
from serving.errors import InternalError, InvalidArgumentError, ServingError
from serving.example_methods import Classification, serialized_examples
from serving.tensors import from_protos, write_tensor
from serving.wire import signature_def_map, status_response, write_result

__all__ = ["SERVICES", "Turns", "abort", "add_services"]

_log = logging.getLogger(__name__)

_MAX_DETAILS = 1024
"""TensorFlow Serving cuts longer error messages (model_servers/grpc_status_util.cc)."""
_COUNTED = frozenset({"Predict", "Classify", "Regress"})
"""The calls that TensorFlow Serving's metrics count."""


SERVICES = ("tensorflow.serving.PredictionService", "tensorflow.serving.ModelService")
"""Full names."""


class Turns:
    """How many calls are answered at a time; the others wait.

    gRPC's own threads cannot be the limit: each reads a message to its end, and clients that stall in theirs would take
    all of them.
    """

    def __init__(self, count: int) -> None:
        self._free = threading.Semaphore(count)

    @contextmanager
    def taken(self, call: Call) -> Iterator[None]:
        """Waits for a turn, which ends with the block.

        Raises:
            CancelledError: the client has gone meanwhile.
            DeadlineExceededError: the deadline has passed.
        """
        while not self._free.acquire(timeout=call.seconds_left):
            call.check()
        try:
            call.check()
            yield
        finally:
            self._free.release()


def add_services(
    server: grpc.Server, plane: DataPlane, turns: Turns, *, as_tensor_content: bool = False
) -> None:
    """Lets a server answer for the data plane.

    Args:
        server: not started yet.
        plane: what answers.
        turns: of all calls.
        as_tensor_content: whether Predict answers in `tensor_content` rather than in `float_val` and its like.
    """
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        _PredictionService(plane, turns, as_tensor_content=as_tensor_content), server
    )
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(_ModelService(plane, turns), server)


def _rpc(method: Callable[[Any, Any], Any]) -> Callable[[Any, Any, grpc.ServicerContext], Any]:
    """Makes an RPC handler of a method on requests: the data plane's errors become status codes."""
    name = method.__name__

    @functools.wraps(method)
    def handle(service: Any, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            with running(_call_of(context)) as call, service.turns.taken(call):
                if name not in _COUNTED:
                    return method(service, request)
                with service.plane.metrics.request(request.model_spec.name, api=name, entrypoint="GRPC"):
                    return method(service, request)
        except ServingError as err:
            error = err
        except Exception:
            _log.exception("%s failed", name)
            error = InternalError("internal error; the server's log has the details")
        abort(context, error)

    return handle


def _call_of(context: grpc.ServicerContext) -> Call:
    call = Call(context.time_remaining())
    if not context.add_callback(call.cancel):
        call.cancel()
    return call


def abort(context: grpc.ServicerContext, error: ServingError) -> NoReturn:
    """Answers a call with an error, and says when to try again if the error does."""
    message = str(error)
    if len(message) > _MAX_DETAILS:
        message = f"{message[:_MAX_DETAILS]}...TRUNCATED"
    if (seconds := error.retry_after_seconds) is not None:
        # The second is gRPC's own: clients with a retry policy obey it (grpc proposal A6).
        pushback = str(math.ceil(seconds * 1000))
        context.set_trailing_metadata(
            (("retry-after", str(math.ceil(seconds))), ("grpc-retry-pushback-ms", pushback))
        )
    # Its frames hold what holds the error: some 70 objects a call, which only the garbage collector could free.
    error.__traceback__ = None
    context.abort(grpc.StatusCode[error.code], message)
    raise AssertionError("abort raises")


class _PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """What is not overridden answers UNIMPLEMENTED."""

    def __init__(self, plane: DataPlane, turns: Turns, *, as_tensor_content: bool) -> None:
        self.plane = plane
        self.turns = turns
        self._as_tensor_content = as_tensor_content

    @_rpc
    def Predict(self, request: Any) -> Any:  # noqa: N802
        spec = _read_spec(request)
        outputs = self.plane.predict(
            spec, lambda _: from_protos(request.inputs), tuple(request.output_filter)
        )
        response = predict_pb2.PredictResponse()
        _write_spec(response, spec, outputs.version)
        for name, array in outputs.tensors.items():
            write_tensor(response.outputs[name], array, as_content=self._as_tensor_content)
        return response

    @_rpc
    def Classify(self, request: Any) -> Any:  # noqa: N802
        spec = _read_spec(request)
        version, answer = self.plane.classify(spec, serialized_examples(request.input))
        response = classification_pb2.ClassificationResponse()
        _write_spec(response, spec, version)
        write_result(response.result, answer)
        return response

    @_rpc
    def Regress(self, request: Any) -> Any:  # noqa: N802
        spec = _read_spec(request)
        version, answer = self.plane.regress(spec, serialized_examples(request.input))
        response = regression_pb2.RegressionResponse()
        _write_spec(response, spec, version)
        write_result(response.result, answer)
        return response

    @_rpc
    def MultiInference(self, request: Any) -> Any:  # noqa: N802
        tasks = [Task(_read_spec(task), task.method_name) for task in request.tasks]
        version, answers = self.plane.infer(tasks, serialized_examples(request.input))
        response = inference_pb2.MultiInferenceResponse()
        for task, answer in zip(tasks, answers, strict=True):
            result = response.results.add()
            _write_spec(result, task.spec, version)
            classified = isinstance(answer, Classification)
            write_result(result.classification_result if classified else result.regression_result, answer)
        return response

    @_rpc
    def GetModelMetadata(self, request: Any) -> Any:  # noqa: N802
        spec = _read_spec(request)
        if not request.metadata_field:
            raise InvalidArgumentError("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != "signature_def":
                raise InvalidArgumentError(f"Metadata field {field} is not supported")
        version, signatures = self.plane.signatures(spec)
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.name = spec.name
        response.model_spec.version.value = version
        response.metadata["signature_def"].Pack(signature_def_map(signatures))
        return response


class _ModelService(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, plane: DataPlane, turns: Turns) -> None:
        self.plane = plane
        self.turns = turns

    @_rpc
    def GetModelStatus(self, request: Any) -> Any:  # noqa: N802
        return status_response(self.plane.statuses(_read_spec(request)))

    @_rpc
    def HandleReloadConfigRequest(self, request: Any) -> Any:  # noqa: N802
        metrics = self.plane.metrics
        before = {name: metrics.value(name) for name in request.metric_names}
        self.plane.configure(request.config)
        response = model_management_pb2.ReloadConfigResponse()
        for name, value in before.items():
            response.metric.add(name=name, int64_value_increase=metrics.value(name) - value)
        return response


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

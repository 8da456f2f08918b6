"""The data plane with a guard before it and a log behind it."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, TypeAlias

import numpy.typing as npt

from serving.data_plane import DataPlane, ModelSpec, Outputs, ReadInputs, Task
from serving.errors import InternalError, ServingError
from serving.example_methods import Classification, Regression
from serving.guard.admission import check_model, check_reload
from serving.guard.caller import current_caller
from serving.guard.input_limits import InputLimits
from serving.guard.logged_call import LoggedCall
from serving.metrics import Metrics
from serving.models import Models
from serving.repository import VersionStatus

__all__ = ["CallObserver", "GuardedDataPlane", "Trace"]

CallObserver: TypeAlias = Callable[[LoggedCall], None]
Trace: TypeAlias = Callable[[LoggedCall], AbstractContextManager[None]]


class GuardedDataPlane(DataPlane):
    """Refuses what the caller may not ask for, or too much of it; tells of every call when it has ended.

    Args:
        models: what is served.
        metrics: see `DataPlane`.
        check_method_names: see `DataPlane`.
        limits: of one request.
        observe: is told of each call, answered or not; must not raise, nor take long.
        trace: goes around each call.
    """

    def __init__(
        self,
        models: Models,
        *,
        metrics: Metrics | None = None,
        check_method_names: bool = False,
        limits: InputLimits | None = None,
        observe: CallObserver | None = None,
        trace: Trace | None = None,
    ) -> None:
        super().__init__(models, metrics=metrics, check_method_names=check_method_names)
        self._limits = limits or InputLimits()
        self._observe = observe
        self._trace: Trace = trace or (lambda _: nullcontext())

    def predict(self, spec: ModelSpec, read_inputs: ReadInputs, output_filter: Sequence[str] = ()) -> Outputs:
        """`DataPlane.predict`; PermissionDeniedError if the caller may not use the model."""
        with self._call("Predict", spec, output_filter=output_filter) as call:

            def read(signatures: Mapping[str, Any]) -> Mapping[str, npt.NDArray[Any]]:
                call.inputs = read_inputs(signatures)
                self._limits.check_arrays(call.inputs.values())
                return call.inputs

            answer = super().predict(spec, read, output_filter)
            call.version, call.outputs = answer.version, answer.tensors
            return answer

    def classify(self, spec: ModelSpec, examples: Sequence[bytes]) -> tuple[int, Classification]:
        """`DataPlane.classify`; PermissionDeniedError if the caller may not use the model."""
        with self._call("Classify", spec, examples=examples) as call:
            self._limits.check_examples(examples)
            version, answer = super().classify(spec, examples)
            call.version, call.answers = version, (answer,)
            return version, answer

    def regress(self, spec: ModelSpec, examples: Sequence[bytes]) -> tuple[int, Regression]:
        """`DataPlane.regress`; PermissionDeniedError if the caller may not use the model."""
        with self._call("Regress", spec, examples=examples) as call:
            self._limits.check_examples(examples)
            version, answer = super().regress(spec, examples)
            call.version, call.answers = version, (answer,)
            return version, answer

    def infer(
        self, tasks: Sequence[Task], examples: Sequence[bytes]
    ) -> tuple[int, list[Classification | Regression]]:
        """`DataPlane.infer`; PermissionDeniedError if the caller may not use the model."""
        spec = tasks[0].spec if tasks else ModelSpec("")
        with self._call("MultiInference", spec, examples=examples, tasks=tasks) as call:
            self._limits.check_examples(examples)
            version, answers = super().infer(tasks, examples)
            call.version, call.answers = version, answers
            return version, answers

    def signatures(self, spec: ModelSpec) -> tuple[int, Mapping[str, Any]]:
        """`DataPlane.signatures`; PermissionDeniedError if the caller may not use the model."""
        check_model(spec.name)
        return super().signatures(spec)

    def statuses(self, spec: ModelSpec) -> tuple[VersionStatus, ...]:
        """`DataPlane.statuses`; PermissionDeniedError if the caller may not use the model."""
        check_model(spec.name)
        return super().statuses(spec)

    def configure(self, config: Any) -> None:
        """`DataPlane.configure`; PermissionDeniedError if the caller may not change what is served."""
        check_reload()
        super().configure(config)

    @contextmanager
    def _call(self, method: str, spec: ModelSpec, **request: Any) -> Iterator[LoggedCall]:
        call = LoggedCall(method=method, spec=spec, caller=current_caller.get(), **request)
        started = time.perf_counter()
        try:
            with self._trace(call):
                check_model(spec.name)
                yield call
        except Exception as err:
            call.status = err.code if isinstance(err, ServingError) else InternalError.code
            raise
        finally:
            call.seconds = time.perf_counter() - started
            if self._observe:
                self._observe(call)

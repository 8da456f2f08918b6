"""Beam runners with faults, for `beam: {runner: tests.components.faulty_runners.…}`.

Each is Beam's in-process runner that treats every `ParDo` of the pipeline in its own way before it runs it.
"""

import hashlib
import pickle
from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar

import apache_beam as beam
from apache_beam.pipeline import PipelineVisitor
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

__all__ = ["DoublingRunner", "LosingRunner", "RetryingRunner"]


class RetryingRunner(FnApiRunner):
    """Lets every `ParDo` fail after its work was done, and runs the bundle again.

    The stages' own fail once for each of their elements, those inside Beam's transforms once in all.

    Beam's own runner gives up at the first failure; others, such as Dataflow, Flink and Spark, try again.

    Attributes:
        failures: by name of the transform; shared by all runners of this process.
    """

    failures: ClassVar[Counter[str]] = Counter()

    def run_pipeline(self, pipeline: Any, options: Any) -> Any:
        _failed.clear()
        pipeline.visit(_Wrap(_FailingOnce))
        return super().run_pipeline(pipeline, options)

    def _run_bundle_multiple_times_for_testing(self, context: Any, manager: Any, *bundle: Any) -> None:
        """Overrides what Beam does for its `bundle_repeat`: outputs of the runs before the last are thrown away."""
        while True:
            context.state_servicer.checkpoint()
            try:
                manager.process_bundle(*bundle, dry_run=True)
                return
            except _PlannedError:
                pass
            finally:
                context.state_servicer.restore()


class LosingRunner(FnApiRunner):
    """Loses the output for one element of the transform named in `at`.

    Attributes:
        at: set before the run.
        altered: the transform that was altered; shared by all runners of this process.
    """

    at: ClassVar[str] = ""
    altered: ClassVar[str] = ""

    def run_pipeline(self, pipeline: Any, options: Any) -> Any:
        pipeline.visit(_Wrap(_Losing, only=self.at))
        return super().run_pipeline(pipeline, options)


class DoublingRunner(FnApiRunner):
    """Hands on twice what the transform named in `at` puts out.

    Attributes:
        at: set before the run.
        altered: the transform that was altered; shared by all runners of this process.
    """

    at: ClassVar[str] = ""
    altered: ClassVar[str] = ""

    def run_pipeline(self, pipeline: Any, options: Any) -> Any:
        pipeline.visit(_Wrap(_Doubling, only=self.at))
        return super().run_pipeline(pipeline, options)


class _Wrap(PipelineVisitor):
    """Puts a `DoFn` around every one that takes nothing but elements and side inputs, or around one of them."""

    def __init__(self, wrapper: Callable[[Any, str], beam.DoFn], only: str | None = None) -> None:
        self._wrapper = wrapper
        self._only = only

    def visit_transform(self, node: Any) -> None:
        transform = node.transform
        if not isinstance(transform, beam.ParDo) or self._only not in (None, node.full_label):
            return
        signature = beam.runners.common.DoFnSignature(transform.fn)
        special = bool(signature.process_method.defaults)
        if not special and not signature.is_splittable_dofn():
            transform.fn = transform.dofn = self._wrapper(transform.fn, node.full_label)


class _Wrapper(beam.DoFn):
    """Does what the wrapped `DoFn` does."""

    def __init__(self, fn: beam.DoFn, label: str) -> None:
        self._fn = fn
        self._label = label

    def setup(self) -> None:
        self._fn.setup()

    def start_bundle(self) -> None:
        self._fn.start_bundle()

    def finish_bundle(self) -> Any:
        return self._fn.finish_bundle()

    def teardown(self) -> None:
        self._fn.teardown()

    def process(self, element: Any, *side_inputs: Any, **more: Any) -> Any:
        return self.alter(element, list(self._fn.process(element, *side_inputs, **more) or ()))

    def alter(self, element: Any, outputs: list[Any]) -> list[Any]:
        raise NotImplementedError


class _PlannedError(Exception):
    pass


_failed: set[tuple[str, bytes]] = set()
_lost: set[str] = set()


class _FailingOnce(_Wrapper):
    def alter(self, element: Any, outputs: list[Any]) -> list[Any]:
        is_beams_own = "/" in self._label
        key = (self._label, b"" if is_beams_own else hashlib.sha256(pickle.dumps(element)).digest())
        if key not in _failed:
            _failed.add(key)
            RetryingRunner.failures[self._label] += 1
            raise _PlannedError(self._label)
        return outputs


class _Losing(_Wrapper):
    def start_bundle(self) -> None:
        super().start_bundle()
        _lost.discard(self._label)

    def alter(self, element: Any, outputs: list[Any]) -> list[Any]:
        if self._label in _lost:
            return outputs
        _lost.add(self._label)
        LosingRunner.altered = self._label
        return []


class _Doubling(_Wrapper):
    def alter(self, element: Any, outputs: list[Any]) -> list[Any]:
        DoublingRunner.altered = self._label
        return outputs * 2

"""What the server does with a request, whichever transport brought it."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy.typing as npt

from serving.errors import InvalidArgumentError, NotFoundError, UnimplementedError
from serving.example_methods import (
    CLASSIFY,
    METHODS,
    REGRESS,
    Classification,
    Regression,
    classify,
    regress,
)
from serving.metrics import Metrics
from serving.model_config import model_settings
from serving.models import Models
from serving.predictor import DEFAULT_SIGNATURE, Predictor
from serving.repository import VersionStatus

__all__ = ["DataPlane", "ModelSpec", "Outputs", "ReadInputs", "Task"]

ReadInputs: TypeAlias = Callable[[Mapping[str, Any]], Mapping[str, npt.NDArray[Any]]]
"""Arrays by name, for a model with such SignatureDef protos by name."""


@dataclass(frozen=True)
class ModelSpec:
    """Which model a request is for.

    Attributes:
        name: the model.
        version: None = the newest.
        label: a version label; None if the request has none.
        signature_name: `serving_default` if empty.
    """

    name: str
    version: int | None = None
    label: str | None = None
    signature_name: str = ""


@dataclass(frozen=True)
class Outputs:
    """What Predict answers: the version that answered and its outputs by name; strings are object arrays of bytes."""

    version: int
    tensors: Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Task:
    """One part of MultiInference: a signature and the method (`CLASSIFY`, `REGRESS`) that it is run by."""

    spec: ModelSpec
    method: str


class DataPlane:
    """Answers requests from the models, with errors in TF Serving's words; thread-safe.

    Args:
        models: what is served.
        metrics: counts examples and the time that the runtime takes.
        check_method_names: whether Classify and Regress refuse signatures that were not made for them.
    """

    def __init__(
        self, models: Models, *, metrics: Metrics | None = None, check_method_names: bool = False
    ) -> None:
        self.models = models
        self.metrics = metrics or Metrics()
        self._check_method_names = check_method_names
        self._lock = threading.Lock()
        self._computing = 0

    @property
    def computing(self) -> int:
        """How many requests hold a model, those included that nobody waits for any longer."""
        return self._computing

    def predict(self, spec: ModelSpec, read_inputs: ReadInputs, output_filter: Sequence[str] = ()) -> Outputs:
        """Runs a signature on arrays (`Predictor.run`).

        Args:
            spec: which one.
            read_inputs: what the request holds for it; what it raises is the answer.
            output_filter: names of the outputs that are wanted; empty = all.

        Raises:
            NotFoundError: the model or version is not served.
            FailedPreconditionError: the model has no such signature.
            InvalidArgumentError: the inputs do not fit, or the version label is unknown.
        """
        with self._use(spec) as (version, predictor):
            inputs = read_inputs(predictor.signature_defs)
            with self.metrics.runtime(spec.name, "Predict"):
                return Outputs(version, predictor.run(spec.signature_name, inputs, output_filter))

    def classify(self, spec: ModelSpec, examples: Sequence[bytes]) -> tuple[int, Classification]:
        """The version that answers and what it says of serialized tf.Examples (`example_methods.classify`).

        Raises:
            NotFoundError: the model or version is not served.
            InvalidArgumentError: there is no such signature, it does not classify, or the examples do not fit.
        """
        with self._use(spec) as (version, predictor), self.metrics.runtime(spec.name, "Classify"):
            self.metrics.examples(spec.name, len(examples))
            name = self._signature(predictor, spec, CLASSIFY)
            return version, classify(predictor, name, examples)

    def regress(self, spec: ModelSpec, examples: Sequence[bytes]) -> tuple[int, Regression]:
        """The version that answers and the number it gives each serialized tf.Example (`example_methods.regress`).

        Raises:
            NotFoundError: the model or version is not served.
            InvalidArgumentError: there is no such signature, it does not regress, or the examples do not fit.
        """
        with self._use(spec) as (version, predictor), self.metrics.runtime(spec.name, "Regress"):
            self.metrics.examples(spec.name, len(examples))
            name = self._signature(predictor, spec, REGRESS)
            return version, regress(predictor, name, examples)

    def infer(
        self, tasks: Sequence[Task], examples: Sequence[bytes]
    ) -> tuple[int, list[Classification | Regression]]:
        """Runs several signatures of one model on the same tf.Examples; the first task says which version answers.

        Raises:
            NotFoundError: the model or version is not served.
            InvalidArgumentError: there is no task, tasks name several models or one signature twice, a signature does
                not do what its task wants, or the examples do not fit.
            UnimplementedError: a method is neither Classify nor Regress.
        """
        first = tasks[0].spec if tasks else ModelSpec("")
        with self._use(first) as (version, predictor):
            signatures = [task.spec.signature_name or DEFAULT_SIGNATURE for task in tasks]
            _check_tasks(tasks, signatures, predictor)
            self.metrics.examples(first.name, len(examples))
            return version, [
                METHODS[task.method](predictor, name, examples)
                for task, name in zip(tasks, signatures, strict=True)
            ]

    def signatures(self, spec: ModelSpec) -> tuple[int, Mapping[str, Any]]:
        """The version and its SignatureDef protos by name.

        Raises:
            NotFoundError: the model or version is not served.
        """
        with self._use(spec) as (version, predictor):
            return version, predictor.signature_defs

    def statuses(self, spec: ModelSpec) -> tuple[VersionStatus, ...]:
        """Where the model's versions stand, the newest first; a version label is ignored.

        Raises:
            NotFoundError: no such model or version.
        """
        found = self.models.statuses(spec.name)
        if not found:
            raise NotFoundError(f"Could not find any versions of model {spec.name}")
        if spec.version is None:
            return found
        chosen = tuple(status for status in found if status.version == spec.version)
        if not chosen:
            raise NotFoundError(f"Could not find version {spec.version} of model {spec.name}")
        return chosen

    def configure(self, config: Any) -> None:
        """Serves the models of a `ModelServerConfig` proto and no others; returns when they are available.

        Raises:
            InvalidArgumentError: it lists what cannot be served.
            FailedPreconditionError: a label is for a version that is not available.
            UnknownError: a new model could not be loaded.
        """
        self.models.configure(model_settings(config))

    @contextmanager
    def _use(self, spec: ModelSpec) -> Iterator[tuple[int, Predictor]]:
        if not spec.name:
            raise InvalidArgumentError("ModelSpec has no name specified.")
        version = spec.version
        if spec.label is not None:
            version = self.models.labelled(spec.name, spec.label)
        with self.models.repository(spec.name, version).use(version) as used, self._counted():
            yield used

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._lock:
            self._computing += 1
        try:
            yield
        finally:
            with self._lock:
                self._computing -= 1

    def _signature(self, predictor: Predictor, spec: ModelSpec, method: str) -> str:
        name = spec.signature_name or DEFAULT_SIGNATURE
        definition = predictor.signature_defs.get(name)
        if self._check_method_names and definition is not None and definition.method_name != method:
            noun = {CLASSIFY: "classification", REGRESS: "regression"}[method]
            raise InvalidArgumentError(
                f"Expected {noun} signature method_name to be {method}. Was: {definition.method_name}"
            )
        return name


def _check_tasks(tasks: Sequence[Task], signatures: Sequence[str], predictor: Predictor) -> None:
    seen: set[str] = set()
    for task, name in zip(tasks, signatures, strict=True):
        if not task.spec.name:
            raise InvalidArgumentError("Found ModelSpec with an empty model name.")
        if task.spec.name != tasks[0].spec.name:
            raise InvalidArgumentError(
                "All ModelSpecs in a MultiInferenceRequest must access the same model name."
            )
        if name in seen:
            raise InvalidArgumentError(f"Duplicate evaluation of signature: {name}")
        seen.add(name)
        if name not in predictor.signature_defs:
            raise InvalidArgumentError(f"Requested signature not found in model graph: {name}")
        if task.method not in METHODS:
            raise UnimplementedError(f"Unsupported signature method_name: {task.method}")

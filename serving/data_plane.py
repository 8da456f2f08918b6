"""What the server does with a request, whichever transport brought it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.errors import InvalidArgumentError, NotFoundError
from serving.predictor import DEFAULT_SIGNATURE
from serving.repository import ModelRepository, VersionStatus

__all__ = ["Classification", "DataPlane", "ModelSpec", "Outputs"]


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
class Classification:
    """What Classify answers.

    Attributes:
        version: the version that answered.
        classes: bytes [examples, classes].
        scores: float32 [examples, classes].
    """

    version: int
    classes: npt.NDArray[np.object_]
    scores: npt.NDArray[np.float32]


class DataPlane:
    """Answers requests from the model repositories, with errors in TF Serving's words; thread-safe."""

    def __init__(self, repositories: Sequence[ModelRepository]) -> None:
        self._repositories = {repository.name: repository for repository in repositories}

    def predict(
        self, spec: ModelSpec, inputs: Mapping[str, npt.NDArray[Any]], output_filter: Sequence[str] = ()
    ) -> Outputs:
        """Runs a signature on arrays (`Predictor.run`).

        Raises:
            NotFoundError: the model or version is not served.
            FailedPreconditionError: the model has no such signature.
            InvalidArgumentError: the inputs do not fit.
        """
        with self._repository(spec).use(spec.version) as (version, predictor):
            return Outputs(version, predictor.run(spec.signature_name, inputs, output_filter))

    def classify(self, spec: ModelSpec, examples: Sequence[bytes]) -> Classification:
        """Runs a classification signature on serialized tf.Examples.

        Raises:
            NotFoundError: the model or version is not served.
            InvalidArgumentError: there is no such signature, it does not classify, or the examples do not fit.
        """
        with self._repository(spec).use(spec.version) as (version, predictor):
            name = spec.signature_name or DEFAULT_SIGNATURE
            definition = predictor.signature_defs.get(name)
            if definition is None:
                raise InvalidArgumentError(f"No signature was found with the name: {name}")
            _check_classifies(definition)
            if not examples:
                raise InvalidArgumentError("Input is empty.")
            inputs = np.empty(len(examples), dtype=object)
            inputs[:] = list(examples)
            outputs = predictor.run(name, {"inputs": inputs})
            return _as_classification(version, outputs, len(examples))

    def signatures(self, spec: ModelSpec) -> tuple[int, Mapping[str, Any]]:
        """The version and its SignatureDef protos by name.

        Raises:
            NotFoundError: the model or version is not served.
        """
        with self._repository(spec).use(spec.version) as (version, predictor):
            return version, predictor.signature_defs

    def statuses(self, spec: ModelSpec) -> tuple[VersionStatus, ...]:
        """Where the model's versions stand, the newest first; a version label is ignored.

        Raises:
            NotFoundError: no such model or version.
        """
        repository = self._repositories.get(spec.name)
        found = repository.statuses() if repository else ()
        if not found:
            raise NotFoundError(f"Could not find any versions of model {spec.name}")
        if spec.version is None:
            return found
        chosen = tuple(status for status in found if status.version == spec.version)
        if not chosen:
            raise NotFoundError(f"Could not find version {spec.version} of model {spec.name}")
        return chosen

    def _repository(self, spec: ModelSpec) -> ModelRepository:
        if not spec.name:
            raise InvalidArgumentError("ModelSpec has no name specified.")
        repository = self._repositories.get(spec.name)
        if repository is None:
            wanted = (
                f"Latest({spec.name})" if spec.version is None else f"Specific({spec.name}, {spec.version})"
            )
            raise NotFoundError(f"Servable not found for request: {wanted}")
        if spec.label is not None:
            raise InvalidArgumentError(f"Unrecognized servable version label: {spec.label}")
        return repository


def _check_classifies(definition: Any) -> None:
    """Says in TensorFlow Serving's words why a signature cannot answer Classify."""
    if len(definition.inputs) != 1:
        raise InvalidArgumentError("Expected one input Tensor.")
    if len(definition.outputs) not in (1, 2):
        raise InvalidArgumentError(f"Expected one or two output Tensors, found {len(definition.outputs)}")
    if "inputs" not in definition.inputs:
        raise InvalidArgumentError(f"No classification inputs found in SignatureDef: {definition}")
    if not {"classes", "scores"} & set(definition.outputs):
        raise InvalidArgumentError(
            "Expected classification signature outputs to contain at least one of "
            f'"classes" or "scores". Signature was: {definition}'
        )


def _as_classification(version: int, outputs: Mapping[str, npt.NDArray[Any]], rows: int) -> Classification:
    """Fills in the half that a signature may leave out: empty class names, or zero scores."""
    arrays = [outputs[name] for name in ("classes", "scores") if name in outputs]
    shape = arrays[0].shape
    if len(shape) != 2 or shape[0] != rows or any(array.shape != shape for array in arrays):
        got = " and ".join(str(list(array.shape)) for array in arrays)
        raise InvalidArgumentError(f"Expected Tensor shape: [batch_size num_classes] but got {got}")
    classes = outputs.get("classes", np.full(shape, b"", dtype=object))
    return Classification(version, classes, outputs.get("scores", np.zeros(shape, np.float32)))

"""Classify and Regress: the calls whose signatures take serialized tf.Examples, in TensorFlow Serving's words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from serving.errors import InvalidArgumentError
from serving.predictor import Predictor

__all__ = [
    "CLASSIFY",
    "METHODS",
    "REGRESS",
    "Classification",
    "ExampleMethod",
    "Regression",
    "classify",
    "regress",
    "serialized_examples",
]

CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"
"""A signature's `method_name` says which of the calls it is for."""


@dataclass(frozen=True)
class Classification:
    """What Classify answers.

    Attributes:
        classes: bytes [examples, classes].
        scores: float32 [examples, classes].
    """

    classes: npt.NDArray[np.object_]
    scores: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Regression:
    """What Regress answers: `values`, float32 [examples]."""

    values: npt.NDArray[np.float32]


ExampleMethod: TypeAlias = Callable[[Predictor, str, Sequence[bytes]], Classification | Regression]


def classify(predictor: Predictor, signature_name: str, examples: Sequence[bytes]) -> Classification:
    """Runs a signature `inputs` -> `classes` and `scores` (one of them may be missing) on serialized tf.Examples.

    Raises:
        InvalidArgumentError: there is no such signature, it does not classify, or the examples do not fit.
    """
    definition = _signature(predictor, signature_name)
    if len(definition.outputs) not in (1, 2):
        raise InvalidArgumentError(f"Expected one or two output Tensors, found {len(definition.outputs)}")
    if "inputs" not in definition.inputs:
        raise InvalidArgumentError(f"No classification inputs found in SignatureDef: {definition}")
    if not {"classes", "scores"} & set(definition.outputs):
        raise InvalidArgumentError(
            "Expected classification signature outputs to contain at least one of "
            f'"classes" or "scores". Signature was: {definition}'
        )
    return _as_classification(_run(predictor, signature_name, examples), len(examples))


def regress(predictor: Predictor, signature_name: str, examples: Sequence[bytes]) -> Regression:
    """Runs a signature `inputs` -> `outputs`, float32 [examples] or [examples, 1], on serialized tf.Examples.

    Raises:
        InvalidArgumentError: there is no such signature, it does not regress, or the examples do not fit.
    """
    definition = _signature(predictor, signature_name)
    if len(definition.outputs) != 1:
        raise InvalidArgumentError("Expected one output Tensor.")
    for name, side in (("inputs", definition.inputs), ("outputs", definition.outputs)):
        if name not in side:
            raise InvalidArgumentError(f"No regression {name} found in SignatureDef: {definition}")
    values = _run(predictor, signature_name, examples)["outputs"]
    if values.ndim not in (1, 2) or values.shape[1:] not in ((), (1,)):
        raise InvalidArgumentError(
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got "
            f"[{','.join(map(str, values.shape))}]"
        )
    if len(values) != len(examples):
        raise InvalidArgumentError(
            f"Input batch size did not match output batch size: {len(examples)} vs. {len(values)}"
        )
    if values.dtype != np.float32:
        raise InvalidArgumentError(f"Expected output Tensor of DT_FLOAT.  Got: {values.dtype}")
    return Regression(values.reshape(-1))


METHODS: Mapping[str, ExampleMethod] = {CLASSIFY: classify, REGRESS: regress}


def serialized_examples(wire_input: Any) -> list[bytes]:
    """The serialized tf.Examples of an `Input` proto.

    A shared context goes before each, so that the example's own features win.
    """
    if wire_input.WhichOneof("kind") == "example_list_with_context":
        listed = wire_input.example_list_with_context
        context = listed.context.SerializeToString()
        return [context + example.SerializeToString() for example in listed.examples]
    return [example.SerializeToString() for example in wire_input.example_list.examples]


def _signature(predictor: Predictor, name: str) -> Any:
    definition = predictor.signature_defs.get(name)
    if definition is None:
        raise InvalidArgumentError(f"No signature was found with the name: {name}")
    if len(definition.inputs) != 1:
        raise InvalidArgumentError("Expected one input Tensor.")
    return definition


def _run(predictor: Predictor, signature_name: str, examples: Sequence[bytes]) -> dict[str, npt.NDArray[Any]]:
    if not examples:
        raise InvalidArgumentError("Input is empty.")
    inputs = np.empty(len(examples), dtype=object)
    inputs[:] = list(examples)
    return predictor.run(signature_name, {"inputs": inputs})


def _as_classification(outputs: Mapping[str, npt.NDArray[Any]], rows: int) -> Classification:
    """Fills in the half that a signature may leave out: empty class names, or zero scores."""
    arrays = [outputs[name] for name in ("classes", "scores") if name in outputs]
    shape = arrays[0].shape
    if len(shape) != 2 or shape[0] != rows or any(array.shape != shape for array in arrays):
        got = " and ".join(str(list(array.shape)) for array in arrays)
        raise InvalidArgumentError(f"Expected Tensor shape: [batch_size num_classes] but got {got}")
    classes = outputs.get("classes", np.full(shape, b"", dtype=object))
    return Classification(classes, outputs.get("scores", np.zeros(shape, np.float32)))

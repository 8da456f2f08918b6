"""Runs the signatures of one SavedModel; knows no transport."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from serving.engine import Engine, EngineWrapper, LoadOptions, Tensors
from serving.errors import FailedPreconditionError, InvalidArgumentError
from serving.saved_model_engine import SavedModelEngine
from serving.tflite_engine import TFLITE_FILE, TFLiteEngine
from serving.versions import newest_version

__all__ = ["DEFAULT_SIGNATURE", "Prediction", "Predictor", "dtype_name", "encode_texts", "load_latest"]

DEFAULT_SIGNATURE = "serving_default"


@dataclass(frozen=True)
class Prediction:
    """The answer to one text.

    Attributes:
        labels: names of all outputs, in the model's order.
        scores: probability 0-1 of each label, number of each regression target.
        decided: for each label, whether it applies; False for regression targets.
    """

    labels: tuple[str, ...]
    scores: tuple[float, ...]
    decided: tuple[bool, ...]

    @property
    def decided_labels(self) -> tuple[str, ...]:
        """Names of the labels that apply, the likeliest first."""
        rows = sorted(zip(self.scores, self.labels, self.decided, strict=True), key=lambda row: -row[0])
        return tuple(label for _, label, decided in rows if decided)


@dataclass(frozen=True)
class _Usual:
    """What a signature takes and gives, so that a request that fits need not read its protos.

    Attributes:
        dtypes: NumPy's, by input name.
        outputs: their names, in order.
    """

    dtypes: Mapping[str, npt.DTypeLike]
    outputs: tuple[str, ...]

    @staticmethod
    def of(definition: Any) -> "_Usual":
        dtypes = {
            name: np.dtype(tf.as_dtype(info.dtype).as_numpy_dtype) for name, info in definition.inputs.items()
        }
        return _Usual(dtypes, tuple(sorted(definition.outputs)))

    def takes(self, inputs: Tensors) -> bool:
        return {name: array.dtype for name, array in inputs.items()} == self.dtypes


class Predictor:
    """A loaded model. Thread-safe; `close` it when no call runs any more.

    Checks requests against the signatures; its engine runs them.

    Raises:
        SavedModelError: the directory holds no model, or one that cannot be loaded.
    """

    def __init__(self, saved_model_dir: Path | str, options: LoadOptions | None = None) -> None:
        self.path = Path(saved_model_dir)
        self.engine = _load_engine(self.path, options or LoadOptions())
        """What runs the signatures."""
        self.signature_defs: Mapping[str, Any] = self.engine.signature_defs
        """SignatureDef protos by name."""
        self._usual = {name: _Usual.of(definition) for name, definition in self.signature_defs.items()}

    def close(self) -> None:
        """Frees the model."""
        self.engine.close()

    def wrap(self, wrapper: EngineWrapper) -> None:
        """Puts an engine around the one that is there; before requests come."""
        self.engine = wrapper(self.engine, self.path)

    def signature(self, name: str) -> Any:
        """The SignatureDef proto of that name (`serving_default` if empty).

        Raises:
            FailedPreconditionError: there is none.
        """
        definition = self.signature_defs.get(name or DEFAULT_SIGNATURE)
        if definition is None:
            raise FailedPreconditionError(f'Serving signature key "{name}" not found.')
        return definition

    def run(
        self, signature_name: str, inputs: Tensors, output_filter: Sequence[str] = ()
    ) -> dict[str, npt.NDArray[Any]]:
        """Runs a signature.

        Args:
            signature_name: `serving_default` if empty.
            inputs: arrays by input name; strings are object arrays of bytes.
            output_filter: names of the outputs to compute; all if empty.

        Returns:
            arrays by output name; strings are object arrays of bytes.

        Raises:
            FailedPreconditionError: there is no such signature.
            InvalidArgumentError: inputs or outputs do not fit the signature, or the graph refuses their content.
        """
        definition = self.signature(signature_name)
        name = signature_name or DEFAULT_SIGNATURE
        usual = self._usual[name]
        if not usual.takes(inputs):
            _check_inputs(definition, inputs)
        outputs = _choose_outputs(definition, output_filter) if output_filter else usual.outputs
        return self.engine.compute(name, inputs, outputs)

    def predict(
        self, texts: Sequence[str], *, contexts: Sequence[str] | None = None, batch_size: int = 32
    ) -> list[Prediction]:
        """Scores texts in batches of similar length; the answers come in the order of the texts.

        Args:
            texts: as a user would send them.
            contexts: what was said before each text, for a model of two segments; None = nothing.
            batch_size: texts scored at a time.

        Raises:
            FailedPreconditionError: the model has no `serving_default` that takes text.
            InvalidArgumentError: contexts are given, but the model reads texts alone.
        """
        columns = {"text": list(texts)}
        if contexts is not None or "context" in self.signature(DEFAULT_SIGNATURE).inputs:
            columns["context"] = list(contexts) if contexts is not None else [""] * len(texts)
        order = sorted(
            range(len(texts)), key=lambda row: sum(len(column[row]) for column in columns.values())
        )
        answers: dict[int, Prediction] = {}
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            inputs = {name: encode_texts([column[row] for row in batch]) for name, column in columns.items()}
            outputs = self.run(DEFAULT_SIGNATURE, inputs)
            for position, row in enumerate(batch):
                answers[row] = Prediction(
                    tuple(label.decode() for label in outputs["labels"][position]),
                    tuple(outputs["scores"][position].tolist()),
                    tuple(outputs["predicted"][position].tolist()),
                )
        return [answers[row] for row in range(len(texts))]


def encode_texts(texts: Sequence[str]) -> npt.NDArray[np.object_]:
    """Texts as an object array of UTF-8 bytes, as string inputs take it; the graph drops lone surrogates."""
    array = np.empty(len(texts), dtype=object)
    array[:] = [text.encode("utf-8", errors="surrogatepass") for text in texts]
    return array


def load_latest(base_path: Path | str) -> tuple[int, Predictor]:
    """Loads the newest version under `base_path`; returns its number and the predictor.

    Raises:
        SavedModelError: there is no version, or it cannot be loaded.
    """
    version, directory = newest_version(base_path)
    return version, Predictor(directory)


def _load_engine(directory: Path, options: LoadOptions) -> Engine:
    if options.prefer_tflite and (directory / TFLITE_FILE).is_file():
        engine: Engine = TFLiteEngine(directory)
    else:
        engine = SavedModelEngine(directory, options)
    return options.wrap(engine, directory) if options.wrap else engine


def _check_inputs(definition: Any, inputs: Tensors) -> None:
    """Says in TensorFlow Serving's words what does not fit."""
    expected, sent = set(definition.inputs), set(inputs)
    missing, extra = sorted(expected - sent), sorted(sent - expected)
    if len(expected) != len(sent):
        raise InvalidArgumentError(
            f"input size does not match signature: {len(sent)}!={len(expected)} len({{{','.join(sorted(sent))}}}) != "
            f"len({{{','.join(sorted(expected))}}}). Sent extra: {{{','.join(extra)}}}. "
            f"Missing but required: {{{','.join(missing)}}}."
        )
    if missing:
        feed = definition.inputs[missing[0]].name
        raise InvalidArgumentError(
            f"Signature input alias: {missing[0]}(feed name: {feed}) not found in request and no default value "
            f"provided. Inputs expected to be in the request {{{','.join(sorted(expected))}}}, or default input alias "
            "set: "
        )
    for position, name in enumerate(sorted(expected)):
        wanted, got = tf.as_dtype(definition.inputs[name].dtype), tf.as_dtype(inputs[name].dtype)
        if wanted != got:
            raise InvalidArgumentError(
                f"Expects arg[{position}] to be {dtype_name(wanted)} but {dtype_name(got)} is provided"
            )


def _choose_outputs(definition: Any, output_filter: Sequence[str]) -> tuple[str, ...]:
    known = sorted(definition.outputs)
    seen: set[str] = set()
    for name in output_filter:
        if name not in definition.outputs:
            raise InvalidArgumentError(
                f"output tensor alias not found in signature: {name} Outputs expected to be in the set "
                f"{{{','.join(known)}}}."
            )
        if name in seen:
            raise InvalidArgumentError(f"duplicate output tensor alias: {name}")
        seen.add(name)
    return tuple(output_filter)


def dtype_name(dtype: Any) -> str:
    """A dtype's name in TensorFlow's C++ messages."""
    name: str = tf.as_dtype(dtype).name
    return {"float32": "float", "float64": "double", "float16": "half"}.get(name, name)

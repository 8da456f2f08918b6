"""One loaded .tflite graph and its run-time length.

In this process: only for files that are trusted. `tflite.isolation` is for all others.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter, InterpreterWithCustomOps

from tflite.errors import ModelFileError
from tflite.model_file import describe_inputs, map_file
from tflite.quiet import quiet_stderr
from tflite.text_operators import TEXT_INPUT, text_operator_registerers

__all__ = ["Session", "takes_text"]


def takes_text(model: Path | bytes) -> bool:
    """Whether a file has the tokenizer inside.

    Raises:
        ModelFileError: there is no such file, or it takes neither text nor token ids.
    """
    return _input_names(model) == [TEXT_INPUT]


class Session:
    """Runs a graph: `ids`, `mask` and `segment_ids`, int32 [1, tokens], to one output, float32 [1, outputs].

    One with the tokenizer inside has `text` for input, string [1].
    """

    def __init__(self, model: Path | bytes, *, num_threads: int = 1) -> None:
        """Loads a .tflite file, mapped from disk where a path is given.

        Raises:
            ModelFileError: there is no such file, the runtime cannot load it, or the inputs have other names.
        """
        names = _input_names(model)
        source: dict[str, Any] = (
            {"model_content": model} if isinstance(model, bytes) else {"model_path": str(model)}
        )
        self.takes_text = names == [TEXT_INPUT]
        open_interpreter: Any = Interpreter
        if self.takes_text:
            open_interpreter, source["custom_op_registerers"] = (
                InterpreterWithCustomOps,
                list(text_operator_registerers()),
            )
        try:
            with quiet_stderr():
                self._interpreter: Any = open_interpreter(**source, num_threads=num_threads)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as err:
            raise ModelFileError(f"the runtime cannot load the .tflite file: {err}") from err
        details = self._interpreter.get_input_details()
        indices = [detail["index"] for detail in details]
        fixed = {-1 if self.takes_text else int(detail["shape_signature"][-1]) for detail in details}
        self.fixed_length: int | None = max(fixed) if min(fixed) > 0 else None
        """Tokens that the graph takes, no more and no fewer; None for any number."""
        self._inputs = dict(zip(names, indices, strict=True))
        self._output = _output_index(self._interpreter.get_output_details())
        self._length = 0

    def run(
        self,
        ids: Sequence[int] | npt.NDArray[np.int32],
        segment_ids: Sequence[int] | npt.NDArray[np.int32] | None = None,
    ) -> npt.NDArray[np.float32]:
        """Scores of one text, float32 [outputs]; it is padded to the graph's length where that is fixed.

        Args:
            ids: token ids, all of them tokens (no padding).
            segment_ids: the segment of each, 0 or 1; None for 0.

        Raises:
            RuntimeError: the graph cannot run with them (an id outside the vocabulary).
            ValueError: there are more of them than a graph of fixed length takes, or it takes text.
            ModelFileError: the output has another shape than [1, outputs].
        """
        if self.takes_text:
            raise ValueError("the graph takes text, not token ids")
        self._resize(len(ids))
        self._set("ids", ids)
        self._set("mask", np.ones(len(ids), np.int32))
        self._set("segment_ids", np.zeros(len(ids), np.int32) if segment_ids is None else segment_ids)
        return self._scores()

    def run_text(self, text: bytes) -> npt.NDArray[np.float32]:
        """Scores of one text in UTF-8, float32 [outputs], by a graph with the tokenizer inside.

        Raises:
            RuntimeError: the graph cannot run with it.
            ValueError: the graph takes token ids.
            ModelFileError: the output has another shape than [1, outputs].
        """
        if not self.takes_text:
            raise ValueError("the graph takes token ids, not text")
        self._interpreter.set_tensor(self._inputs[TEXT_INPUT], np.array([text], object))
        return self._scores()

    def _scores(self) -> npt.NDArray[np.float32]:
        self._interpreter.invoke()
        scores = self._interpreter.get_tensor(self._output)
        if scores.ndim != 2 or len(scores) != 1:
            raise ModelFileError(
                f"the model's output has the shape {list(scores.shape)}, expected [1, outputs]"
            )
        row_of_scores: npt.NDArray[np.float32] = scores[0]
        return row_of_scores

    def close(self) -> None:
        """Nothing to end here; as `IsolatedSession.close`."""

    def _set(self, name: str, values: Sequence[int] | npt.NDArray[np.int32]) -> None:
        row = np.zeros((1, self.fixed_length or len(values)), np.int32)
        row[0, : len(values)] = values
        self._interpreter.set_tensor(self._inputs[name], row)

    def _resize(self, length: int) -> None:
        if self.fixed_length is not None:
            if length > self.fixed_length:
                raise ValueError(
                    f"{length} tokens, expected at most the {self.fixed_length} that the graph takes"
                )
            return
        if length == self._length:
            return
        self._length = 0
        for index in self._inputs.values():
            self._interpreter.resize_tensor_input(index, [1, length], strict=True)
        self._interpreter.allocate_tensors()
        self._length = length


def _output_index(outputs: Sequence[Mapping[str, Any]]) -> int:
    if len(outputs) != 1 or outputs[0]["dtype"] is not np.float32:
        found = ", ".join(output["dtype"].__name__ for output in outputs) or "none"
        raise ModelFileError(f"the model must have one output of float32; it has {found}")
    return int(outputs[0]["index"])


def _input_names(model: Path | bytes) -> list[str]:
    """Names by position; the order is the converter's."""
    if isinstance(model, bytes):
        names = [tensor.name for tensor in describe_inputs(model)]
    else:
        with map_file(model) as content:
            names = [tensor.name for tensor in describe_inputs(content)]
    if sorted(names) != ["ids", "mask", "segment_ids"] and names != [TEXT_INPUT]:
        raise ModelFileError(
            f"the model's inputs must be ids, mask and segment_ids, or text alone; they are {', '.join(names)}"
        )
    return names

"""The operators of TensorFlow Text that a .tflite file with the tokenizer inside needs, and where Python finds them."""

import ctypes
import importlib
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

from tflite.errors import ModelFileError

__all__ = ["TEXT_INPUT", "TEXT_OPERATORS", "text_operator_registerers"]

TEXT_INPUT = "text"
"""Name of such a file's only input: string [1], UTF-8."""

TEXT_OPERATORS = ("FastBertNormalize", "FastWordpieceTokenizeWithOffsets", "TFText>ByteSplitWithOffsets")
"""Custom operators: cleaning, WordPiece, and bytes to find special tokens by."""

_REGISTERERS = ("AddFastBertNormalize", "AddFastWordpieceTokenize", "AddByteSplit")


@cache
def text_operator_registerers() -> tuple[Callable[[int], None], ...]:
    """Functions that add the operators to an interpreter (`InterpreterWithCustomOps`).

    TensorFlow Text's library is opened by itself where TensorFlow is not in this process already: its package would
    load all of that. Both in one process end in a crash.

    Raises:
        ModelFileError: TensorFlow Text is not installed here.
    """
    try:
        if "tensorflow" in sys.modules:
            module = importlib.import_module("tensorflow_text").tflite_registrar
            return tuple(getattr(module, name) for name in _REGISTERERS)
        for needed in _package("tensorflow").glob("libtensorflow_framework*"):
            ctypes.CDLL(str(needed))
        library = _package("tensorflow_text") / "core" / "pybinds" / "tflite_registrar.so"
        loader = importlib.machinery.ExtensionFileLoader("tflite_registrar", str(library))
        found = importlib.util.spec_from_file_location(loader.name, library, loader=loader)
        assert found is not None
        module = importlib.util.module_from_spec(found)
        return tuple(getattr(module, name) for name in _REGISTERERS)
    except (ImportError, OSError, AttributeError) as err:
        raise ModelFileError(
            f"a .tflite file with the tokenizer inside needs the operators of tensorflow-text ({err}); install it, or "
            "export a variant without _text"
        ) from err


def _package(name: str) -> Path:
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise ImportError(f"{name} is not installed")
    return Path(found.origin).parent

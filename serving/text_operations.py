"""TF Text's operations without TF Text's Python package, whose import takes Keras along."""

import importlib.util
from functools import cache
from pathlib import Path

import tensorflow as tf

from serving.errors import ServerStartError

__all__ = ["register_text_operations"]


@cache
def register_text_operations() -> None:
    """Makes the operations known to TensorFlow, so that graphs that hold them can be loaded.

    Raises:
        ServerStartError: TF Text is not installed, or is of another TensorFlow.
    """
    package = importlib.util.find_spec("tensorflow_text")
    libraries = [
        library
        for directory in (package.submodule_search_locations or () if package else ())
        for library in sorted((Path(directory) / "python" / "ops").glob("_*.so"))
    ]
    if not libraries:
        raise ServerStartError("the tokenizer's operations are missing; install tensorflow-text")
    try:
        for library in libraries:
            tf.load_op_library(str(library))
    except tf.errors.NotFoundError as err:
        raise ServerStartError(f"tensorflow-text does not fit TensorFlow {tf.__version__}: {err}") from err

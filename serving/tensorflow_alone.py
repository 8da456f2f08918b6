"""TensorFlow without Keras, which `import tensorflow` takes along wherever it is installed."""

import gc
import sys

__all__ = ["import_tensorflow"]

_NOT_NEEDED = ("keras", "tf_keras")


def import_tensorflow() -> None:
    """Imports TensorFlow as where there is no Keras, in half of the time; afterwards Keras can be imported as ever.

    TensorFlow passes over its absence: it imports Keras so that the SavedModel loader of TensorFlow 2 knows Keras'
    optimizers. Models are served through a session, whose loader knows operations alone.
    """
    hidden = [name for name in _NOT_NEEDED if name not in sys.modules]
    collects = gc.isenabled()
    # None is Python's own way to say that there is no such module.
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    # To look for garbage again and again among 270,000 objects, which all stay, takes a fifth of the import.
    gc.disable()
    try:
        import tensorflow  # noqa: F401
    finally:
        if collects:
            gc.enable()
        for name in hidden:
            del sys.modules[name]

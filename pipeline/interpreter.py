"""How Python runs in the processes of the `emotion` command."""

import atexit
import gc

__all__ = ["look_less_for_garbage"]

_NEW_OBJECTS, _YOUNG_GENERATIONS = 50_000, 20
"""Those of Python 3.11 are 700 and 10."""


def look_less_for_garbage() -> None:
    """For a process that may import TensorFlow, Keras and Beam, which leave 830,000 objects that stay.

    To look through them again and again, and once more at the end, takes a fifth of the imports' time. Only cycles wait
    longer to be freed; a training step leaves none.
    """
    gc.set_threshold(_NEW_OBJECTS, _YOUNG_GENERATIONS)
    atexit.register(gc.freeze)

"""The same bits from the same seed.

The order of examples, dropout and augmentation are functions of the seed and of the number of the step; Keras's random
states start from the seed. What is left are operations that add up floats in any order, which happens on GPUs.
"""

import keras
import tensorflow as tf

__all__ = ["require_determinism", "restart_names"]


def require_determinism() -> None:
    """Forbids TensorFlow, until the process ends, what does not give the same bits every time."""
    tf.config.experimental.enable_op_determinism()


def restart_names() -> None:
    """Has Keras number its layers as in a new process: the file of weights holds their names.

    What was built before keeps working.
    """
    keras.utils.clear_session(free_memory=False)

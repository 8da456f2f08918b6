"""What dropout drops, apart from the initial weights."""

import keras
import numpy as np

__all__ = ["seed_dropout"]


def seed_dropout(network: keras.Model, seed: int) -> None:
    """Sets the random state of every layer of a network from one seed; the weights stay."""
    random = np.random.default_rng(seed)
    for variable in network.non_trainable_variables:
        if variable.path.endswith("seed_generator_state"):
            variable.assign(random.integers(0, 2**31, variable.shape).astype(variable.dtype))

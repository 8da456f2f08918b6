"""Encoders, tokenization, the network and its training."""

import os

# Everything here is written for TensorFlow; without this a user's keras.json could choose another backend.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

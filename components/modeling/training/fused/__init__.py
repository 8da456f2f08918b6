"""The operations between the matrix products of an encoder in training, each in one pass over memory."""

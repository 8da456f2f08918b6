"""Which words of a text made a model answer as it does."""

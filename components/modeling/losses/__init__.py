"""The losses of heads."""

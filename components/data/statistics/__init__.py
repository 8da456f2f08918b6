"""What the examples of a split look like, counted in one pass and in bounded memory."""

"""What is odd about the data: against a schema, between splits, and since the last time."""

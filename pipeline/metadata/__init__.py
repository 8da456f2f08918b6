"""What ran, with what, and what came of it, in a database: executions, artifacts and the events that join them."""

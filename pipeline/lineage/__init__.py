"""Where an artifact came from: the executions, artifacts, files and settings behind it, as values, page and events."""

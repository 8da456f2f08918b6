"""What the project claims, measured: scripts, not tests. Each says in its docstring how to run it."""

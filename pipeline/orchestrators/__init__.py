"""One stage as a command of its own, and the graph of them for orchestrators that run elsewhere."""

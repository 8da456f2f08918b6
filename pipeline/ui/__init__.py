"""The local web page of runs: `emotion ui`."""

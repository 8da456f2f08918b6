"""Source files of any kind, read row by row."""

"""From rows to labelled examples in splits, with an account of every row."""

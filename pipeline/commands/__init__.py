"""What the `emotion` commands do; imported only when one is called."""

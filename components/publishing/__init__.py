"""Where models are published: versions that appear whole, who serves which, and how to go back."""

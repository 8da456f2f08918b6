"""A larger model, or several, teach the one that is trained."""

"""What keeps a network from learning its training texts by heart."""

"""What an encoder learns from text without labels."""

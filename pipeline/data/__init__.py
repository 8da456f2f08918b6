"""Data that ship with the project."""

"""Beam pipelines on any runner, and the way of files to its workers and back."""

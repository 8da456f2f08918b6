"""Several trainings that become one model."""

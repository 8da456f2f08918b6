"""Where the curves, figures and settings of a training go."""

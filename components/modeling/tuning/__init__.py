"""How the settings of a training are searched for."""

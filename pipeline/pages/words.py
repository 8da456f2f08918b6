"""How strongly a word is coloured by what it does for a score."""

__all__ = ["SHADES", "shade_of"]

SHADES = 4

_FAINT = 0.08
"""Words of less than this share of the strongest one's value are not coloured."""


def shade_of(value: float, largest: float) -> int:
    """1 to 4, weak to strong, for the score; -1 to -4 against it; 0 for next to nothing."""
    share = abs(value) / largest if largest else 0.0
    if not share >= _FAINT:
        return 0
    shade = min(int(share * SHADES) + 1, SHADES)
    return shade if value > 0 else -shade

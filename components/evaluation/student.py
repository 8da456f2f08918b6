"""Student's t distribution: what a mean of few units may be off by chance, where its spread is only estimated."""

import math

__all__ = ["student_quantile"]


def student_quantile(tail: float, degrees: int) -> float:
    """The number above which Student's t lies with the probability `tail`.

    Args:
        tail: above 0, below 0.5.
        degrees: of freedom, at least 1.
    """
    low, high = 0.0, 1.0
    while _tail(high, degrees) > tail:
        low, high = high, 2 * high
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if _tail(middle, degrees) > tail else (low, middle)
    return high


def _tail(value: float, degrees: int) -> float:
    """The probability of a larger number.

    Abramowitz and Stegun, 1964, "Handbook of Mathematical Functions", 26.7.3 and 26.7.4.
    """
    angle = math.atan(value / math.sqrt(degrees))
    cosine = math.cos(angle)
    first = degrees % 2
    total, term = 0.0, cosine**first
    for power in range(first, degrees - 1, 2):
        total += term
        term *= (power + 1) / (power + 2) * cosine**2
    within = math.sin(angle) * total
    return (1 - (2 / math.pi * (angle + within) if first else within)) / 2

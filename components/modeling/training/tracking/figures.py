"""Figures of a validation, drawn as pixels."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage
from PIL import ImageDraw, ImageFont

from components.modeling.training.tracking.tracker import Image

__all__ = ["confusion", "heatmap"]

_CELL = 22
_FONT_SIZE = 12
_LOW, _HIGH = np.array([255, 255, 255]), np.array([34, 66, 143])
"""White for 0, and the darkest blue of the report for 1."""


def confusion(decisions: NDArray[np.bool_], targets: NDArray[np.float32]) -> NDArray[np.float64]:
    """Of the texts that are labelled i, the share (0-1) for which j is decided: float64 [labels, labels].

    With one label a text it is the confusion matrix, row by row; with several, it also shows which labels are decided
    together. A row without texts is 0.
    """
    labelled = (targets > 0.5).astype(np.float64)
    counts = labelled.T @ decisions.astype(np.float64)
    shares: NDArray[np.float64] = counts / np.maximum(labelled.sum(axis=0), 1)[:, np.newaxis]
    return shares


def heatmap(shares: NDArray[np.float64], names: Sequence[str]) -> Image:
    """A square of shares (0-1) [names, names], with the names of the rows at the left and of the columns above."""
    font = ImageFont.load_default(_FONT_SIZE)
    margin = 8 + max(round(font.getlength(name)) for name in names)
    size = margin + _CELL * len(names)
    picture = PilImage.new("RGB", (size, size), "white")
    cells = (_LOW + shares[..., np.newaxis] * (_HIGH - _LOW)).round().astype(np.uint8)
    square = PilImage.fromarray(cells).resize((_CELL * len(names),) * 2, PilImage.Resampling.NEAREST)
    picture.paste(square, (margin, margin))
    _write_names(picture, names, margin, font)
    # The names of the columns are those of the rows, turned by a quarter.
    turned = picture.rotate(-90)
    _write_names(turned, list(reversed(names)), margin, font, from_right=True)
    pixels: Image = np.asarray(turned.rotate(90), np.uint8)
    return pixels


def _write_names(
    picture: PilImage.Image,
    names: Sequence[str],
    margin: int,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    *,
    from_right: bool = False,
) -> None:
    draw = ImageDraw.Draw(picture)
    for number, name in enumerate(names):
        y = (0 if from_right else margin) + _CELL * number + (_CELL - _FONT_SIZE) // 2
        if from_right:
            draw.text((picture.width - margin + 4, y), name, fill="black", font=font)
        else:
            draw.text((margin - 4 - font.getlength(name), y), name, fill="black", font=font)

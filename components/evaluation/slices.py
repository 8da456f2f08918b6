"""The same metrics for parts of the rows: by slice column and by length of the text."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.core.errors import ConfigError
from components.evaluation.evaluator_config import EvaluatorConfig
from components.evaluation.head_measurement import measure_head
from components.evaluation.head_rows import HeadRows
from components.evaluation.labelled_texts import LabelledTexts

__all__ = ["Slice", "column_slices", "find_slices", "length_slices", "slice_table"]


@dataclass(frozen=True)
class Slice:
    """Some of the rows.

    Attributes:
        column: what the rows are divided by.
        value: what these rows have in common.
        rows: bool [rows].
    """

    column: str
    value: str
    rows: NDArray[np.bool_]


def find_slices(config: EvaluatorConfig, texts: LabelledTexts) -> tuple[Slice, ...]:
    """The slices that are configured.

    Raises:
        ConfigError: a slice column does not exist.
    """
    columns = tuple(texts.slices) if config.slices is None else config.slices
    unknown = [column for column in columns if column not in texts.slices]
    if unknown:
        raise ConfigError(
            f"evaluator.slices names {unknown[0]!r}, but split {config.split!r} has the slice columns "
            f"{', '.join(texts.slices) or 'none'}; name it in the slice columns of example_gen first"
        )
    return (
        *column_slices(texts, columns, max_values=config.max_slice_values),
        *length_slices(texts, config.length_slices),
    )


def column_slices(texts: LabelledTexts, columns: Sequence[str], *, max_values: int) -> Iterator[Slice]:
    """The rows of each of the column's `max_values` most frequent values; rows without a value are in none."""
    for column in columns:
        values = np.array(texts.slices[column], dtype=object)
        frequent = Counter(value for value in texts.slices[column] if value is not None)
        by_frequency = sorted(frequent, key=lambda value: (-frequent[value], value))
        for value in by_frequency[:max_values]:
            yield Slice(column, value, values == value)


def length_slices(texts: LabelledTexts, bounds: Sequence[int]) -> Iterator[Slice]:
    """The rows by number of words between white space; each bound is the longest length of its slice."""
    if not bounds:
        return
    words = np.array([len(text.split()) for text in texts.texts])
    lowest = 0
    for bound in bounds:
        name = f"up to {bound} words" if lowest == 0 else f"{lowest} to {bound} words"
        yield Slice("text length", name, (words >= lowest) & (words <= bound))
        lowest = bound + 1
    yield Slice("text length", f"{lowest} words and more", words >= lowest)


def slice_table(
    slices: Iterable[Slice], rows: HeadRows, *, min_rows: int, resamples: int, seed: int
) -> list[dict[str, Any]]:
    """Metrics of a head on every slice of which it knows at least `min_rows` rows, as JSON values."""
    table = []
    for part in slices:
        own = rows.within(part.rows)
        if len(own) >= min_rows:
            measured = measure_head(own, resamples=resamples, seed=seed)
            table.append({"column": part.column, "value": part.value, **measured.part()})
    return table

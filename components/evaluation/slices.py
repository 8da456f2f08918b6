"""Parts of the rows that are measured by themselves: by slice column, by what a text is like, and crossed."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from components.core.errors import ConfigError
from components.evaluation.builtin_slices import label_counts, slices_of_texts
from components.evaluation.evaluator_config import BUILTIN_SLICES, EvaluatorConfig
from components.evaluation.labelled_texts import LabelledTexts
from components.modeling.heads import Head

__all__ = ["Slice", "column_slices", "cross", "find_slices", "length_slices"]

_BETWEEN = " × "


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


def find_slices(config: EvaluatorConfig, texts: LabelledTexts, heads: Sequence[Head]) -> tuple[Slice, ...]:
    """The slices that are configured; a slice column that is called like a built-in division replaces it.

    Raises:
        ConfigError: there is no such slice column.
    """
    known = (*texts.slices, *(name for name in BUILTIN_SLICES if name not in texts.slices))
    chosen = known if config.slices is None else config.slices
    needed = dict.fromkeys(
        name for entry in chosen for name in ((entry,) if isinstance(entry, str) else entry)
    )
    unknown = [name for name in needed if name not in known]
    if unknown:
        raise ConfigError(
            f"evaluator.slices names {unknown[0]!r}, but split {config.split!r} has the slice columns "
            f"{', '.join(texts.slices) or 'none'}, and built in are {', '.join(BUILTIN_SLICES)}; "
            "name it in the slice columns of example_gen first"
        )
    divided = {name: _divide(name, config, texts, heads) for name in needed}
    found: list[Slice] = []
    for entry in chosen:
        found += divided[entry] if isinstance(entry, str) else cross([divided[name] for name in entry])
    return tuple(found)


def _divide(
    name: str, config: EvaluatorConfig, texts: LabelledTexts, heads: Sequence[Head]
) -> tuple[Slice, ...]:
    if name in texts.slices:
        return tuple(column_slices(texts.slices, [name], max_values=config.max_slice_values))
    if name == "text_length":
        return tuple(length_slices(texts, config.length_slices))
    values = (
        label_counts(texts.targets, heads) if name == "label_count" else slices_of_texts(name, texts.texts)
    )
    shown = name.replace("_", " ")
    return tuple(column_slices({shown: values}, [shown], max_values=config.max_slice_values))


def column_slices(
    columns: Mapping[str, Sequence[str | None]], names: Sequence[str], *, max_values: int
) -> Iterator[Slice]:
    """The rows of each of the column's `max_values` most frequent values; rows without a value are in none."""
    for name in names:
        values = np.array(columns[name], dtype=object)
        frequent = Counter(value for value in columns[name] if value is not None)
        by_frequency = sorted(frequent, key=lambda value: (-frequent[value], value))
        for value in by_frequency[:max_values]:
            yield Slice(name, value, values == value)


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


def cross(divisions: Sequence[Sequence[Slice]]) -> Iterator[Slice]:
    """The rows that several divisions have in common, one slice of each; those without a row are left out."""
    for parts in product(*divisions):
        rows = np.logical_and.reduce([part.rows for part in parts])
        if rows.any():
            column = _BETWEEN.join(part.column for part in parts)
            yield Slice(column, _BETWEEN.join(part.value for part in parts), rows)

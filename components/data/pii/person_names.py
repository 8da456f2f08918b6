"""Names of persons, found by a spaCy pipeline of the user's choice."""

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from components.core.errors import ConfigError
from components.data.pii.kinds import PLACEHOLDER, PiiKind, Span

if TYPE_CHECKING:
    from spacy.language import Language

__all__ = ["find_names", "load_pipeline"]

_PERSON_LABELS = frozenset({"PERSON", "PER"})
_PLACEHOLDER = re.compile(PLACEHOLDER)
_UNUSED = ("parser", "lemmatizer", "attribute_ruler", "morphologizer")
"""Components that no finder of names needs, and that take most of the time."""


def find_names(text: str, *, pipeline: str) -> Iterator[Span]:
    """Persons whom the pipeline finds, but for placeholders, which it may take for persons too."""
    language = load_pipeline(pipeline)
    for offset in range(0, len(text), language.max_length):
        for entity in language(text[offset : offset + language.max_length]).ents:
            start, end = offset + entity.start_char, offset + entity.end_char
            if entity.label_ in _PERSON_LABELS and not _PLACEHOLDER.search(text, max(0, start - 1), end + 1):
                yield Span(start, end, PiiKind.NAME)


@lru_cache(maxsize=4)
def load_pipeline(name: str) -> "Language":
    """A spaCy pipeline, loaded once in a process.

    Args:
        name: an installed package or a directory.

    Raises:
        ConfigError: spaCy or the pipeline is not there, or the pipeline finds no entities.
    """
    try:
        import spacy
    except ImportError as err:
        raise ConfigError(
            "masking names needs spaCy; install it with `pip install 'emotion-pipeline[names]'`"
        ) from err
    try:
        language = spacy.load(name, exclude=list(_UNUSED))
    except OSError as err:
        way = (
            "check the path"
            if Path(name).parent != Path()
            else f"install it with `python -m spacy download {name}`"
        )
        raise ConfigError(
            f"names_pipeline: no spaCy pipeline {name!r}; {way}, or name a directory with one"
        ) from err
    if not {"ner", "entity_ruler"} & set(language.pipe_names) and "span_ruler" not in language.pipe_names:
        found = ", ".join(language.pipe_names) or "no components"
        raise ConfigError(
            f"names_pipeline: {name!r} finds no entities (it has {found}); expected one with `ner`"
        )
    return language

"""Sentences that differ only in who they are about: from templates and identity terms, or filled in already.

After the Equity Evaluation Corpus (Kiritchenko and Mohammad, 2018): template x identity term x emotion word.
"""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import Field, model_validator

from components.core.errors import DataError
from components.evaluation.behaviour.json_lines import Row, check_row, read_objects

__all__ = [
    "OTHER",
    "Filled",
    "IdentityTerm",
    "Sentence",
    "SentenceFile",
    "Template",
    "fill",
    "read_sentences",
    "sentences_of",
]

OTHER = "other identities"
"""Attribute of the identities of filled sentences that no term knows."""

_SLOT = re.compile(r"\{([^{}]*)\}")
_SLOTS = ("person", "people", "word")


class Template(Row):
    """A line that is a sentence with slots."""

    template: str = Field(min_length=1)
    """Its name."""

    text: str = Field(min_length=1)
    """With `{person}` (a Sikh) or `{people}` (Sikhs), and with `{word}` if it has words."""

    words: tuple[str, ...] = ()
    """What `{word}` stands for, one at a time: emotion words."""

    attributes: tuple[str, ...] | None = Field(default=None, min_length=1)
    """Attributes whose terms may fill it; all if not given."""

    @model_validator(mode="after")
    def _check_slots(self) -> "Template":
        slots = set(_SLOT.findall(self.text))
        if unknown := sorted(slots - set(_SLOTS)):
            raise ValueError(
                f"`text` has the slot {{{unknown[0]}}}; there are {{person}}, {{people}} and {{word}}"
            )
        if not slots & {"person", "people"}:
            raise ValueError("`text` needs {person} or {people}, whose identity is swapped")
        if ("word" in slots) != bool(self.words):
            raise ValueError("`text` has {word} and `words` is empty, or the other way round; give both")
        return self


class IdentityTerm(Row):
    """A line that names an identity."""

    attribute: str = Field(min_length=1)
    """What it is one of: religion."""

    group: str = Field(min_length=1)
    """Its name in the report: Sikhs."""

    person: str | None = None
    """One of them, with an article: a Sikh."""

    people: str | None = None
    """Several: Sikhs."""

    terms: tuple[str, ...] = ()
    """What filled sentences call it, in lower case."""

    @model_validator(mode="after")
    def _check_forms(self) -> "IdentityTerm":
        if not (self.person or self.people or self.terms):
            raise ValueError("give `person`, `people` or both")
        return self


class Filled(Row):
    """A line that is a sentence about somebody: the form of Dixon et al. (2018) as the shared data have it."""

    frame_id: str = Field(min_length=1)
    """The same for sentences that differ in the identity alone."""

    identity: str = Field(min_length=1)
    """Who it is about."""

    text: str = Field(min_length=1)
    """The sentence."""

    attribute: str | None = None
    """What the identity is one of; looked up among the terms if not given."""

    template: str | None = None
    """Not used."""

    toxicity: str | None = None
    """Not used."""


@dataclass(frozen=True)
class Sentence:
    """A sentence about somebody.

    Attributes:
        attribute: what the identity is one of.
        group: the identity.
        template: what sentences of one make share; they are no independent evidence.
        frame: the same for sentences that differ in the identity alone.
        text: what the model is asked.
    """

    attribute: str
    group: str
    template: str
    frame: str
    text: str


@dataclass
class SentenceFile:
    """What a file holds."""

    templates: list[Template] = field(default_factory=list)
    terms: list[IdentityTerm] = field(default_factory=list)
    filled: list[Filled] = field(default_factory=list)


def read_sentences(uri: str) -> SentenceFile:
    """Reads and checks a JSON Lines file of templates, identity terms and filled sentences.

    Raises:
        DataError: a line is none of them; the message names line and key.
        UserError: there is no such file, or it may not be read.
    """
    found = SentenceFile()
    for place, values in read_objects(uri):
        if "frame_id" in values:
            found.filled.append(check_row(Filled, values, place))
        elif "template" in values:
            found.templates.append(check_row(Template, values, place))
        elif "group" in values or "attribute" in values:
            found.terms.append(check_row(IdentityTerm, values, place))
        else:
            raise DataError(
                f"{place}: expected key 'template' (a sentence with slots), 'group' (an identity term) or 'frame_id' "
                f"(a filled sentence), got {', '.join(values) or 'nothing'}"
            )
    return found


def fill(
    templates: Sequence[Template], terms: Sequence[IdentityTerm], *, limit: int | None, seed: int
) -> Iterator[Sentence]:
    """The templates with every term and with their words.

    Args:
        templates: sentences with slots.
        terms: what fills them.
        limit: templates with a word that are drawn at most; None for all. Every template has a turn before one has
            a second.
        seed: of the draw.
    """
    chosen = _shuffled(templates, seed)[:limit]
    for template, word in chosen:
        for term in terms:
            if template.attributes is None or term.attribute in template.attributes:
                text = _fill(template.text, {"person": term.person, "people": term.people, "word": word})
                if text is not None:
                    yield Sentence(
                        term.attribute, term.group, template.template, f"{template.template} {word}", text
                    )


def _shuffled(templates: Sequence[Template], seed: int) -> list[tuple[Template, str]]:
    """Every template with each of its words: first one of each, then another of each."""
    chance = random.Random(seed)
    turns = []
    for template in templates:
        words = list(template.words or ("",))
        chance.shuffle(words)
        turns += [(turn, template, word) for turn, word in enumerate(words)]
    chance.shuffle(turns)
    return [(template, word) for _, template, word in sorted(turns, key=lambda turn: turn[0])]


def _fill(text: str, values: Mapping[str, str | None]) -> str | None:
    """The sentence, with a capital; None if the term lacks a form that it needs."""
    if any(values[slot] is None for slot in _SLOT.findall(text)):
        return None
    filled = _SLOT.sub(lambda slot: values[slot[1]] or "", text)
    return filled[:1].upper() + filled[1:]


def sentences_of(filled: Sequence[Filled], terms: Sequence[IdentityTerm]) -> Iterator[Sentence]:
    """Filled sentences with the attribute of each identity: given, of the term of this name, or `OTHER`.

    Args:
        filled: as a file has them.
        terms: by which identities are known.
    """
    known = {name: term.attribute for term in terms for name in (*term.terms, term.group.lower())}
    for row in filled:
        attribute = row.attribute or known.get(row.identity.lower(), OTHER)
        yield Sentence(attribute, row.identity, row.frame_id, row.frame_id, row.text)

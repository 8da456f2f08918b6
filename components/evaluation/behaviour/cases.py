"""Cases of behavioural tests that are written down in files."""

from pathlib import PurePosixPath
from typing import Annotated

from pydantic import Field, model_validator

from components.evaluation.behaviour.json_lines import Row, check_row, read_objects

__all__ = ["Case", "read_cases"]

Names = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]
Bounds = tuple[float | None, float | None]


class Case(Row):
    """A line of a file of cases."""

    test: str = Field(default="", min_length=1, validate_default=False)
    """Name of the test that the case belongs to; the file's name if not given."""

    text: str = Field(min_length=1)
    """What the model is asked."""

    context: str = ""
    """What was said before it; only a model of two segments reads it."""

    changed: str | None = Field(default=None, min_length=1)
    """The text after a change. With neither `falls` nor `rises`, no decision may be another one."""

    falls: Names | None = None
    """Labels, or numbers, whose score the change must lower."""

    rises: Names | None = None
    """Labels, or numbers, whose score the change must raise."""

    expect: Names | None = None
    """Labels of which at least one must be given, the one that is meant first."""

    reject: Names | None = None
    """Labels none of which may be given."""

    within: dict[str, Bounds] | None = Field(default=None, min_length=1)
    """Numbers, or scores of labels, each with the lowest and the highest that is right (null = no bound)."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names that the model must have for the case to make sense."""
        named = (
            self.falls or (),
            self.rises or (),
            (self.expect or ())[:1],
            self.reject or (),
            self.within or (),
        )
        return tuple(dict.fromkeys(name for names in named for name in names))

    @model_validator(mode="after")
    def _check_what_is_expected(self) -> "Case":
        directional, functional = (self.falls, self.rises), (self.expect, self.reject, self.within)
        if self.changed is None and any(directional):
            raise ValueError("`falls` and `rises` need `changed`, the text after the change")
        if self.changed is not None and any(functional):
            raise ValueError(
                "`expect`, `reject` and `within` judge one text and `changed` compares two; make two cases"
            )
        if self.changed is None and not any(functional):
            raise ValueError("expected one of `expect`, `reject`, `within` or `changed`; nothing can fail so")
        for name, (low, high) in (self.within or {}).items():
            if low is None and high is None:
                raise ValueError(f"`within` gives {name!r} no bound; give the lowest, the highest or both")
            if low is not None and high is not None and low > high:
                raise ValueError(f"`within` gives {name!r} the lowest {low:g} above the highest {high:g}")
        return self


def read_cases(uri: str) -> list[Case]:
    """Reads and checks a JSON Lines file of cases.

    Raises:
        DataError: a line is no case; the message names line and key.
        UserError: there is no such file, or it may not be read.
    """
    name = PurePosixPath(uri).stem
    return [check_row(Case, {"test": name, **values}, place) for place, values in read_objects(uri)]

"""Which rows are read, and how they are divided into splits, as configured."""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from components.core.config import Config
from components.data.sources.spans import known_bound

__all__ = ["Duplicates", "SpanRange", "SplitShares"]


def _as_text(bound: object) -> object:
    """YAML reads a date or a number where one stands."""
    if isinstance(bound, date):
        return bound.isoformat()
    return str(bound) if isinstance(bound, int) and not isinstance(bound, bool) else bound


Bound = Annotated[str, BeforeValidator(_as_text), AfterValidator(known_bound)]


class SpanRange(Config):
    """Some of the spans that the pattern of `source` finds; bounds are numbers or dates, whichever the pattern has."""

    last: int | None = Field(default=None, ge=1)
    """So many of the newest; all between the bounds if not given."""

    first: Bound | None = Field(default=None, alias="from")
    """The oldest that is read, such as 12 or 2026-01-31; no bound if not given."""

    final: Bound | None = Field(default=None, alias="to")
    """The newest that is read, likewise."""

    @model_validator(mode="after")
    def _say_something(self) -> Self:
        if self.last is None and self.first is None and self.final is None:
            raise ValueError("give `last`, `from` or `to`")
        return self


class SplitShares(Config):
    """Share (0-1) of each split where rows are dealt by hash; they sum up to 1."""

    train: float = Field(default=0.8, gt=0, le=1)
    """What the model learns from."""

    validation: float = Field(default=0.1, ge=0, lt=1)
    """What thresholds and early stopping are chosen on: a tenth is enough for that from a few thousand rows on."""

    test: float = Field(default=0.1, ge=0, lt=1)
    """What the model is judged by."""

    @model_validator(mode="after")
    def _sum_to_one(self) -> Self:
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"train, validation and test must sum up to 1, not {total:g}")
        return self


class Duplicates(Config):
    """Equal texts (but for case and white space) and nearly equal ones: a copy in train tells the answer of a test."""

    policy: Literal["report", "drop", "fail", "off"] = "report"
    """Rows that are dealt by hash stay with their duplicates in any case, unless a `group` decides. What is left:
    `report` counts and lists it, `drop` leaves out what also stands in a split that judges (test before validation
    before train) and repetitions within a split, `fail` stops if a text stands in two splits, `off` does not look."""

    near: bool = True
    """Whether nearly equal texts count: one or two words replaced, added or left out."""

    similarity: float = Field(default=0.7, gt=0.5, le=1)
    """Share (0-1) of the words of two texts that they must have in common, in order. At 0.7, two words of seven may
    differ; `tests/benchmarks/duplicates.py` tells how many edited texts are found so."""

    min_words: int = Field(default=5, ge=2)
    """Shorter texts count only if they are equal: "thank you so much" and "thank you very much" tell nothing."""

    contexts: bool = False
    """Whether texts are equal only where their contexts are, too: for a model that reads contexts. In a pipeline, true
    with `transform.segments: 2` if not given."""

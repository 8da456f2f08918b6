"""What the columns of source files mean, as configured."""

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from components.core.config import Config, InputPath

__all__ = ["Columns", "LabelNames", "MoreLabels", "Nested"]


def _distinct_names(names: tuple[str, ...] | str | None) -> tuple[str, ...] | str | None:
    known: set[str] = set()
    for name in names if isinstance(names, tuple) else ():
        if name != name.strip() or not name or not name.isprintable():
            raise ValueError(f"{name!r} cannot be a label name; expected visible characters on one line")
        if name in known:
            raise ValueError(f"{name!r} is named twice; remove one")
        known.add(name)
    return names


LabelNames = Annotated[tuple[str, ...] | InputPath | None, AfterValidator(_distinct_names)]


class MoreLabels(Config):
    """Labels of another kind, in a column of their own. The column's name alone will do for all of it."""

    column: str
    """Column that holds all labels of this kind, as `columns.labels` does of the first kind."""

    names: LabelNames = None
    """All of them in the order of their ids, as `label_names` has them; the sorted labels of the data if not given."""

    mapping: Mapping[str, str] = Field(default_factory=dict)
    """From a label in the data to the label that it becomes; others stay as they are."""


def _column_alone(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


GroupName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]


class Columns(Config):
    """Names of the columns (of JSON keys, of tf.Example features) that are read; all others are ignored."""

    text: str = "text"
    """The text to be classified."""

    labels: str | None = None
    """One column that holds all labels of a row; `labels` if nothing else here says what is known of a text. A row
    without a value has no label: none applies, or, where one must (`trainer.task: single_label`), it is not known."""

    label_columns: tuple[str, ...] = ()
    """In place of `labels`: one 0/1 column per label, named like it, in the order of the label list."""

    more_labels: Mapping[GroupName, Annotated[MoreLabels, BeforeValidator(_column_alone)]] = Field(
        default_factory=dict
    )
    """Columns with labels of other kinds, by the name of the kind, for models of several heads: `{sentiment: polarity}`
    reads the column `polarity`; its labels are `sentiment/positive` and so on, after those of `labels`."""

    targets: tuple[str, ...] = ()
    """Columns of numbers that a regression learns (valence, arousal), each a finite number, or empty where unknown."""

    id: str | None = None
    """Unique name of the row; `<file name>:<row number>` without such a column or value."""

    votes: str | None = None
    """How many raters gave each label: counts by label (an object, or its JSON text), or a list of one label a vote.
    Tells how much raters disagree; without `labels` and `label_columns`, the labels come from it."""

    raters: str | None = None
    """How many raters there were, where one may give several labels; the sum of the votes without it."""

    group: str | None = None
    """What must stay in one split (an author, a conversation), so that a test example knows nothing of training."""

    weight: str | None = None
    """Weight of the example in the loss, a finite number from 0 up; 1 without such a column or value."""

    context: str | None = None
    """Text before the utterance, such as the turn that it answers."""

    slices: tuple[str, ...] = ()
    """Columns by whose values the evaluation is broken down (language, source, age group)."""

    @field_validator("targets")
    @classmethod
    def _distinct_targets(cls, targets: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(targets)) < len(targets):
            raise ValueError(f"{', '.join(targets)}: a column is named twice; remove one")
        return targets

    @model_validator(mode="after")
    def _one_way_to_labels(self) -> Self:
        if self.labels is not None and self.label_columns:
            raise ValueError(
                "give either `labels` (one column) or `label_columns` (one 0/1 column per label), not both"
            )
        return self


class Nested(Config):
    """Records that hold several rows each: the turns of a dialogue, the entities of a headline.

    Rows of one record stay in one split: the record is their group if `columns.group` is not given.
    """

    column: str
    """Column with a list (or its JSON text) whose items are the rows, or with an object whose entries are. What an item
    holds are columns of its row: `turns.text` for the key `text`, `turns.value` for an item that is no object; in an
    object, `entities.key` and `entities.value`. Other columns of the record belong to all of its rows."""

    context_rows: int = Field(default=0, ge=0)
    """How many of the record's texts before a row are its context, such as the turns before one of a dialogue."""

    speaker: str | None = None
    """Column of who said a text, which is put before it in contexts (`Monica: …`); nobody is named if not given."""

"""Labels of several kinds: each kind but the first is a group, whose labels bear its name."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from components.data.ingestion.labels import LabelReader
from components.data.sources.rows import Reason, RowError

__all__ = ["LabelGroup", "list_label_names", "refuse_group_names"]


@dataclass(frozen=True)
class LabelGroup:
    """Reads the labels of one kind.

    Attributes:
        name: of the kind.
        column: where the labels are.
        reader: what reads them.
    """

    name: str
    column: str
    reader: LabelReader

    @property
    def prefix(self) -> str:
        """What the names of these labels begin with: `sentiment/`."""
        return f"{self.name}/"

    def read(self, value: object) -> tuple[str, ...]:
        """As `LabelReader.read`, with the names of the group."""
        try:
            return tuple(self.prefix + label for label in self.reader.read(value))
        except RowError as err:
            raise RowError(err.reason, f"column {self.column!r}: {err.detail}") from err


def refuse_group_names(labels: Iterable[str], groups: Sequence[LabelGroup]) -> None:
    """Checks that no label of the first kind has a name as those of a group have.

    Raises:
        RowError: one has.
    """
    for label in labels:
        for group in groups:
            if label.startswith(group.prefix):
                detail = f"{label!r} is named like the labels of `more_labels.{group.name}`; rename the group"
                raise RowError(Reason.UNKNOWN_LABEL, detail)


def list_label_names(
    reader: LabelReader | None, groups: Sequence[LabelGroup], seen: Iterable[str], *, where: str
) -> tuple[str, ...]:
    """The label list of the data: labels of the first kind, then those of each group.

    Args:
        reader: of the labels of the first kind; None if the data have none.
        groups: readers of the others.
        seen: the labels of all examples.
        where: what error messages call the data.

    Raises:
        DataError: no example has a label of a kind that is read.
    """
    left = set(seen)
    names: list[str] = []
    for group in groups:
        own = {label for label in left if label.startswith(group.prefix)}
        left -= own
        listed = group.reader.list_names(
            (label.removeprefix(group.prefix) for label in own),
            where=where,
            setting=f"columns.more_labels.{group.name}",
        )
        names += [group.prefix + label for label in listed]
    return (*(() if reader is None else reader.list_names(left, where=where)), *names)

"""Where every staged record goes, part by part, and what is written about duplicates."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from components.data.beam.exchange import Exchange
from components.data.duplicates.account import DuplicateAccount, ShownRow
from components.data.duplicates.resolve import DuplicateRules, resolve_duplicates
from components.data.duplicates.signatures import read_signatures
from components.data.ingestion.distribute import PartPlacement, PartReport
from components.data.ingestion.ingest import UnitReport, part_name

__all__ = ["RowPlacement", "place_rows"]


@dataclass(frozen=True)
class RowPlacement:
    """The places of all records.

    Attributes:
        parts: the records of each staged part.
        rules: what counted as a duplicate; None if they were not looked for.
        account: what was found; None likewise.
    """

    parts: Sequence[PartPlacement]
    rules: DuplicateRules | None
    account: DuplicateAccount | None

    def write_account(self, parts: Sequence[PartReport], path: Path) -> dict[str, Any] | None:
        """Writes the groups to `path`, one JSON object a line, and returns the counts for `summary.json`.

        Args:
            parts: with the texts of the records that are shown.
            path: the file to write.
        """
        if self.account is None or self.rules is None:
            return None
        shown: Mapping[int, ShownRow] = {row: text for part in parts for row, text in part.shown.items()}
        with path.open("w", encoding="utf-8") as stream:
            for group in self.account.listing(shown):
                stream.write(json.dumps(group, ensure_ascii=False) + "\n")
        rules = asdict(self.rules)
        del rules["near"]
        return {**rules, "near_looked_for": self.rules.near, **self.account.summary(shown)}


def place_rows(
    units: Sequence[UnitReport],
    split_names: Sequence[str],
    rules: DuplicateRules | None,
    directory: Path,
    exchange: Exchange,
) -> RowPlacement:
    """Decides where the records of every staged part go.

    Args:
        units: the parts, in order.
        split_names: names of the splits by position.
        rules: what counts as a duplicate; None if every row stays where its hash or file puts it.
        directory: where the parts are.
        exchange: on which they were staged.

    Raises:
        DataError: the policy is `fail` and a text stands in two splits.
        StageError: the search for duplicates failed.
    """
    names = [part_name(unit.source, unit.part) for unit in units]
    account = None
    shown = np.zeros(0, np.int64)
    if rules is None:
        splits = read_signatures([directory / name for name in names]).splits
    else:
        placement, account = resolve_duplicates(directory, names, split_names, rules, exchange)
        splits, shown = placement.splits, account.rows_to_show()
    parts = []
    start = 0
    for name, unit in zip(names, units, strict=True):
        end = start + unit.examples
        inside = shown[np.searchsorted(shown, start) : np.searchsorted(shown, end)] - start
        parts.append(PartPlacement(name, splits[start:end].tobytes(), frozenset(inside.tolist()), start))
        start = end
    return RowPlacement(parts, rules, account)

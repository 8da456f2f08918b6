"""Schema files that `emotion validate` reads and writes."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.core.artifacts import ExampleStatistics
from components.core.atomic_files import write_atomic
from components.data.validation.schema_text import format_schema, parse_schema, read_schema_text
from components.data.validation.schema_update import update_schema
from components.data.validation.split_profile import read_profiles

__all__ = ["CuratedSchema", "write_schema_file"]


@dataclass(frozen=True)
class CuratedSchema:
    """A schema that a person keeps.

    Attributes:
        path: its file.
        content: its text, comments and all.
        schema: the `Schema`.
    """

    path: Path
    content: str
    schema: Any

    @classmethod
    def read(cls, path: Path) -> "CuratedSchema":
        """Reads the file.

        Raises:
            UserError: there is no such file, or it is no schema of text and labels.
        """
        content = read_schema_text(str(path))
        return cls(path, content, parse_schema(content, str(path)))

    @property
    def features(self) -> frozenset[str]:
        """Names of the features that it describes."""
        return frozenset(feature.name for feature in self.schema.feature)


def write_schema_file(
    target: Path, curated: CuratedSchema | None, statistics: ExampleStatistics, *, inferred: Path, data: str
) -> list[str]:
    """Writes the inferred schema, or the curated one made to fit the data; what fits already is written as it was.

    Args:
        target: the file to write.
        curated: the schema to start from.
        statistics: of the data.
        inferred: file of the schema that SchemaGen has inferred, for want of a curated one.
        data: what the first line of an updated schema calls the data.

    Returns:
        what was changed in the curated schema, a sentence each.
    """
    if curated is None:
        write_atomic(target, inferred.read_text(encoding="utf-8"))
        return []
    datasets = [profile.dataset for profile in read_profiles(str(statistics.path)).values()]
    updated, changes = update_schema(curated.schema, datasets, statistics.document()["labels"])
    if changes:
        write_atomic(target, format_schema(updated, origin=f"made to fit {data}"))
        lost = _own_comments(curated.content, format_schema(curated.schema))
        if lost:
            changes.append(f"comments of your own were not taken over ({lost})")
    elif target != curated.path:
        write_atomic(target, curated.content)
    return changes


def _own_comments(content: str, generated: str) -> int:
    """How many lines of comments a person has written."""
    return len(set(_comments(content)) - set(_comments(generated)))


def _comments(text: str) -> list[str]:
    """Lines of comments but for what depends on the data: how the schema came about, and numbers."""
    comments = (line.strip() for line in text.splitlines() if line.strip().startswith("#"))
    return [re.sub(r"[\d.]+", "0", re.sub(r"look like, .*:", "look like:", comment)) for comment in comments]

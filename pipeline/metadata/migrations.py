"""Brings a store of an earlier version to this one, step by step, and refuses one of a later version.

Steps only add what has a default, so that a run of the version before, still at work, is not disturbed. Each is written
with SQLAlchemy's own DDL: three kinds of database, without a tool, a directory of scripts and their configuration.
"""

import uuid
from collections.abc import Callable

import sqlalchemy as sa

from components.core.errors import UserError
from pipeline.metadata.tables import artifacts, code_versions, executions, runs, schema_version, tables

__all__ = ["VERSION", "migrate", "read_version"]


def _roots_states_and_code(connection: sa.Connection) -> None:
    """Version 2: several roots in one store, resources, states of artifacts, digests of source files."""
    _add_columns(connection, runs.c.root, runs.c.owner, executions.c.resources, artifacts.c.state)
    next(index for index in runs.indexes if "root" in index.columns).create(connection)
    code_versions.create(connection)


def _name_of_the_store(connection: sa.Connection) -> None:
    """Version 3: by which an artifact root knows the store that keeps account of it."""
    if sa.inspect(connection).has_table(schema_version.name):
        _add_columns(connection, schema_version.c.store)


def _relative_artifacts(_: sa.Connection) -> None:
    """Version 4: new artifacts' URIs are relative to the root; an earlier version would call them garbage."""


_STEPS: tuple[Callable[[sa.Connection], None], ...] = (
    _roots_states_and_code,
    _name_of_the_store,
    _relative_artifacts,
)
"""The first one leads from version 1, which had no table of its version, to 2."""

VERSION = 1 + len(_STEPS)


def read_version(connection: sa.Connection) -> int:
    """The store's version; 0 if nothing is there yet."""
    inspector = sa.inspect(connection)
    if inspector.has_table(schema_version.name):
        return int(connection.execute(sa.select(schema_version.c.version)).scalar_one())
    return 1 if inspector.has_table(runs.name) else 0


def migrate(connection: sa.Connection, where: str) -> None:
    """Creates the tables, or changes those of an earlier version, inside the caller's transaction.

    Raises:
        UserError: the store is of a later version.
    """
    found = read_version(connection)
    if found > VERSION:
        raise UserError(
            f"{where}: written by a later version of emotion-pipeline (its schema is {found}, this program knows "
            f"{VERSION}); upgrade emotion-pipeline or set another `root`"
        )
    if found == VERSION:
        return
    for step in _STEPS[found - 1 :] if found else ():
        step(connection)
    tables.create_all(connection)
    name = connection.execute(sa.select(schema_version.c.store)).scalar() or uuid.uuid4().hex
    connection.execute(schema_version.delete())
    connection.execute(schema_version.insert().values(version=VERSION, store=name))


def _add_columns(connection: sa.Connection, *columns: sa.Column[object]) -> None:
    for column in columns:
        preparer = connection.dialect.identifier_preparer
        specification = connection.dialect.ddl_compiler(
            connection.dialect, sa.schema.CreateTable(column.table)
        ).get_column_specification(column)
        connection.exec_driver_sql(
            f"ALTER TABLE {preparer.format_table(column.table)} ADD COLUMN {specification}"
        )

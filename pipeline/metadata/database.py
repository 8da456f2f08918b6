"""Connections to the database of a metadata store: SQLite, PostgreSQL or MySQL, by URL."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from components.core.errors import StorageError, UserError
from pipeline.metadata.migrations import VERSION, migrate, read_version

__all__ = ["Database"]

_DRIVERS = {
    "postgresql": ("postgresql+psycopg", "postgresql"),
    "postgres": ("postgresql+psycopg", "postgresql"),
    "mysql": ("mysql+pymysql", "mysql"),
    "mariadb": ("mariadb+pymysql", "mysql"),
}
"""What a URL without a driver means, and the extra that installs it."""

_SECONDS_FOR_A_WRITER = 30
"""SQLite has one writer at a time; another one waits that long."""


class Database:
    """An open database with the tables of this version in it."""

    def __init__(self, location: Path | str) -> None:
        """Opens it, and makes or migrates the tables; a SQLite file that may not be written is only read.

        Args:
            location: of a SQLite file, or an SQLAlchemy URL.

        Raises:
            UserError: the URL is wrong, its driver is absent, or the tables are of a later version, or of an
                earlier one and may not be changed.
            StorageError: the database cannot be reached or is none.
        """
        url = _parse(location)
        self.url = url._replace(password=None).render_as_string()
        self.where = url.database if url.get_backend_name() == "sqlite" and url.database else self.url
        self._is_sqlite = url.get_backend_name() == "sqlite"
        self._may_write = not self._is_sqlite or _may_write(url)
        self._engine = _create_engine(url if self._may_write else _to_read(url))
        if self._is_sqlite and self._may_write:
            sa.event.listen(self._engine, "connect", _set_up_sqlite)
        self._bring_up_to_date()

    def close(self) -> None:
        self._engine.dispose()

    def reading(self) -> Any:
        """A connection to read by, as a context manager."""
        return self._engine.connect()

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """One transaction: all of it is kept, or nothing."""
        with self._engine.begin() as connection:
            if self._is_sqlite:
                # A transaction that first reads and then wants to write is told "locked" at once, without waiting.
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

    def _bring_up_to_date(self) -> None:
        try:
            with self.reading() as connection:
                if read_version(connection) == VERSION:
                    return
            if not self._may_write:
                raise UserError(
                    f"{self.where}: written by another version of emotion-pipeline, and may not be changed; "
                    "ask its owner to bring it up to date by `emotion inspect runs`"
                )
            with self.writing() as connection:
                self._take_turns(connection)
                migrate(connection, self.where)
        except sa.exc.DBAPIError as err:
            self.close()
            raise StorageError(
                f"{self.where}: cannot be used as metadata store ({_first_line(err.orig)}); look whether it is there, "
                "or set `root` or `metadata` to another place"
            ) from err
        except BaseException:
            self.close()
            raise

    def _take_turns(self, connection: sa.Connection) -> None:
        """Lets one process at a time change the tables; the lock ends with the transaction."""
        if self._engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(717211)")


def _parse(location: Path | str) -> sa.URL:
    if isinstance(location, Path):
        return sa.URL.create("sqlite", database=str(location))
    try:
        url = sa.engine.make_url(location)
    except sa.exc.ArgumentError as err:
        raise UserError(
            "metadata: expected a URL such as postgresql://user@host/database, mysql://user@host/database or "
            "sqlite:////a/file"
        ) from err
    return url.set(drivername=_DRIVERS.get(url.drivername, (url.drivername,))[0])


def _may_write(url: sa.URL) -> bool:
    """Whether a SQLite file that is there may be written, and the logs beside it."""
    path = Path(url.database or "")
    return not path.is_file() or (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))


def _to_read(url: sa.URL) -> sa.URL:
    """As it is. SQLite reads along with a writer by the logs; where there are none, it is to make none."""
    path = Path(url.database or "").resolve()
    logs = Path(f"{path}-wal").exists()
    query = {"uri": "true", "mode": "ro", **({} if logs else {"immutable": "1"})}
    return sa.URL.create(url.drivername, database=f"file:{quote(str(path))}", query=query)


def _create_engine(url: sa.URL) -> sa.Engine:
    options = {} if url.get_backend_name() == "sqlite" else {"isolation_level": "READ COMMITTED"}
    arguments = {"timeout": _SECONDS_FOR_A_WRITER} if url.get_backend_name() == "sqlite" else {}
    arguments = {name: value for name, value in arguments.items() if name not in url.query}
    try:
        return sa.create_engine(url, connect_args=arguments, pool_pre_ping=True, **options)
    except sa.exc.NoSuchModuleError as err:
        raise UserError(
            f"metadata: databases of kind {url.drivername} are not known; take sqlite, postgresql or mysql"
        ) from err
    except ModuleNotFoundError as err:
        extra = next((extra for driver, extra in _DRIVERS.values() if driver == url.drivername), None)
        what = f"'emotion-pipeline[{extra}]'" if extra else f"{err.name}"
        raise UserError(f"metadata: {url.drivername} needs {err.name}; pip install {what}") from err


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    """Write-ahead logging lets `inspect` read while a run writes; FULL keeps a commit through a power loss."""
    connection.isolation_level = None  # transactions begin where `writing` says, not where the driver guesses
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _first_line(err: BaseException | None) -> str:
    return str(err).strip().splitlines()[0] if str(err).strip() else type(err).__name__

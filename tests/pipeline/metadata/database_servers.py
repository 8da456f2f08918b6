"""Real database servers on a free loopback port, for the time of a test."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.ports import free_port

__all__ = ["find_postgres", "mariadb_server", "postgres_server"]


@contextmanager
def postgres_server() -> Iterator[str]:
    """A fresh PostgreSQL cluster; yields the URL of an empty database. Skips the test where none is installed."""
    binaries = find_postgres()
    if binaries is None:
        pytest.skip("no PostgreSQL server is installed (Debian: apt-get install postgresql)")
    with _home() as home:
        _call([binaries / "initdb", "-D", home / "data", "-U", "tester", "-A", "trust", "-N"])
        port = free_port()
        arguments = ["-D", home / "data", "-p", port, "-h", "127.0.0.1", "-k", "", "-F"]
        with _serving(
            [binaries / "postgres", *arguments], f"postgresql://tester@127.0.0.1:{port}/postgres"
        ) as url:
            yield url


def find_postgres() -> Path | None:
    """The directory of a PostgreSQL server's programs."""
    places = [*Path("/usr/lib/postgresql").glob("*/bin"), *(Path(at).parent for at in _which("postgres"))]
    return next((place for place in places if (place / "initdb").is_file()), None)


@contextmanager
def mariadb_server() -> Iterator[str]:
    """A fresh MariaDB server; yields the URL of an empty database. Skips the test where none is installed."""
    install, serve = shutil.which("mariadb-install-db"), shutil.which("mariadbd")
    if install is None or serve is None or shutil.which("my_print_defaults") is None:
        pytest.skip("no MariaDB server is installed (Debian: apt-get install mariadb-server)")
    with _home() as home:
        options = ["--no-defaults", f"--datadir={home / 'data'}"]
        _call([install, *options, "--auth-root-authentication-method=normal", "--skip-test-db"])
        start = home / "start.sql"
        grants = ["CREATE USER tester@127.0.0.1;", "GRANT ALL ON store.* TO tester@127.0.0.1;"]
        start.write_text("\n".join(["CREATE DATABASE store;", *grants]))
        start.chmod(0o644)
        port = free_port()
        network = [f"--port={port}", "--bind-address=127.0.0.1", "--skip-name-resolve"]
        local = [f"--socket={home / 'socket'}", f"--init-file={start}", f"--pid-file={home / 'pid'}"]
        with _serving([serve, *options, *network, *local], f"mysql://tester@127.0.0.1:{port}/store") as url:
            yield url


def _which(name: str) -> list[str]:
    return [found] if (found := shutil.which(name)) else []


@contextmanager
def _home() -> Iterator[Path]:
    """A short path that the server's user can reach, unlike a `tmp_path` of root's."""
    home = Path(tempfile.mkdtemp(prefix="database-"))
    try:
        if os.getuid() == 0:
            user = pwd.getpwnam("nobody")
            os.chown(home, user.pw_uid, user.pw_gid)
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _user() -> str | None:
    """Database servers refuse to run as root."""
    return "nobody" if os.getuid() == 0 else None


def _call(command: Sequence[object]) -> None:
    subprocess.run(
        [str(word) for word in command], user=_user(), check=True, capture_output=True, cwd="/", timeout=120
    )


@contextmanager
def _serving(command: Sequence[object], url: str) -> Iterator[str]:
    process = subprocess.Popen(
        [str(word) for word in command],
        user=_user(),
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    driver = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}[url.partition(":")[0]]
    engine = sa.create_engine(sa.engine.make_url(url).set(drivername=driver))
    give_up = time.monotonic() + 60
    while True:
        try:
            engine.connect().close()
        except sa.exc.OperationalError:
            if process.poll() is not None or time.monotonic() > give_up:
                raise
            time.sleep(0.1)
        else:
            engine.dispose()
            return

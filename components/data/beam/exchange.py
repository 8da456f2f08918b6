"""Files on their way between this machine and the workers of a Beam pipeline.

A stage names files by their paths on this machine. Where workers see the same files, they read them in place; else
they pass through a scratch directory that both reach. The stage's code is the same:

    with exchanging() as exchange:
        exchange.send(shard)                            # before the pipeline
        ...                                             # in a DoFn: read and write as below
        exchange.receive(directory)                     # after it

    with exchange.reading(shard) as local, exchange.writing(directory) as out:
        convert(local, out / "part-00007.gz")

A DoFn may run more than once for an element: after a failure, or twice at a time where a runner suspects that a worker
is slow. What one attempt writes appears whole when the attempt is complete, and replaces what another one wrote.
"""

import shutil
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from components.core.atomic_files import copy_file
from components.core.errors import StageError, UserError
from components.core.filesystem import files_below, is_remote, remove_directory
from components.data.beam.beam_config import BeamConfig

__all__ = ["Exchange", "open_exchange"]

_ATTEMPT = ".attempt-"
_TRANSFERS_AT_A_TIME = 8


@dataclass(frozen=True)
class Exchange:
    """The way of one pipeline's files; travels to the workers inside DoFns.

    Attributes:
        directory: a local directory of this pipeline's own, empty at first, for results that are no artifacts.
        uri: where files pass through if workers do not see this machine's; None if they do.
        base: from where relative paths are taken, which a worker may have been started elsewhere than.
    """

    directory: Path
    uri: str | None = None
    base: Path = field(default_factory=Path.cwd)

    def send(self, *paths: Path) -> None:
        """Lets workers read these files and directories; a copy is made only where it is needed."""
        if self.uri is None:
            return
        files = {file for path in paths for file in ([path] if path.is_file() else _files_in(path))}
        _copy_all((str(file), self._remote(file)) for file in files)

    def receive(self, *directories: Path, only: Sequence[str] = ("*",)) -> None:
        """Makes what workers wrote into these directories be there, and nothing of attempts that were broken off.

        Args:
            directories: those that were given to `writing`.
            only: patterns of the names that are wanted here, in which `*` stands for slashes, too; where workers see
                this machine's files, all are here anyway.

        Raises:
            StorageError: a file cannot be had.
        """
        for directory in directories:
            if self.uri is None:
                for attempt in directory.glob(f"{_ATTEMPT}*"):
                    shutil.rmtree(attempt, ignore_errors=True)
            else:
                remote = self._remote(directory)
                _copy_all((f"{remote}/{name}", str(directory / name)) for name in _matching(remote, only))

    def locate(self, path: str) -> str:
        """Where workers read a file of this machine that was sent, for those who read parts of it; URIs stay."""
        if is_remote(path):
            return path
        return str(self.base / path) if self.uri is None else self._remote(Path(path))

    @contextmanager
    def reading(self, path: Path, *, only: Sequence[str] = ("*",)) -> Iterator[Path]:
        """A worker's view of a file or directory that was sent, or that another worker wrote; its name stays.

        Args:
            path: its path on this machine.
            only: patterns of the names in a directory that are wanted, as for `receive`.

        Raises:
            StageError: it is not there.
        """
        if self.uri is None:
            yield self.base / path
            return
        remote = self._remote(path)
        names = _matching(remote, only)
        if not names:
            raise StageError(f"{path}: was not found at {remote}; it was not sent, or the runner lost it")
        with tempfile.TemporaryDirectory(prefix="reading-") as scratch:
            local = Path(scratch) / path.name
            for name in names:
                copy_file(f"{remote}/{name}" if name else remote, str(local / name))
            yield local

    @contextmanager
    def writing(self, directory: Path) -> Iterator[Path]:
        """A directory of this attempt's own: on success its files appear in `directory`, on error none does."""
        attempt = self._new_attempt(directory)
        try:
            yield attempt
            for file in _files_in(attempt):
                target = self.base / directory / file.relative_to(attempt)
                if self.uri is None:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    file.replace(target)
                else:
                    copy_file(str(file), self._remote(target))
        finally:
            shutil.rmtree(attempt, ignore_errors=True)

    def _new_attempt(self, directory: Path) -> Path:
        """Beside the files' place if they can be renamed into it, else in the worker's temporary directory."""
        if self.uri is not None:
            return Path(tempfile.mkdtemp(prefix=_ATTEMPT))
        place = self.base / directory
        place.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=_ATTEMPT, dir=place))

    def _remote(self, path: Path) -> str:
        return f"{self.uri}{(self.base / path).as_posix()}"


@contextmanager
def open_exchange(config: BeamConfig) -> Iterator[Exchange]:
    """An exchange as the configuration says; what is left on it is removed at the end.

    Raises:
        UserError: the scratch directory cannot be written.
    """
    own = None if config.scratch is None else f"{config.scratch.rstrip('/')}/beam-{uuid.uuid4().hex}"
    in_scratch = own is not None and not config.copies_files and not is_remote(own)
    try:
        if in_scratch:
            Path(str(own)).mkdir(parents=True)
        directory = Path(str(own)) if in_scratch else Path(tempfile.mkdtemp(prefix="beam-"))
    except OSError as err:
        raise UserError(f"beam.scratch: cannot write to {config.scratch} ({err.strerror})") from err
    try:
        yield Exchange(directory, own if config.copies_files else None)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        if own is not None:
            remove_directory(own)


def _files_in(directory: Path) -> list[Path]:
    return sorted(file for file in directory.rglob("*") if file.is_file())


def _matching(uri: str, patterns: Sequence[str]) -> list[str]:
    return [name for name in files_below(uri) if any(fnmatchcase(name, pattern) for pattern in patterns)]


def _copy_all(pairs: Iterable[tuple[str, str]]) -> None:
    with ThreadPoolExecutor(_TRANSFERS_AT_A_TIME) as threads:
        for _ in threads.map(lambda pair: copy_file(*pair), pairs):
            pass

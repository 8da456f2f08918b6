"""What runs of one pipeline on any machine need to know of each other: a directory or URI, without a database."""

import shutil
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from components.core.artifacts import Artifact
from components.core.atomic_files import copy_file
from components.core.filesystem import (
    content_digest,
    exists,
    file_sizes,
    files_below,
    is_remote,
    local_path,
    open_file,
    subdirectories,
)
from pipeline.orchestrators.delivery import deliver, fetch
from pipeline.orchestrators.record import StageRecord

__all__ = ["Registry"]

A = TypeVar("A", bound=Artifact)


class Registry:
    """Blessed artifacts that later runs are compared with, and what the stages of each run did.

    ```
    <uri>/<pipeline>/blessed/<artifact type>/<time>-<digest>/   whole copies: they outlive the runs that made them
    <uri>/<pipeline>/cache/<stage>/<fingerprint>.json           a `StageRecord`: what came of this code on this input
    <uri>/<pipeline>/made/<digest>/<fingerprint>.json           the same record, by the content of each output
    <uri>/<pipeline>/runs/<run>/<stage>.json                    a `StageRecord` each
    <uri>/<pipeline>/runs/<run>/report/                         report.html, statistics.html, MODEL_CARD.md
    ```

    Blessed artifacts are added and never changed, records are replaced whole, so that runs at the same time do not harm
    each other. Nothing is removed: delete what is old as you please.
    """

    def __init__(self, uri: str, pipeline: str) -> None:
        uri = local_path(uri)
        base = uri.rstrip("/") if is_remote(uri) else str(Path(uri).resolve())
        self._uri = f"{base}/{pipeline}"

    def run_uri(self, run: str) -> str:
        return f"{self._uri}/runs/{run}"

    def latest_blessed(self, kind: type[A], *, other_than: str, into: Path, not_from: str = "") -> A | None:
        """The newest blessed artifact of a type as a local directory; None if there is none.

        A copy that is not what was blessed is passed over: whoever made it may have been killed on the way.

        Args:
            kind: `Model`.
            other_than: digest of the candidate, which is never its own baseline.
            into: where a remote one is brought, a directory that does not exist.
            not_from: digest of data; what was made from them is passed over.
        """
        for entry in self._blessed(kind):
            digest = _digest_of(entry)
            if digest == other_than or (not_from and self._is_made_from(digest, not_from)):
                continue
            copy = fetch(self._copy_uri(kind, entry), into)
            if content_digest(str(copy)) == digest:
                return kind(copy)
            shutil.rmtree(into, ignore_errors=True)
        return None

    def add_blessed(self, artifact: Artifact) -> None:
        """Makes a copy of the artifact the newest blessed one of its type, unless it is already."""
        digest, kind = content_digest(str(artifact.path)), type(artifact)
        newest = next(iter(self._blessed(kind)), "")
        if _digest_of(newest) == digest and file_sizes(self._copy_uri(kind, newest)) == file_sizes(
            str(artifact.path)
        ):
            return
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
        deliver(artifact.path, self._copy_uri(kind, f"{moment}-{digest}"))

    def remember(self, fingerprint: str, record: StageRecord) -> None:
        """Keeps what a stage made of this input, for runs that ask the same of it, or where an output comes from."""
        for output in record.outputs.values():
            _write(f"{self._uri}/made/{output.digest}/{fingerprint}.json", record)
        _write(f"{self._uri}/cache/{record.stage}/{fingerprint}.json", record)

    def remembered(self, stage: str, fingerprint: str) -> StageRecord | None:
        """What the stage made of this input when it last ran; whether that is still there is not looked at."""
        uri = f"{self._uri}/cache/{stage}/{fingerprint}.json"
        return _read(uri) if exists(uri) else None

    def record(self, run: str, record: StageRecord) -> None:
        """Keeps what a stage of the run did; what an earlier try of it did is replaced."""
        _write(f"{self.run_uri(run)}/{record.stage}.json", record)

    def records(self, run: str) -> dict[str, StageRecord]:
        """What the stages of the run did, by stage; those that have not run are missing."""
        return _read_all(self.run_uri(run))

    def _blessed(self, kind: type[Artifact]) -> tuple[str, ...]:
        """Names of the copies, the newest first."""
        return subdirectories(f"{self._uri}/blessed/{kind.__name__}")[::-1]

    def _copy_uri(self, kind: type[Artifact], entry: str) -> str:
        return f"{self._uri}/blessed/{kind.__name__}/{entry}"

    def _is_made_from(self, digest: str, data: str) -> bool:
        """Whether a stage that made the one read the other."""
        return any(
            data in record.inputs.values() for record in _read_all(f"{self._uri}/made/{digest}").values()
        )


def _digest_of(entry: str) -> str:
    return entry.rpartition("-")[2]


def _write(uri: str, record: StageRecord) -> None:
    with TemporaryDirectory() as directory:
        file = Path(directory) / "record.json"
        file.write_text(record.to_json() + "\n", encoding="utf-8")
        copy_file(str(file), uri)


def _read_all(uri: str) -> dict[str, StageRecord]:
    """The records of a directory by name; none if it is not there."""
    if not exists(uri):
        return {}
    names = [name for name in files_below(uri) if name.endswith(".json") and "/" not in name]
    return {name.removesuffix(".json"): _read(f"{uri}/{name}") for name in names}


def _read(uri: str) -> StageRecord:
    with open_file(uri, "r") as stream:
        return StageRecord.from_json(stream.read())

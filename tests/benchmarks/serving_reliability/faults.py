"""What befalls a machine: a damaged version, a full disk, a clock that jumps."""

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from serving.manifest import MANIFEST_FILE, describe_file
from tests.benchmarks.serving_reliability.clients import clients
from tests.benchmarks.serving_reliability.server import Server, headers, serving, until

__all__ = ["clock", "corrupt", "disk"]

_DISK_MIB = 32
_RATE = 50.0
"""Requests a second, which any machine can bear: what is slow is slow by the fault."""
_SLOWEST_MS = 5000.0
"""Longer than any answer takes, and much shorter than a jump."""


def corrupt(base: Path, expected: Path, scratch: Path, minutes: float) -> list[str]:
    with (
        serving(base, scratch) as server,
        _new_versions(base) as publish,
        clients(server, expected, rate=_RATE) as found,
    ):
        until(lambda: server.metric(":tensorflow:serving:request_count") > 50, "requests are answered")
        for name, damage in _DAMAGES.items():
            number = publish(damage)
            until(
                lambda number=number: server.metric("emotion_serving_version_refused", version=number) == 1,
                f"{name} is refused",
            )
        good = publish(_leave_as_it_is)
        until(
            lambda: server.metric("emotion_serving_version_available", version=good) == 1,
            "the good version after them is served",
        )
    print(f"corrupt: {', '.join(_DAMAGES)}: refused; {found['counts']}")
    return [] if found["counts"].keys() == {"right"} else [f"corrupt: {found['counts']} {found['details']}"]


def disk(base: Path, expected: Path, scratch: Path, minutes: float) -> list[str]:
    with _small_disk(scratch / "disk") as place:
        if place is None:
            print("disk: left out: only root may mount a small disk")
            return []
        log, filler = place / "log", place / "filler"
        flag = f"--request_log_directory={log}"
        with serving(base, scratch, flag) as server, clients(server, expected, rate=_RATE) as found:
            until(lambda: _logged(server, "OK") > 50, "requests are logged")
            _fill(filler)
            until(lambda: _logged(server, "UNAVAILABLE") > 50, "lost entries of the log are counted")
            before = _logged(server, "OK")
            filler.unlink()
            until(lambda: _logged(server, "OK") > before + 50, "requests are logged again")
        records = sum(len(file.read_text().splitlines()) for file in _log_files(log))
        whole = sum(1 for _ in _records(log))
    print(f"disk: full for a while: {found['counts']}, {whole} of {records} lines of the log are whole")
    missed = [] if found["counts"].keys() == {"right"} else [f"disk: {found['counts']} {found['details']}"]
    return missed if whole == records else [*missed, "disk: lines of the log are cut off"]


def clock(base: Path, expected: Path, scratch: Path, minutes: float) -> list[str]:
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    if library is None:
        print("clock: left out: apt-get install libfaketime")
        return []
    offset, log = scratch / "offset", scratch / "clock-log"
    environment = {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    parameters = scratch / "batching.txt"
    parameters.write_text("batch_timeout_micros { value: 5000 }")
    flags = (
        *("--enable_batching", f"--batching_parameters_file={parameters}"),
        *(f"--request_log_directory={log}", "--request_log_max_bytes=100000", "--request_log_max_files=3"),
    )
    _set(offset, 0)
    seen, missed = [], []
    with (
        serving(base, scratch, *flags, environment=environment) as server,
        _new_versions(base) as publish,
        clients(server, expected, rate=_RATE) as found,
    ):
        until(lambda: _logged(server, "OK") > 50, "requests are logged")
        for days in (30, -30, 0):
            _set(offset, days)
            until(lambda days=days: _days_off(_clock_of(server)) == days, "the server sees the jump")
            number = publish(_leave_as_it_is)
            until(
                lambda number=number: server.metric("emotion_serving_version_available", version=number) == 1,
                f"a new version is served {days} days off",
            )
            until(
                lambda days=days: _days_off(_newest_record(log)) == days, f"the log goes on {days} days off"
            )
            seen.append(days)
            time.sleep(3)
    files = len(_log_files(log))
    print(
        f"clock: {seen} days off: {found['counts']}, longest {found['answered_ms'][-1]} ms, {files} log files"
    )
    if found["counts"].keys() != {"right"} or found["answered_ms"][-1] > _SLOWEST_MS:
        missed.append(f"clock: {found['counts']} {found['details']} longest {found['answered_ms'][-1]} ms")
    return missed if files <= 3 else [*missed, f"clock: {files} log files are kept"]


def _leave_as_it_is(version: Path) -> None:
    """A version that is sound."""


def _noise(version: Path) -> None:
    (version / "saved_model.pb").write_bytes(b"\x08\xff" * 100)


def _empty(version: Path) -> None:
    (version / "saved_model.pb").write_bytes(b"")


def _cut_weights(version: Path) -> None:
    weights = _weights(version)
    weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])


def _flip_a_bit(version: Path) -> None:
    """Which TensorFlow may not see, but the manifest does."""
    files = {
        path.relative_to(version).as_posix(): describe_file(path)
        for path in version.rglob("*")
        if path.is_file()
    }
    document = {"format_version": 1, "version": int(version.name.lstrip(".")), "files": files}
    (version / MANIFEST_FILE).write_text(json.dumps(document))
    weights = _weights(version)
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)


def _weights(version: Path) -> Path:
    (found,) = (version / "variables").glob("variables.data-*")
    return found


_DAMAGES: Mapping[str, Callable[[Path], None]] = {
    "noise for a graph": _noise,
    "an empty graph": _empty,
    "half of the weights": _cut_weights,
    "one bit of the weights": _flip_a_bit,
}


@contextmanager
def _new_versions(base: Path) -> Iterator[Callable[[Callable[[Path], None]], int]]:
    """Publishes copies of version 1, damaged or not; they are gone at the end."""
    made: list[Path] = []

    def publish(damage: Callable[[Path], None]) -> int:
        number = 2 + len(made)
        partial = base / f".{number}"
        shutil.copytree(base / "1", partial)
        damage(partial)
        made.append(partial.rename(base / str(number)))
        return number

    try:
        yield publish
    finally:
        for version in made:
            shutil.rmtree(version)


@contextmanager
def _small_disk(place: Path) -> Iterator[Path | None]:
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_MIB}m", "tmpfs", str(place)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        yield None
        return
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def _fill(file: Path) -> None:
    try:
        with file.open("wb", buffering=0) as stream:
            while True:
                stream.write(bytes(4096))
    except OSError:
        pass


def _logged(server: Server, status: str) -> float:
    return server.metric(":tensorflow:serving:request_log_count", status_code=status)


def _log_files(log: Path) -> list[Path]:
    return sorted(log.glob("requests-*.jsonl"))


def _records(log: Path) -> Iterator[dict[str, Any]]:
    """Those that are whole, the oldest first."""
    for file in _log_files(log):
        for line in file.read_text().splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                continue


def _newest_record(log: Path) -> datetime:
    *_, newest = _records(log)
    return datetime.fromisoformat(newest["time"])


def _set(offset: Path, days: int) -> None:
    partial = offset.with_suffix(".new")
    partial.write_text(f"{days:+d}d\n")
    partial.rename(offset)


def _clock_of(server: Server) -> datetime:
    return parsedate_to_datetime(headers(server, "/healthz")["Date"])


def _days_off(time_: datetime) -> int:
    return round((time_ - datetime.now(UTC)) / timedelta(days=1))

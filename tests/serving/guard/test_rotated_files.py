"""Log files that end, are deleted, and meet a full disk."""

import subprocess
import sys
from pathlib import Path

import pytest

from serving.guard import rotated_files
from serving.guard.rotated_files import RotatedFiles


def files(directory: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(directory.iterdir())]


def test_a_file_ends_before_it_is_too_large_and_the_oldest_is_deleted(tmp_path: Path) -> None:
    directory = tmp_path / "made" / "log"
    log = RotatedFiles(directory, "requests", "jsonl", max_bytes=10, max_files=2)
    for record in (b"aaaa\n", b"bbbb\n", b"cccc\n", b"longer than ten\n", b"d\n"):
        log.append(record)
    log.close()
    assert files(directory) == [b"longer than ten\n", b"d\n"]
    (directory / "requests-of-others.txt").touch()
    again = RotatedFiles(directory, "requests", "jsonl", max_bytes=10, max_files=2)
    again.append(b"e\n")
    again.close()
    assert files(directory) == [b"d\n", b"e\n", b""]
    assert {path.stat().st_mode & 0o777 for path in directory.glob("*.jsonl")} == {0o600}


def test_a_clock_that_was_set_back_does_not_make_the_newest_file_the_oldest(tmp_path: Path) -> None:
    (tmp_path / "requests-20990101T000000.000000Z.jsonl").write_bytes(b"before\n")
    (tmp_path / "requests-of-others.jsonl").write_bytes(b"of others\n")
    log = RotatedFiles(tmp_path, "requests", "jsonl", max_bytes=10, max_files=2)
    for record in (b"aaaaaaaa\n", b"bbbbbbbb\n", b"cccccccc\n"):
        log.append(record)
    log.close()
    assert files(tmp_path) == [b"bbbbbbbb\n", b"cccccccc\n", b"of others\n"]


FULL_DISK = """
import resource, sys
from pathlib import Path
from serving.guard import rotated_files
rotated_files._PAUSE_SECONDS = 0
log = rotated_files.RotatedFiles(Path(sys.argv[1]), "requests", "jsonl", max_bytes=10**6, max_files=9)
log.append(b"first\\n")
resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))  # writes the half of a record, then fails
try:
    log.append(b"does not fit\\n")
except OSError as err:
    print(type(err).__name__)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
log.append(b"third\\n")
"""


def test_a_full_disk_leaves_no_half_record(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert ran.stdout == "OSError\n"
    assert files(tmp_path) == [b"first\nthird\n"]


def test_after_a_failure_it_is_tried_again_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path / "log"
    directory.write_text("a file is in the way")
    log = RotatedFiles(directory, "requests", "jsonl", max_bytes=10, max_files=2)
    with pytest.raises(OSError, match="exists"):
        log.append(b"a\n")
    directory.unlink()
    with pytest.raises(OSError, match="cannot be written for now"):
        log.append(b"b\n")
    # Not `time.monotonic` itself: the event loop of another test's server would sleep until then.
    monkeypatch.setattr(rotated_files, "monotonic", lambda: 1e12)
    log.append(b"c\n")
    log.close()
    assert files(directory) == [b"c\n"]

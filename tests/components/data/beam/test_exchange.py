import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import fsspec
import pytest

from components.core.errors import StageError, UserError
from components.data.beam.beam_config import BeamConfig
from components.data.beam.exchange import Exchange, open_exchange

MEMORY = "memory://exchange-tests"


@pytest.fixture(params=["same files", "memory://", "mounted directory"])
def exchange(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Exchange]:
    config = {
        "same files": BeamConfig(),
        "memory://": BeamConfig(scratch=MEMORY),
        "mounted directory": BeamConfig(scratch=str(tmp_path / "mounted"), shared_files=False),
    }[request.param]
    monkeypatch.chdir(tmp_path)
    with open_exchange(config) as opened:
        yield opened


def names(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


def test_a_worker_reads_what_was_sent_under_its_own_name(exchange: Exchange, tmp_path: Path):
    shard, tree = tmp_path / "in" / "shard.gz", tmp_path / "tokenizer"
    for path, content in (
        (shard, "shard"),
        (tree / "vocab.txt", "words"),
        (tree / "deep" / "rules", "rules"),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    exchange.send(shard, tree)
    with exchange.reading(shard) as local:
        assert (local.name, local.read_text()) == ("shard.gz", "shard")
        assert (local == shard) == (exchange.uri is None)
    with exchange.reading(tree) as local:
        assert names(local) == ["deep/rules", "vocab.txt"]
    with fsspec.open(exchange.locate(str(shard))) as stream:
        assert stream.read() == b"shard"
    assert exchange.locate("gs://bucket/a.csv") == "gs://bucket/a.csv"


def test_what_a_worker_wrote_is_there_for_other_workers_and_comes_back(exchange: Exchange, tmp_path: Path):
    target = tmp_path / "out"
    with exchange.writing(target) as local:
        (local / "Split-train").mkdir()
        (local / "Split-train" / ".part-0").write_text("hidden")
        (local / "part-1").write_text("one")
        assert not (target / "part-1").exists()
    with exchange.reading(target / "part-1") as local:
        assert local.read_text() == "one"
    exchange.receive(target)
    assert names(target) == ["Split-train/.part-0", "part-1"]
    assert [path.name for path in target.iterdir() if path.name.startswith(".attempt")] == []


def test_a_worker_that_was_started_elsewhere_finds_relative_paths(
    exchange: Exchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    Path("shard").write_text("shard")
    exchange.send(Path("shard"))
    with monkeypatch.context() as elsewhere:
        elsewhere.chdir(Path(__file__).parent)
        worker = pickle.loads(pickle.dumps(exchange))
        with worker.reading(Path("shard")) as local, worker.writing(Path("out")) as out:
            (out / "copy").write_text(local.read_text())
        with fsspec.open(worker.locate("shard")) as stream:
            assert stream.read() == b"shard"
    exchange.receive(Path("out"))
    assert (tmp_path / "out" / "copy").read_text() == "shard"


def test_only_what_is_wanted_is_copied(tmp_path: Path):
    with open_exchange(BeamConfig(scratch=MEMORY)) as exchange:
        with exchange.writing(tmp_path / "out") as local:
            for name in ("letters/one.jsonl", "staged/one.npz", "staged/one.tfrecord"):
                (local / name).parent.mkdir(exist_ok=True)
                (local / name).write_text(name)
        with exchange.reading(tmp_path / "out" / "staged", only=("*.npz",)) as local:
            assert names(local) == ["one.npz"]
        exchange.receive(tmp_path / "out", only=("*.npz", "letters/*"))
    assert names(tmp_path / "out") == ["letters/one.jsonl", "staged/one.npz"]


def test_an_attempt_that_fails_leaves_nothing(exchange: Exchange, tmp_path: Path):
    target = tmp_path / "out"
    with suppress(ZeroDivisionError), exchange.writing(target) as local:
        (local / "part-1").write_text("half of o")
        _ = 1 / 0
    exchange.receive(target)
    assert names(target) == []


def test_an_attempt_replaces_what_an_earlier_one_wrote(exchange: Exchange, tmp_path: Path):
    target = tmp_path / "out"
    for content in ("a longer first attempt", "the second"):
        with exchange.writing(target) as local:
            (local / "part-1").write_text(content)
    exchange.receive(target)
    assert (target / "part-1").read_text() == "the second"
    assert names(target) == ["part-1"]


def test_attempts_at_the_same_time_never_mix(exchange: Exchange, tmp_path: Path):
    target = tmp_path / "out"
    content = [str(number) * 100_000 for number in range(8)]

    def attempt(text: str) -> None:
        with exchange.writing(target) as local:
            (local / "part-1").write_text(text)
            (local / "part-2").write_text(text)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(attempt, content))
    exchange.receive(target)
    assert names(target) == ["part-1", "part-2"]
    assert (target / "part-1").read_text() in content


KILLED_WORKER = """
import os, signal, sys
from pathlib import Path
from components.data.beam.exchange import Exchange

with Exchange(Path()).writing(Path(sys.argv[1])) as local:
    (local / "part-1").write_text("half of o")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_worker_left_is_swept(tmp_path: Path):
    killed = subprocess.run([sys.executable, "-c", KILLED_WORKER, str(tmp_path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["part-1"]
    with open_exchange(BeamConfig()) as exchange:
        exchange.receive(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_not_sent_is_told_of(tmp_path: Path):
    with (
        open_exchange(BeamConfig(scratch=MEMORY)) as exchange,
        pytest.raises(StageError, match=r"shard\.gz: was not found at memory://.*; it was not sent"),
        exchange.reading(tmp_path / "shard.gz"),
    ):
        pass


def test_nothing_is_copied_where_workers_see_the_same_files(tmp_path: Path):
    scratch = tmp_path / "scratch"
    (tmp_path / "shard").write_text("shard")
    with open_exchange(BeamConfig(scratch=str(scratch))) as exchange:
        assert exchange.directory.parent == scratch
        exchange.send(tmp_path / "shard")
        assert names(scratch) == []
        with exchange.reading(tmp_path / "shard") as local:
            assert local == tmp_path / "shard"


@pytest.mark.parametrize("shared_files", [True, False])
def test_scratch_is_left_as_it_was(shared_files: bool, tmp_path: Path):
    config = BeamConfig(scratch=str(tmp_path / "scratch"), shared_files=shared_files)
    with suppress(ZeroDivisionError), open_exchange(config) as exchange:
        (exchange.directory / "left").write_text("left")
        with exchange.writing(tmp_path / "out") as local:
            (local / "part").write_text("part")
        _ = 1 / 0
    assert names(tmp_path / "scratch") == []
    assert not exchange.directory.exists()


def test_a_scratch_that_cannot_be_written_is_told_of(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with (
        pytest.raises(UserError, match=r"beam\.scratch: cannot write to .*file \(Not a directory\)"),
        open_exchange(BeamConfig(scratch=str(tmp_path / "file"))),
    ):
        pass

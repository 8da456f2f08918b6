"""`kill -9` in every stage, at its start, in the middle and around its publication, and two runs at once.

Every kill hits the runner or the worker of a real run in a process of its own. After each one, every directory that is
visible must hold exactly what the stage writes, and what the store calls complete must be there; the next run goes on,
into the next kill. At the end of a series an undisturbed run completes, and nothing is left over.

- series: a chain of eleven light stages, every stage x {start, write, publish, published} x {runner, worker};
- random: light stages side by side in two workers, the runner killed after a random time;
- concurrent: two runs begin on one root at the same moment and wait for each other; both must complete, and every stage
  must have been executed once;
- real: the starter's eleven stages with a tiny encoder, killed in the same way (`--real`); every directory that is
  visible at the end must be recorded and hold what its record says, and the data stages' artifacts must equal those of
  an undisturbed run to the byte.

    python -m tests.benchmarks.crash_matrix [--stores sqlite postgresql] [--random 40] [--concurrent 50] [--real]
"""

import argparse
import contextlib
import itertools
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from components.core.filesystem import content_digest
from pipeline.artifact_storage import ArtifactStorage
from pipeline.graph import Graph
from pipeline.local_runner import LocalRunner, RunResult
from pipeline.metadata.location import open_store_to_run
from pipeline.metadata.records import State
from pipeline.running.runner_config import IN_PROCESS, RunnerConfig
from tests.components.toy_corpus import toy_rows
from tests.killing import watch_workers
from tests.pipeline.light_stages import COUNT, LightConfig, chain, diamond

EVENTS = ("start", "write", "publish", "published")
VICTIMS = ("runner", "worker")
FILES = 4

REAL_OUTPUTS = (
    "examples",
    "statistics",
    "schema",
    "anomalies",
    "transformed",
    "transform_graph",
    "model",
    "evaluation",
    "blessing",
    "export",
    "export",
    "blessing",
    "pushed",
)
"""Of the stages in their order: an Evaluator and an InfraValidator bless, and there are two exporters."""


@dataclass
class Tally:
    """What was done and what was wrong."""

    kills: int = 0
    survived: int = 0
    runs: int = 0
    directories: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        for name in ("kills", "survived", "runs", "directories"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.wrong += other.wrong

    def __str__(self) -> str:
        return (
            f"{self.kills} kills, {self.survived} times too late to kill, {self.runs} runs to the end, "
            f"{self.directories} visible directories checked, {len(self.wrong)} wrong"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stores", nargs="+", choices=["sqlite", "postgresql"], default=["sqlite"])
    parser.add_argument("--stages", type=int, default=COUNT, help="length of the chain; 0 for no series")
    parser.add_argument("--random", type=int, default=40, help="kills at a random time, per store")
    parser.add_argument("--concurrent", type=int, default=50, help="pairs of runs at once, per store")
    parser.add_argument("--real", action="store_true", help="real stages, too: slow")
    arguments = parser.parse_args()
    total = Tally()
    for kind in arguments.stores:
        for name, tally in measure(kind, arguments):
            print(f"{kind:<10} {name:<10} {tally}", flush=True)
            total.add(tally)
    print(f"{'all':<21} {total}")
    print("\n".join(total.wrong))
    sys.exit(1 if total.wrong else 0)


def measure(kind: str, arguments: argparse.Namespace) -> Iterator[tuple[str, Tally]]:
    with serving(kind) as url, tempfile.TemporaryDirectory(prefix="crash-matrix-") as scratch:
        directory = Path(scratch)
        for victim in VICTIMS if arguments.stages else ():
            yield f"{victim}s", kill_series(directory / victim, url, victim, arguments.stages)
        if arguments.random:
            yield "random", kill_at_random(directory / "random", url, arguments.random)
        if arguments.concurrent:
            yield "concurrent", run_at_once(directory / "concurrent", url, arguments.concurrent)
        if arguments.real:
            yield "real", kill_real_stages(directory / "real", url)


@contextlib.contextmanager
def serving(kind: str) -> Iterator[str | None]:
    """URL of an empty database; None for a file in each root."""
    if kind == "sqlite":
        yield None
        return
    from tests.pipeline.metadata.database_servers import postgres_server

    with postgres_server() as url:
        yield url


def light_graph(shape: str, stages: int) -> Graph:
    config = LightConfig(files=FILES, seconds=0.05 if shape == "diamond" else 0.0)
    configs = {f"stage_{number}": config for number in range(COUNT)}
    return diamond(**configs) if shape == "diamond" else chain(stages, **configs)


def run_light(
    root: Path, url: str | None, shape: str, stages: int, settings: RunnerConfig = IN_PROCESS
) -> RunResult:
    storage = ArtifactStorage(str(root))
    storage.prepare()
    store = open_store_to_run(storage.work_dir, storage.root, url)
    try:
        runner = LocalRunner(storage, store, settings=settings, wait=True)
        return runner.run(light_graph(shape, stages), pipeline="light", config="{}")
    finally:
        store.close()


class Child:
    """A run in a process of its own: a fork of this one, which has imported everything already."""

    def __init__(
        self,
        root: Path,
        url: str | None,
        *,
        shape: str = "chain",
        stages: int = COUNT,
        workers: int = 1,
        moment: tuple[str, str, str, int] | None = None,
    ) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self._told = root.with_suffix(f".{next(_numbers)}")

        def run() -> None:
            os.dup2(os.open(self._told, os.O_WRONLY | os.O_CREAT), 2)
            if moment is not None:
                watch_workers(*moment)
            run_light(root, url, shape, stages, RunnerConfig(workers=workers))

        self._process = multiprocessing.get_context("fork").Process(target=run)
        self._process.start()

    def wait(self, timeout_s: float = 300.0) -> int:
        """Its exit code.

        Raises:
            TimeoutError: it takes longer, and is killed: that must not pass for the kill which is waited for.
        """
        self._process.join(timeout_s)
        if self._process.is_alive():
            self.kill_after(0.0)
            raise TimeoutError(f"a run has not ended after {timeout_s:g} s: {self.told()}")
        assert self._process.exitcode is not None
        return self._process.exitcode

    def kill_after(self, seconds: float) -> int:
        """Its exit code, by SIGKILL if it has not ended by then."""
        self._process.join(seconds)
        self._process.kill()
        self._process.join()
        assert self._process.exitcode is not None
        return self._process.exitcode

    def told(self) -> str:
        """The end of what it wrote to stderr."""
        return self._told.read_text(errors="replace")[-500:]


_numbers = itertools.count()


def kill_series(root: Path, url: str | None, victim: str, stages: int) -> Tally:
    """In every stage at every moment, one kill a run."""
    tally = Tally()
    expected = expected_digests(root.parent / "expected", "chain", stages)
    for stage in range(stages):
        for event in EVENTS:
            number = {"write": FILES // 2}.get(event, 1)
            if event == "start" and stage > 0:
                # What was killed last is executed first, and to its end.
                number = 2
            child = Child(root, url, stages=stages, moment=(victim, "made", event, number))
            code = child.wait()
            as_meant = code == (-signal.SIGKILL if victim == "runner" else 1)
            tally.kills += as_meant
            if not as_meant:
                tally.wrong.append(f"{victim} {event} stage {stage}: exit {code}: {child.told()}")
            check(tally, root, expected)
    return finish(tally, root, url, "chain", stages, expected)


def kill_at_random(root: Path, url: str | None, kills: int) -> Tally:
    """Each time in a root of its own once a run has come to its end."""
    tally, chance, series = Tally(), random.Random(0), 0
    expected = expected_digests(root.parent / "expected-diamond", "diamond", 4)
    began = time.monotonic()
    Child(root / "undisturbed", url, shape="diamond", workers=2).wait()
    longest_s = 1.2 * (time.monotonic() - began)
    while tally.kills < kills:
        place = root / str(series)
        code = Child(place, url, shape="diamond", workers=2).kill_after(chance.uniform(0.1, longest_s))
        tally.kills += code == -signal.SIGKILL
        if code == 0:
            tally.survived += 1
            series += 1
        check(tally, place, expected)
    return finish(tally, place, url, "diamond", 4, expected)


def run_at_once(root: Path, url: str | None, pairs: int) -> Tally:
    """Two runs on one root: one does the work, the other finds it done."""
    tally = Tally()
    expected = expected_digests(root.parent / "expected-diamond", "diamond", 4)
    for pair in range(pairs):
        place = root / str(pair)
        for child in [Child(place, url, shape="diamond") for _ in range(2)]:
            code = child.wait()
            tally.runs += code == 0
            if code != 0:
                tally.wrong.append(f"pair {pair}: exit {code}: {child.told()}")
        check(tally, place, expected)
        published = len(list(place.glob("stage_*/made/*")))
        if published != len(expected):
            tally.wrong.append(f"pair {pair}: {published} directories for {len(expected)} stages")
    return tally


def expected_digests(root: Path, shape: str, stages: int) -> dict[str, str]:
    """Of every stage's output, as an undisturbed run in this process writes it."""
    result = run_light(root, None, shape, stages)
    return {name: stage.digests["made"] for name, stage in result.stages.items()}


def check(tally: Tally, root: Path, expected: dict[str, str]) -> None:
    """Every directory that is visible is whole."""
    for directory in root.glob("stage_*/made/*"):
        tally.directories += 1
        if content_digest(str(directory)) != expected[directory.parts[-3]]:
            tally.wrong.append(f"{directory} is not what its stage writes")


def finish(
    tally: Tally, root: Path, url: str | None, shape: str, stages: int, expected: dict[str, str]
) -> Tally:
    """An undisturbed run: it completes, all is as it should be, and nothing is left over."""
    result = run_light(root, url, shape, stages)
    tally.runs += 1
    if {name: stage.digests["made"] for name, stage in result.stages.items()} != expected:
        tally.wrong.append(f"{root}: the last run does not equal an undisturbed one")
    check(tally, root, expected)
    if list((root / ".staging").glob("*")):
        tally.wrong.append(f"{root}: staging is not empty")
    published = {str(path) for path in root.glob("stage_*/made/*")}
    recorded = {str(stage.outputs["made"].path) for stage in result.stages.values()}
    if not recorded <= published or result.state is not State.COMPLETE:
        tally.wrong.append(f"{root}: {recorded - published} are recorded but not there")
    if published - recorded:
        tally.wrong.append(f"{root}: {published - recorded} are there but not recorded")
    return tally


def kill_real_stages(root: Path, url: str | None) -> Tally:
    """The real pipeline, `emotion run`, with a tiny encoder: every output x {start, write, publish}."""
    root.mkdir()
    write_real_configs(root, url)
    tally = Tally()
    for position, output in enumerate(REAL_OUTPUTS):
        for turn, event in enumerate(("start", "write", "publish")):
            victim = VICTIMS[(position + turn) % 2]
            # The first exporter, killed while it published, begins once more before the second one does.
            number = 2 if event == "start" and output == REAL_OUTPUTS[position - 1] else 1
            moment = (victim, output, event, str(number))
            done = emotion(root, "-m", "tests.killing", *moment, "run", "killed.yaml")
            by_signal = done.returncode == 1 and "its process was killed by" in done.stderr
            as_meant = by_signal if victim == "worker" else done.returncode == -signal.SIGKILL
            tally.kills += as_meant
            print(f"  {' '.join(moment)}: {'killed' if as_meant else 'NOT AS MEANT'}", flush=True)
            if not as_meant:
                tally.wrong.append(f"{' '.join(moment)}: exit {done.returncode}: {done.stderr[-500:]}")
    return finish_real(tally, root, url)


def finish_real(tally: Tally, root: Path, url: str | None) -> Tally:
    """The killed root's last run and another root's only one: what is there, what is recorded, what is pushed."""
    data, pushed = {}, {}
    for name in ("killed", "undisturbed"):
        done = emotion(root, "-c", "from pipeline.cli import main; main()", "run", f"{name}.yaml")
        tally.runs += done.returncode == 0
        if done.returncode != 0:
            tally.wrong.append(f"{name}: exit {done.returncode}: {done.stderr[-500:]}")
        visible = visible_digests(root / name)
        recorded = recorded_digests(root / name, url)
        tally.directories += len(visible)
        if visible != recorded:
            tally.wrong.append(f"{name}: visible and recorded differ: {visible.items() ^ recorded.items()}")
        data[name] = {
            path.split("/")[-2]: digest
            for path, digest in visible.items()
            if path.split("/")[-2] in REAL_OUTPUTS[:6]
        }
        pushed[name] = [
            path.relative_to(root / f"models-{name}") for path in sorted(root.glob(f"models-{name}/*/*/"))
        ]
    for what in (data, pushed):
        if what["killed"] != what["undisturbed"]:
            tally.wrong.append(f"the killed run's end is not that of an undisturbed one: {what}")
    return tally


def write_real_configs(root: Path, url: str | None) -> None:
    rows = [json.dumps(row) for row in toy_rows(300, seed=1)]
    (root / "texts.jsonl").write_text("\n".join(rows) + "\n")
    document = {
        "name": "killed",
        "example_gen": {"source": "texts.jsonl", "columns": {"id": "id"}},
        "transform": {"encoder": "tiny-random", "max_tokens": 32},
        "trainer": {"epochs": 1, "batch_size": 32},
        "evaluator": {"thresholds": {"macro_f1": 0.0}, "bootstrap_resamples": 100},
        "infra_validator": {"rows": 40},
    }
    if url is not None:
        document["metadata"] = url
    for name in ("killed", "undisturbed"):
        own = {"root": name, "pusher": {"destination": f"models-{name}"}}
        (root / f"{name}.yaml").write_text(yaml.safe_dump({**document, **own}))


def visible_digests(root: Path) -> dict[str, str]:
    """Of every artifact's directory, by its path in the root."""
    found = (path for path in root.glob("[!.]*/*/*") if path.is_dir() and path.name.isdecimal())
    return {str(path.relative_to(root)): content_digest(str(path)) for path in found}


def recorded_digests(root: Path, url: str | None) -> dict[str, str]:
    """Of every artifact that the store calls live."""
    store = open_store_to_run(root, str(root), url)
    try:
        return {record.name: record.digest for record in store.artifacts(limit=None)}
    finally:
        store.close()


def emotion(directory: Path, *program: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, *program],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )


if __name__ == "__main__":
    main()

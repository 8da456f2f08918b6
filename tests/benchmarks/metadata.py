"""How long `emotion inspect runs` and `emotion --help` take, start of the process included, and a check of artifacts.

The store has 10,000 executions of 910 runs with the configuration, the key and the artifacts that a run has: in SQLite,
and in PostgreSQL where its server is installed. Commands take turns, each in a process of its own; the least time is
what they take on a machine that does nothing else, the median what they took on this one. The artifact check is told
for a directory of 256 MiB: as a run does it, and by reading.

    python -m tests.benchmarks.metadata [--executions 10000] [--repeats 7]
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from components.core.filesystem import content_digest
from pipeline.config import parse_config
from pipeline.emotion import build_graph
from pipeline.integrity import VerifiedDirectories
from pipeline.metadata.location import open_store_to_run
from pipeline.metadata.records import State
from tests.pipeline.metadata.database_servers import find_postgres, postgres_server

STAGES = tuple(
    build_graph(parse_config({"name": "bench", "example_gen": {"source": "/data/texts.csv"}})).nodes
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--executions", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, databases() as urls:
        commands = {"emotion --help": ["--help"]}
        for name, url in urls.items():
            work_dir = Path(directory) / name
            work_dir.mkdir()
            fill(work_dir, url, arguments.executions)
            commands[f"emotion inspect runs, {name}"] = ["inspect", "runs", "--root", str(work_dir)]
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(arguments.repeats):
            for name, words in commands.items():
                times[name].append(seconds(lambda words=words: emotion(words)))
        print(f"{arguments.executions:,} executions, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        for name, taken in times.items():
            print(f"{name:<36} least {min(taken):.2f} s, median {statistics.median(taken):.2f} s")
        check_artifact(Path(directory))


@contextlib.contextmanager
def databases() -> Iterator[dict[str, str | None]]:
    if find_postgres() is None:
        print("no PostgreSQL server is installed: SQLite alone")
        yield {"SQLite": None}
        return
    with postgres_server() as url:
        yield {"SQLite": None, "PostgreSQL": url}


def fill(work_dir: Path, url: str | None, executions: int) -> None:
    config = parse_config({"name": "bench", "example_gen": {"source": "/data/texts.csv"}}).model_dump_json()
    store = open_store_to_run(work_dir, str(work_dir), url)
    parts = {f"config setting_{number}": json.dumps("a value of usual length") for number in range(60)}
    modules = {f"code components/module_{number}.py": "0123456789abcdef" for number in range(80)}
    for number in range(executions):
        stage = STAGES[number % len(STAGES)]
        if number % len(STAGES) == 0:
            run, before = store.start_run("bench", config), {}
        key = f"{number:064x}"
        execution = store.start_execution(
            run, stage, key, {"code": f"{number % 97}", **modules, **parts}, before
        )
        before = store.complete_execution(
            execution,
            outputs={"output": ("Model", f"{work_dir}/{stage}/output/{execution}", key, None)},
            summary={"macro_f1": 0.6597, "blessed": True, "rows": number},
            seconds=12.5,
            peak_memory_mib=900.0,
            resources={"cpu_seconds": 20.0},
        )
        if (number + 1) % len(STAGES) == 0:
            store.finish_run(run, State.COMPLETE)
    store.close()


def emotion(words: list[str]) -> None:
    program = "from pipeline.cli import main; main()"
    subprocess.run([sys.executable, "-c", program, *words], check=True, stdout=subprocess.DEVNULL)


def check_artifact(directory: Path) -> None:
    artifact = directory / "artifact"
    artifact.mkdir()
    for number in range(16):
        (artifact / f"part-{number}").write_bytes(os.urandom(16 << 20))
    digest = content_digest(str(artifact))
    verified = VerifiedDirectories(directory / "verified")
    verified.remember(artifact)
    looked = min(seconds(lambda: verified.holds(artifact, digest)) for _ in range(20))
    read = min(seconds(lambda: content_digest(str(artifact))) for _ in range(3))
    print(
        f"check of an artifact of 256 MiB      by looks {1e3 * looked:.2f} ms, by reading {1e3 * read:.0f} ms"
    )


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()

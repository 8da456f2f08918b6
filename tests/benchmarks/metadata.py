"""How long `emotion inspect runs` and `emotion --help` take, start of the process included, and a check of artifacts.

The store has 10,000 executions of 910 runs with what they read and gave, in SQLite and, where its server is installed,
in PostgreSQL. Commands take turns, each in a process of its own; the least time is nearest to that of a machine that
does nothing else, and no less than the CPU time. The artifact check is told for a directory of 256 MiB: as a run does
it, and by reading.

    python -m tests.benchmarks.metadata [--executions 10000] [--repeats 7]
"""

import argparse
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import sqlalchemy as sa

from components.core.filesystem import content_digest
from pipeline.config import parse_config
from pipeline.emotion import build_graph
from pipeline.integrity import VerifiedDirectories
from pipeline.metadata import tables
from pipeline.metadata.location import STORE_FILE, open_store_to_run
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
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for _ in range(arguments.repeats):
            for name, words in commands.items():
                times[name].append(emotion(words))
        print(f"{arguments.executions:,} executions, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        for name, taken in times.items():
            wall, cpu = zip(*taken, strict=True)
            told = f"least {min(wall):.2f} s, median {statistics.median(wall):.2f} s, CPU {min(cpu):.2f} s"
            print(f"{name:<36} {told}")
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
    open_store_to_run(work_dir, str(work_dir), url).close()
    parts = {f"config setting_{number}": json.dumps("a value of usual length") for number in range(60)}
    root = "" if url is None else str(work_dir)
    numbers = range(1, executions + 1)
    engine = sa.create_engine(
        f"sqlite:///{work_dir / STORE_FILE}"
        if url is None
        else url.replace("postgresql:", "postgresql+psycopg:")
    )
    with engine.begin() as connection:
        count = len(STAGES)
        run = {"pipeline": "bench", "state": "COMPLETE", "config": config, "root": root}
        run |= {"started_at": "2026-11-26T01:00:00+00:00", "finished_at": "2026-11-26T01:10:00+00:00"}
        runs = [{"id": number, **run} for number in range(1, executions // count + 2)]
        connection.execute(tables.runs.insert(), runs)
        execution = {"state": "COMPLETE", "fingerprint_parts": json.dumps(parts), "seconds": 12.5}
        execution |= {"started_at": run["started_at"], "resources": {"cpu_seconds": 20.0}}
        execution |= {"summary": json.dumps({"macro_f1": 0.6597, "blessed": True, "rows": 43410})}
        stages = [
            {"id": number, "run_id": 1 + (number - 1) // count, "stage": STAGES[(number - 1) % count]}
            for number in numbers
        ]
        connection.execute(
            tables.executions.insert(),
            [{**stage, **execution, "fingerprint": f"{stage['id']:064x}"} for stage in stages],
        )
        artifact = {"type": "Model", "created_at": run["started_at"], "state": "LIVE"}
        connection.execute(
            tables.artifacts.insert(),
            [{"id": n, "uri": f"{work_dir}/{n}", "digest": f"{n:064x}", **artifact} for n in numbers],
        )
        events = [(number, number, "output") for number in numbers]
        events += [(number, number - 1, "input") for number in numbers if (number - 1) % count]
        keys = ("execution_id", "artifact_id", "kind")
        connection.execute(
            tables.events.insert(),
            [{**dict(zip(keys, event, strict=True)), "name": "data"} for event in events],
        )
    engine.dispose()


def emotion(words: list[str]) -> tuple[float, float]:
    """Runs the command in a process of its own; returns its wall and its CPU seconds."""
    program = "from pipeline.cli import main; main()"
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program, *words], check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


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

"""Reads damaged source files of all formats: rows, broken rows or one clear error are allowed, and nothing else.

    python -m tests.benchmarks.fuzz_sources [--cases 100000] [--seed 0] [--whole-stage-every 500]

Every case depends on its number alone; what fails is printed with it. Cases run in a process of their own, a few
thousand at a time, so that a crash of a native library is found, too. One in so many runs through all of ExampleGen.
"""

import argparse
import faulthandler
import json
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from random import Random

from components.core.errors import UserError
from tests.components.data.sources.mutations import Case, make_case, read_case
from tests.components.data_stages import generate

BATCH = 5000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0, help="number of the first case")
    parser.add_argument("--whole-stage-every", type=int, default=500)
    parser.add_argument("--batch", type=int, nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.batch is not None:
        run_batch(*arguments.batch, arguments.whole_stage_every)
        return
    started = time.perf_counter()
    counts: Counter[str] = Counter()
    end = arguments.seed + arguments.cases
    for begin in range(arguments.seed, end, BATCH):
        counts += run_process(begin, min(BATCH, end - begin), arguments.whole_stage_every)
        print(f"{begin - arguments.seed + BATCH:>8,} cases: {dict(sorted(counts.items()))}", flush=True)
    print(
        f"{arguments.cases:,} cases in {time.perf_counter() - started:.0f} s, {counts['uncaught']} uncaught"
    )
    sys.exit(bool(counts["uncaught"]))


def run_process(begin: int, size: int, every: int) -> Counter[str]:
    command = [sys.executable, "-m", "tests.benchmarks.fuzz_sources", "--batch", str(begin), str(size)]
    done = subprocess.run([*command, "--whole-stage-every", str(every)], stdout=subprocess.PIPE, check=False)
    lines = done.stdout.decode().splitlines()
    if done.returncode == 0:
        return Counter(json.loads(lines[-1]))
    print(f"the process of cases {begin} to {begin + size - 1} died ({done.returncode}) at case {lines[-1]}")
    return Counter(uncaught=1)


def run_batch(begin: int, size: int, every: int) -> None:
    faulthandler.enable()
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(begin, begin + size):
            print(number, flush=True)
            case = make_case(Random(number))
            counts[attempt(number, lambda case=case: read_case(case, Path(scratch)))] += 1
            if number % every == 0:
                counts[attempt(number, lambda case=case: run_stage(case))] += 1
    print(json.dumps(counts))


def attempt(number, run) -> str:
    try:
        return run()
    except Exception:
        print(f"case {number}: {traceback.format_exc()}", file=sys.stderr)
        return "uncaught"


def run_stage(case: Case) -> str:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / case.name
        path.write_bytes(case.content)
        header = case.dialect.names is None
        settings = {
            "delimiter": case.dialect.delimiter,
            "quoting": case.dialect.quoting,
            "header": header,
            "names": case.dialect.names or (),
            "encoding": case.dialect.encoding,
            "max_dead_letter_share": 1.0,
        }
        try:
            generate(Path(scratch), source=str(path), **settings)
        except UserError:
            return "whole stage: error"
        return "whole stage: examples"


if __name__ == "__main__":
    main()

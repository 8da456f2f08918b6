"""Opens damaged .tflite files as `emotion inspect` and `emotion predict` do: an answer or one clear error, no crash.

    python -m tests.benchmarks.fuzz_tflite [--cases 100000] [--seed 0]

Every case depends on its number alone. Each is read in the calling process, then asked texts through `TextClassifier`.
The classifier's child process is forked here instead of started anew, as a start takes most of a second; all else is
what ships. Cases run a few thousand at a time in a process of their own, whose death would be reported.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

from pipeline.commands.tflite_view import tflite_document
from tests.tflite.mutations import Base, mutant
from tflite import isolated_worker, isolation
from tflite.errors import MetadataError, TFLiteError
from tflite.interpreter import TextClassifier

BATCH = 5000
TIMEOUT_S = 3.0
TEXT = "Café — I am so happy, thank you! " * 3


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0, help="number of the first case")
    parser.add_argument("--bases", type=Path, help="directory of good files; toy models if not given")
    parser.add_argument("--batch", type=int, nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.batch is not None:
        run_batch(*arguments.batch, sorted(arguments.bases.glob("*.tflite")))
        return
    with tempfile.TemporaryDirectory() as scratch:
        if arguments.bases is None:
            arguments.bases = Path(scratch)
            write_bases(arguments.bases)
        counts = run_all(arguments.seed, arguments.cases, arguments.bases)
    sys.exit(bool(counts["uncaught"]))


def write_bases(directory: Path) -> None:
    from tests.tflite import toy

    for variant in toy.files():
        (directory / f"{variant}.tflite").write_bytes(toy.complete_file(variant))
    (directory / "int8_text.tflite").write_bytes(toy.complete_file_with_tokenizer())


def run_all(seed: int, cases: int, bases: Path) -> Counter[str]:
    started = time.perf_counter()
    counts: Counter[str] = Counter()
    end = seed + cases
    for begin in range(seed, end, BATCH):
        size = min(BATCH, end - begin)
        counts += run_process(begin, size, bases)
        print(f"{begin - seed + size:>8,} cases: {dict(sorted(counts.items()))}", flush=True)
    print(f"{cases:,} cases in {time.perf_counter() - started:.0f} s, {counts['uncaught']} uncaught")
    return counts


def run_process(begin: int, size: int, bases: Path) -> Counter[str]:
    command = [sys.executable, "-m", "tests.benchmarks.fuzz_tflite", "--batch", str(begin), str(size)]
    done = subprocess.run([*command, "--bases", str(bases)], stdout=subprocess.PIPE, check=False)
    lines = done.stdout.decode().splitlines()
    if done.returncode == 0:
        return Counter(json.loads(lines[-1]))
    print(f"the process of cases {begin} to {begin + size - 1} died ({done.returncode}) at case {lines[-1]}")
    return Counter(uncaught=1)


def run_batch(begin: int, size: int, files: Sequence[Path]) -> None:
    isolation._START_TIMEOUT_S = TIMEOUT_S
    isolation.IsolatedSession.__init__.__kwdefaults__["timeout_s"] = TIMEOUT_S
    isolation.IsolatedSession._start = staticmethod(ForkedWorker)
    bases = [Base(file) for file in files]
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as scratch:
        path = Path(scratch) / "case.tflite"
        for number in range(begin, begin + size):
            print(number, flush=True)
            random = Random(number)
            path.write_bytes(mutant(random.choice(bases), random))
            try:
                counts[outcome(path)] += 1
            except Exception:
                print(f"case {number}: {traceback.format_exc()}", file=sys.stderr)
                counts["uncaught"] += 1
    print(json.dumps(counts))


def outcome(path: Path) -> str:
    """What became of a file."""
    try:
        document = tflite_document(path)
    except TFLiteError:
        return "refused by the reader"
    json.dumps(document)
    try:
        classifier = TextClassifier(path)
        classifier.classify([TEXT, "", "no"])
    except MetadataError:
        return "refused by the reader"
    except TFLiteError as err:
        stopped = "crashes" in str(err) or "does not answer" in str(err)
        return "stopped the child" if stopped else "refused by the runtime"
    classifier.close()
    return "answers"


class ForkedWorker:
    """What `subprocess.Popen` would be of the worker, without the start of an interpreter."""

    def __init__(self, arguments: Sequence[str]) -> None:
        path, threads = arguments
        requests, mine = os.pipe()
        answers, theirs = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            os.dup2(null, 2)
            os.close(mine)
            os.close(answers)
            try:
                with os.fdopen(requests, "rb") as asked, os.fdopen(theirs, "wb") as answered:
                    isolated_worker.serve(Path(path), int(threads), asked, answered)
            finally:
                os._exit(1)
        os.close(requests)
        os.close(theirs)
        self.stdin, self.stdout = os.fdopen(mine, "wb", 0), os.fdopen(answers, "rb", 0)
        self._code: int | None = None

    def kill(self) -> None:
        if self._code is None:
            os.kill(self._pid, 9)

    def wait(self, timeout: float | None = None) -> int:
        if self._code is None:
            self._code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        return self._code


if __name__ == "__main__":
    main()

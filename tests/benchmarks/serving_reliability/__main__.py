"""The embedded server in bad days: twice the load that it can bear, stops, new versions, and hostile requests.

Everything is asked over gRPC by clients in a process of their own; every answer is compared with the one that the
SavedModel gives in this process.

- `overload`: requests come at twice the rate that the server can answer, for `--minutes`. No answer may be wrong, the
  resident memory may not grow by more than 5 % after the first fifth, and refusals must be quick. How many of
  them began while the machine itself was slowed (`tests.benchmarks.machine_speed`) is told, and excuses none.
- `stop`: SIGTERM under load. Each request is answered, or was never accepted.
- `versions`: a new version every ten seconds for half of `--minutes`: every request is answered.
- `corrupt`: damaged versions under load: each is refused, and every request is answered by the one before.
- `disk`: the disk of the request log is full for a while under load: no request is lost, what is not logged is counted,
  and logging goes on when there is room. Needs root, to mount a small disk.
- `clock`: the wall clock jumps a month ahead and two back under load (libfaketime): no request is lost or slow, new
  versions come, and the log keeps its newest files.
- `hostile`: large, broken, packed and stalled requests: each is answered with the right error, and the server stays up.

    EMOTION_SHARED_DATA=DIR python -m tests.benchmarks.serving_reliability [--minutes 10] [--only overload stop …]
"""

import argparse
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tests.benchmarks.serving import export, read_texts
from tests.benchmarks.serving_reliability.clients import ask
from tests.benchmarks.serving_reliability.faults import clock, corrupt, disk
from tests.benchmarks.serving_reliability.hostile import hostile
from tests.benchmarks.serving_reliability.load import overload, stop, versions

_TEXTS = 400

PHASES = {
    "overload": overload,
    "stop": stop,
    "versions": versions,
    "corrupt": corrupt,
    "disk": disk,
    "clock": clock,
    "hostile": hostile,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = Path(os.environ.get("EMOTION_SHARED_DATA", "../shared/data"))
    parser.add_argument("--shared-data", type=Path, default=default)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--only", nargs="+", choices=PHASES, default=list(PHASES))
    parser.add_argument("--model", type=Path, help="base path of a model; MiniLM is exported without")
    parser.add_argument("--ask", action="store_true", help=argparse.SUPPRESS)
    for name, kind in (
        ("port", int),
        ("clients", int),
        ("seconds", float),
        ("rate", float),
        ("expected", Path),
    ):
        parser.add_argument(f"--{name}", type=kind, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.ask:
        ask(arguments)
        return
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        base = scratch / "emotion"
        source = arguments.model or export(scratch / "model")
        newest = max(
            (path for path in source.iterdir() if path.name.isdigit()), key=lambda path: int(path.name)
        )
        shutil.copytree(newest, base / "1")
        expected = scratch / "expected.npz"
        texts = read_texts(arguments.shared_data, _TEXTS)
        np.savez(expected, texts=np.array(texts), scores=_scores(base / "1", texts))
        missed: list[str] = []
        for name in arguments.only:
            missed += PHASES[name](base, expected, scratch, arguments.minutes)
    if missed:
        raise SystemExit("missed: " + "; ".join(missed))


def _scores(version: Path, texts: Sequence[str]) -> np.ndarray:
    from serving.predictor import Predictor

    predictor = Predictor(version)
    try:
        return np.array([answer.scores for answer in predictor.predict(texts)], np.float32)
    finally:
        predictor.close()


if __name__ == "__main__":
    main()

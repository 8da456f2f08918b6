"""What one .tflite file costs where it runs: time and memory, in a process that does nothing else.

python -m tflite.footprint emotion_int8.tflite [--tokens 64] [--repeats 30]
"""

import argparse
import json
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tflite.errors import ModelFileError

__all__ = ["Footprint", "measure_footprint"]

_TIMEOUT_S = 300.0
_KIB_IN_MB = 1024 / 1e6


@dataclass(frozen=True)
class Footprint:
    """Time and memory of one file.

    Attributes:
        latency_ms: median of one inference, one thread, without tokenization.
        peak_rss_mb: by how much loading and running it raised the peak of the process's resident memory, 10^6 bytes.
    """

    latency_ms: float
    peak_rss_mb: float


def measure_footprint(path: Path, *, tokens: int = 64, repeats: int = 30) -> Footprint:
    """Opens the file in a process of its own and runs it.

    Args:
        path: a file with its metadata.
        tokens: length of the texts that are timed.
        repeats: inferences timed.

    Raises:
        ModelFileError: the file does not run there.
    """
    command = [sys.executable, "-m", "tflite.footprint", str(path)]
    command += ["--tokens", str(tokens), "--repeats", str(repeats)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_TIMEOUT_S)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as err:
        last = ((err.stderr or "") if isinstance(err.stderr, str) else "").strip().splitlines()[-1:]
        raise ModelFileError(
            f"{path}: does not run in a process of its own ({' '.join(last) or err})"
        ) from err
    return Footprint(**json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("path", type=Path)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=30)
    arguments = parser.parse_args()
    from tflite.interpreter import TextClassifier

    before = _peak_mb()
    classifier = TextClassifier(arguments.path)
    latency_ms = classifier.median_latency_ms(tokens=arguments.tokens, repeats=arguments.repeats)
    print(json.dumps({"latency_ms": latency_ms, "peak_rss_mb": _peak_mb() - before}))


def _peak_mb() -> float:
    """ru_maxrss is in KiB on Linux, in bytes on macOS."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * _KIB_IN_MB


if __name__ == "__main__":
    main()

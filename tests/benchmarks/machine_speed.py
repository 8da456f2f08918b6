"""How fast the machine itself is, moment by moment, beside what is measured on it.

The host of a virtual machine may slow it down without a word: both CPUs work at a tenth of their speed for a twentieth
of a second, while no clock stands still and no time is reported as stolen. The longest of many short times then say
more of the host than of what was measured.

A process on each CPU does the same small work every few milliseconds, and takes the CPU time that it needs. Waiting for
a CPU does not count in it, cold caches and a busy sibling double it. What takes four times the median was slowed.

    python -m tests.benchmarks.machine_speed [--seconds 30]
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["MachineSpeed", "machine_speed"]

_PAUSE_SECONDS = 0.004
_ADDITIONS = 600
"""Some 50 microseconds of work, so that a probe takes 1 % of its CPU."""
_SLOW = 4.0
_WATCHING = b"watching"


@dataclass
class MachineSpeed:
    """What the probes saw, each on its CPU; empty until they have ended.

    Attributes:
        began: when each piece of work began, in seconds of `time.monotonic`, float64 [pieces].
        seconds: CPU time that it took, float64 [pieces].
    """

    began: list[NDArray[np.float64]] = field(default_factory=list)
    seconds: list[NDArray[np.float64]] = field(default_factory=list)

    @property
    def slow_share(self) -> float:
        """Share of pieces that were slow, of the CPU that had most of them."""
        return max(float(_slow(taken).mean()) for taken in self.seconds)

    def was_slow(self, began: NDArray[np.float64], ended: NDArray[np.float64]) -> NDArray[np.bool_]:
        """For each span of time, whether a piece of work in it, the last before it or the first after it was slow.

        Args:
            began: of the spans, in seconds of `time.monotonic`, float64 [spans].
            ended: of the spans, float64 [spans].
        """
        found = np.zeros(len(began), np.bool_)
        for moments, taken in zip(self.began, self.seconds, strict=True):
            slow = np.concatenate([[0], np.cumsum(_slow(taken))])
            first = np.maximum(np.searchsorted(moments, began) - 1, 0)
            last = np.minimum(np.searchsorted(moments, ended) + 1, len(moments))
            found |= slow[last] > slow[first]
        return found


def _slow(taken: NDArray[np.float64]) -> NDArray[np.bool_]:
    return taken > _SLOW * np.median(taken)


@contextmanager
def machine_speed() -> Iterator[MachineSpeed]:
    """Watches all CPUs of this process from the start of the block; what was seen is there after its end."""
    command = (sys.executable, "-m", "tests.benchmarks.machine_speed", "--cpu")
    probes = [
        subprocess.Popen([*command, str(cpu)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for cpu in sorted(os.sched_getaffinity(0))
    ]
    seen = MachineSpeed()
    try:
        for probe in probes:
            assert probe.stdout is not None
            if probe.stdout.readline().strip() != _WATCHING:
                raise SystemExit("a probe of the machine's speed did not start")
        yield seen
        for probe in probes:
            printed, _ = probe.communicate(timeout=60)  # closes its standard input, which ends it
            began, seconds = json.loads(printed)
            seen.began.append(np.array(began))
            seen.seconds.append(np.array(seconds))
    finally:
        for probe in probes:
            probe.kill()
            probe.wait()


def _probe(cpu: int) -> None:
    os.sched_setaffinity(0, {cpu})
    told = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), told.set()), daemon=True).start()
    began: list[float] = []
    seconds: list[float] = []
    print(_WATCHING.decode(), flush=True)
    while not told.wait(_PAUSE_SECONDS):
        began.append(time.monotonic())
        started = time.thread_time()
        total = 0
        for number in range(_ADDITIONS):
            total += number * number
        seconds.append(time.thread_time() - started)
    print(json.dumps([began, seconds]))


def _describe(seen: MachineSpeed) -> dict[str, Any]:
    return {
        "slow_share": round(seen.slow_share, 4),
        "median, p90, p99, longest (us)": [
            np.round(1e6 * np.quantile(taken, (0.5, 0.9, 0.99, 1.0))).tolist() for taken in seen.seconds
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--cpu", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.cpu is not None:
        _probe(arguments.cpu)
        return
    with machine_speed() as seen:
        time.sleep(arguments.seconds)
    print(json.dumps(_describe(seen)))


if __name__ == "__main__":
    main()

"""How fast the machine itself is, moment by moment, beside what is measured on it.

The host of a virtual machine may slow it down without a word: both CPUs work at a tenth of their speed for a twentieth
of a second, while no clock stands still and no time is reported as stolen. Or it takes a CPU away, which Linux does
report. The longest of many short times then say more of the host than of what was measured.

A process on each CPU does the same small work every few milliseconds, and takes the CPU time that it needs. Waiting for
a CPU does not count in it, cold caches and a busy sibling double it. What takes four times the median was slowed. So
was a piece of work before which the CPU was away, by the time that Linux says was stolen, in hundredths of a second.

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
from pathlib import Path
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
        stolen: how often the CPU had been taken away until then, in units of 10 ms, int64 [pieces].
    """

    began: list[NDArray[np.float64]] = field(default_factory=list)
    seconds: list[NDArray[np.float64]] = field(default_factory=list)
    stolen: list[NDArray[np.int64]] = field(default_factory=list)

    @property
    def slow_share(self) -> float:
        """Share of pieces that were slow, of the CPU that had most of them."""
        return max(float(slow.mean()) for slow in self._slow())

    def was_slow(self, began: NDArray[np.float64], ended: NDArray[np.float64]) -> NDArray[np.bool_]:
        """For each span of time, whether a piece of work in it, the last before it or the first after it was slow.

        Args:
            began: of the spans, in seconds of `time.monotonic`, float64 [spans].
            ended: of the spans, float64 [spans].
        """
        found = np.zeros(len(began), np.bool_)
        for moments, slowed in zip(self.began, self._slow(), strict=True):
            slow = np.concatenate([[0], np.cumsum(slowed)])
            first = np.maximum(np.searchsorted(moments, began) - 1, 0)
            last = np.minimum(np.searchsorted(moments, ended) + 1, len(moments))
            found |= slow[last] > slow[first]
        return found

    def _slow(self) -> list[NDArray[np.bool_]]:
        return [
            (taken > _SLOW * np.median(taken)) | (np.diff(stolen, prepend=stolen[:1]) > 0)
            for taken, stolen in zip(self.seconds, self.stolen, strict=True)
        ]


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
            began, seconds, stolen = json.loads(printed)
            seen.began.append(np.array(began))
            seen.seconds.append(np.array(seconds))
            seen.stolen.append(np.array(stolen))
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
    stolen: list[int] = []
    print(_WATCHING.decode(), flush=True)
    while not told.wait(_PAUSE_SECONDS):
        began.append(time.monotonic())
        started = time.thread_time()
        total = 0
        for number in range(_ADDITIONS):
            total += number * number
        seconds.append(time.thread_time() - started)
        stolen.append(_stolen(cpu))
    print(json.dumps([began, seconds, stolen]))


def _stolen(cpu: int) -> int:
    """Time for which the host has taken a CPU away since the start, in units of 10 ms; see proc_stat(5)."""
    lines = (line.split() for line in Path("/proc/stat").read_text().splitlines())
    return next(int(fields[8]) for fields in lines if fields[0] == f"cpu{cpu}")


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

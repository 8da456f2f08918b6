"""Too many requests, stops and new versions."""

import json
import shutil
import signal
import time
from collections import Counter
from pathlib import Path

import numpy as np

from tests.benchmarks.machine_speed import machine_speed
from tests.benchmarks.serving_reliability.clients import CLIENTS, clients, quantiles_ms
from tests.benchmarks.serving_reliability.server import get, serving

__all__ = ["overload", "stop", "versions"]

MAX_GROWTH = 0.05
MAX_REFUSAL_MS = 50.0

_MAX_IN_FLIGHT = 16


def overload(base: Path, expected: Path, scratch: Path, minutes: float) -> list[str]:
    with serving(base, scratch, f"--max_in_flight={_MAX_IN_FLIGHT}") as server:
        with clients(server, expected, 20) as at_full:
            pass
        capacity = at_full["counts"]["right"] / 20
        memory: list[float] = []
        with (
            machine_speed() as machine,
            clients(server, expected, 60 * minutes, rate=2 * capacity, count=4 * CLIENTS) as found,
        ):
            end = time.monotonic() + 60 * minutes
            while time.monotonic() < end:
                time.sleep(min(5.0, max(0.1, end - time.monotonic())))
                memory.append(server.memory_mib())
        fifth = max(1, len(memory) // 5)
        early, late = np.mean(memory[fifth : 2 * fifth]), np.mean(memory[-fifth:])
        print(
            f"capacity {capacity:.0f} requests/s with {CLIENTS} clients; then twice as many for {minutes:g} min"
        )
        print(f"  {found['counts']}")
        print(
            f"  answered: median, p99, p99.9, longest {found['answered_ms']} ms; refused: {found['refused_ms']} ms"
        )
        print(f"  sent after the scheduled arrival: {found['late_ms']} ms, which the times above leave out")
        began, took = np.array(found["refused"]).reshape(-1, 2).T
        # By when they began alone: the longer one takes, the likelier it meets something.
        slowed = machine.was_slow(began, began)
        print(
            f"  the machine was slowed {machine.slow_share:.1%} of the time: {slowed.sum()} refusals began then, "
            f"{quantiles_ms(took[slowed])} ms; the other {len(took) - slowed.sum()}: {quantiles_ms(took[~slowed])} ms"
        )
        print(f"  memory {early:.0f} MiB early, {late:.0f} MiB at the end ({late / early - 1:+.1%})")
    missed = []
    if found["counts"].get("WRONG") or found["counts"].keys() - {"right", "RESOURCE_EXHAUSTED", "WRONG"}:
        missed.append(f"overload: {found['counts']} {found['details']}")
    if late > (1 + MAX_GROWTH) * early:
        missed.append(f"overload: memory grew from {early:.0f} to {late:.0f} MiB")
    if found["refused_ms"] and found["refused_ms"][-1] > MAX_REFUSAL_MS:
        missed.append(f"overload: a refusal took {found['refused_ms'][-1]} ms")
    return missed


_NEVER_ACCEPTED = ("failed to connect", "shutting down", "Connection refused", "GOAWAY", "connections to all")


def stop(base: Path, expected: Path, scratch: Path, minutes: float) -> list[str]:
    lost: Counter[str] = Counter()
    answered = 0
    for _ in range(3):
        flags = ("--lame_duck_seconds=1", "--grace_seconds=30")
        with serving(base, scratch, *flags) as server, clients(server, expected, 12) as found:
            time.sleep(8)
            server.process.send_signal(signal.SIGTERM)
            code = server.process.wait(60)
        answered += found["counts"].get("right", 0)
        if code:
            lost[f"exit code {code}"] += 1
        for detail, count in found["details"].items():
            if not any(words in detail for words in _NEVER_ACCEPTED):
                lost[detail] += count
        if found["counts"].get("WRONG"):
            lost["wrong answers"] += found["counts"]["WRONG"]
    print(
        f"stop: {answered} requests answered in three runs, accepted ones lost: {sum(lost.values())} {dict(lost)}"
    )
    return [f"stop: {dict(lost)}"] if lost else []


def versions(base: Path, expected: Path, scratch: Path, minutes: float) -> list[str]:
    seconds = 30 * minutes
    with serving(base, scratch, "--file_system_poll_wait_seconds=1") as server:
        newest, began = 1, time.monotonic()
        with clients(server, expected, seconds) as found:
            while time.monotonic() < began + seconds - 10:
                time.sleep(10)
                newest += 1
                shutil.copytree(base / "1", base / f"tmp-{newest}")
                (base / f"tmp-{newest}").rename(base / str(newest))
        served = [
            int(version["version"])
            for version in json.loads(get(server, "/v1/models/emotion")[1])["model_version_status"]
            if version["state"] == "AVAILABLE"
        ]
    for number in range(2, newest + 1):
        shutil.rmtree(base / str(number))
    print(
        f"versions: {newest - 1} new ones in {seconds:.0f} s, {found['counts']}, served at the end: {served}"
    )
    if found["counts"].keys() != {"right"}:
        return [f"versions: {found['counts']} {found['details']}"]
    return [] if max(served) > 2 else [f"versions: {served} is served"]

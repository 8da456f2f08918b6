"""CPUs by affinity and by quota."""

import os
from pathlib import Path

import pytest

from serving.cpus import available_cpus

ALLOWED = 8


@pytest.fixture(autouse=True)
def affinity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(ALLOWED)), raising=False)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("max 100000", ALLOWED),
        ("200000 100000", 2),
        ("250000 100000", 3),
        ("50000 100000", 1),
        ("6400000 100000", ALLOWED),
        ("", ALLOWED),
        ("noise", ALLOWED),
    ],
)
def test_version_2_of_control_groups(tmp_path: Path, written: str, expected: int) -> None:
    (tmp_path / "cpu.max").write_text(written + "\n")
    assert available_cpus(tmp_path) == expected


@pytest.mark.parametrize(("quota", "expected"), [("-1", ALLOWED), ("300000", 3)])
def test_version_1_of_control_groups(tmp_path: Path, quota: str, expected: int) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(quota + "\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert available_cpus(tmp_path) == expected


def test_systems_without_control_groups_or_affinity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert available_cpus(tmp_path) == ALLOWED
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert available_cpus(tmp_path) == 6

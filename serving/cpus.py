"""How many CPUs this process has, also in a container with a limit, which neither Python nor TensorFlow looks at."""

import math
import os
from pathlib import Path

__all__ = ["available_cpus"]

_CGROUPS = Path("/sys/fs/cgroup")


def available_cpus(cgroups: Path = _CGROUPS) -> int:
    """Those that it may run on, or fewer where a quota of time is worth fewer, at least 1.

    More threads than the quota is worth use it up before a period ends, and then all stand still.

    Args:
        cgroups: where Linux keeps the limits of this container (Control Group v2, "CPU Interface Files"; v1, "CFS
            Bandwidth Control").
    """
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cpus, math.ceil(_quota(cgroups))))


def _quota(cgroups: Path) -> float:
    """CPUs that a container's share of time is worth; a very large number without a limit."""
    try:
        quota, period = (cgroups / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota, period = (
                (cgroups / "cpu" / f"cpu.cfs_{name}_us").read_text().strip() for name in ("quota", "period")
            )
        except OSError:
            return _UNLIMITED
    return int(quota) / int(period) if quota.isdigit() and int(period) else _UNLIMITED


_UNLIMITED = 1e9

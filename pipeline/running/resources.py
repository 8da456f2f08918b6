"""What a stage takes of the process that runs it: CPU time, peak of memory, peak of device memory."""

import os
import resource
import sys
from pathlib import Path
from typing import Any

__all__ = ["Meter", "memory_mib"]


class Meter:
    """Measures from its making on; one at a time in a process, as the peak of memory is the whole process's."""

    def __init__(self) -> None:
        self._cpu_s = _cpu_s()
        self._whole_life = not _forget_peak()
        _forget_device_peak()

    def read(self) -> dict[str, float]:
        """`cpu_s` (of the process and of the children that ended), `peak_memory_mib` (resident; of the process's whole
        life where the kernel cannot reset it) and, where TensorFlow sees GPUs, `gpus` (how many) and
        `peak_device_memory_mib` (of all)."""
        peak = _life_peak_mib() if self._whole_life else memory_mib(os.getpid(), peak=True)
        return {
            "cpu_s": _cpu_s() - self._cpu_s,
            "peak_memory_mib": peak or _life_peak_mib(),
            **_device_figures(),
        }


def memory_mib(process: int, *, peak: bool = False) -> float | None:
    """Resident memory of a process, MiB, now or at its highest; None if it cannot be read."""
    field = "VmHWM:" if peak else "VmRSS:"
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    except OSError:
        return None
    line = next((line for line in status.splitlines() if line.startswith(field)), None)
    return None if line is None else int(line.split()[1]) / 1024


def _forget_peak() -> bool:
    """Sets the process's VmHWM to what it holds now (proc(5), clear_refs); returns whether the kernel could."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    except OSError:
        return False
    return True


def _life_peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _cpu_s() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _gpus() -> tuple[Any, list[str]]:
    """TensorFlow and the names of its GPUs, if a stage has loaded it; nothing is imported for a figure."""
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is None or not hasattr(tensorflow, "config"):
        return None, []
    return tensorflow, [
        f"GPU:{number}" for number in range(len(tensorflow.config.list_physical_devices("GPU")))
    ]


def _forget_device_peak() -> None:
    tensorflow, devices = _gpus()
    for device in devices:
        tensorflow.config.experimental.reset_memory_stats(device)


def _device_figures() -> dict[str, float]:
    tensorflow, devices = _gpus()
    if not devices:
        return {}
    usage = (tensorflow.config.experimental.get_memory_info(device)["peak"] for device in devices)
    return {"gpus": len(devices), "peak_device_memory_mib": sum(usage) / 2**20}

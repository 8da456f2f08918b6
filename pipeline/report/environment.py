"""What a run was made with: versions, machine, and the commit of the directory that it was started in."""

import os
import platform
import subprocess
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

__all__ = ["environment"]

_PACKAGES = (
    "emotion-pipeline",
    "tensorflow",
    "tensorflow-text",
    "keras",
    "keras-hub",
    "ai-edge-litert",
    "apache-beam",
    "tensorflow-metadata",
    "numpy",
    "protobuf",
)


def environment(gpus: int | None) -> dict[str, str]:
    """By name, in the order in which a person reads it; `gpus` is how many the stages had, if that is known."""
    machine = {**dict(_machine()), **({} if gpus is None else {"GPU": str(gpus) if gpus else "none"})}
    return {"Python": platform.python_version(), **dict(_versions()), **machine, **dict(_commit())}


def _versions() -> Iterator[tuple[str, str]]:
    for package in _PACKAGES:
        try:
            yield package, metadata.version(package)
        except metadata.PackageNotFoundError:
            continue


def _machine() -> Iterator[tuple[str, str]]:
    yield "Machine", f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPU cores"
    model = _processor()
    if model:
        yield "Processor", model
    if "SC_PHYS_PAGES" in os.sysconf_names:
        yield "Memory", f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.1f} GiB"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _commit() -> Iterator[tuple[str, str]]:
    try:
        described = subprocess.run(
            ("git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"),
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return
    yield "Git commit", described.stdout.strip().replace("-dirty", ", with changes")

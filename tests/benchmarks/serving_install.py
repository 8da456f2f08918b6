"""From `pip install emotion-pipeline[serving]` to the first answer, in an environment that holds nothing else.

Builds the wheel, installs it at the versions of requirements.lock into a new virtual environment, starts the server
there over MiniLM, and asks over REST until it answers. Prints how many packages there are, which of those that only
training needs, and the seconds of wall clock and of CPU from the start of the process to the first answer: of the first
start, and of the best of three.

    python -m tests.benchmarks.serving_install
"""

import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.serving import export
from tests.ports import free_port

MAX_SECONDS = 10.0
MAX_PACKAGES = 60

_ROOT = Path(__file__).parents[2]
_NEVER = {"apache-beam", "keras-hub", "pyarrow", "sqlalchemy"}
"""Distributions that must not be there."""
_NOT_IMPORTED = {"apache_beam", "keras", "keras_hub"}


def main() -> None:
    missed: list[str] = []
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        base = export(scratch / "models")
        python = install(build(scratch), scratch)
        packages = installed(python)
        print(f"{len(packages)} packages; of those for training: {sorted(_NEVER & packages) or 'none'}")
        if _NEVER & packages or len(packages) > MAX_PACKAGES:
            missed.append(f"{len(packages)} packages, {sorted(_NEVER & packages)}")
        print(f"load average {os.getloadavg()[0]:.1f} on {len(os.sched_getaffinity(0))} CPUs")
        starts = [first_answer(python, base) for _ in range(3)]
        for name, (wall, cpu) in (("first start", starts[0]), ("best of three", min(starts))):
            print(f"{name}: {wall:.1f} s to the first answer, {cpu:.1f} s of CPU")
        if min(starts)[0] > MAX_SECONDS:
            missed.append(f"{min(starts)[0]:.1f} s to the first answer")
        loaded = imported(python, base)
        print(f"loaded of {sorted(_NOT_IMPORTED)}: {sorted(_NOT_IMPORTED & loaded) or 'none'}")
        if _NOT_IMPORTED & loaded:
            missed.append(f"{sorted(_NOT_IMPORTED & loaded)} are imported")
    if missed:
        raise SystemExit("missed: " + "; ".join(missed))


def build(scratch: Path) -> Path:
    """The wheel, of a copy of the sources: setuptools leaves its traces beside them."""
    sources = scratch / "sources"
    for name in ("pipeline", "components", "serving", "tflite"):
        shutil.copytree(_ROOT / name, sources / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(_ROOT / name, sources)
    _pip(
        Path(sys.executable),
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        str(scratch),
        str(sources),
    )
    (wheel,) = scratch.glob("*.whl")
    return wheel


def install(wheel: Path, scratch: Path) -> Path:
    """The Python of a new environment with the wheel and its extra `serving`."""
    subprocess.run([sys.executable, "-m", "venv", str(scratch / "venv")], check=True)
    python = scratch / "venv" / "bin" / "python"
    constraints = scratch / "constraints.txt"
    pins = re.findall(r"^[\w.-]+==[^\\\n]+", (_ROOT / "requirements.lock").read_text(), re.MULTILINE)
    constraints.write_text("\n".join(pins))
    started = time.perf_counter()
    _pip(python, "install", "--constraint", str(constraints), f"{wheel}[serving]")
    print(f"installed in {time.perf_counter() - started:.0f} s, with what pip has in its cache")
    return python


def _pip(python: Path, command: str, *arguments: str) -> None:
    options = ("--quiet", "--disable-pip-version-check")
    subprocess.run([str(python), "-m", "pip", command, *options, *arguments], check=True)


def installed(python: Path) -> set[str]:
    """Names of the distributions beside our own and what every environment has."""
    listed = subprocess.run(
        [str(python), "-m", "pip", "list", "--disable-pip-version-check", "--format=json"],
        check=True,
        stdout=subprocess.PIPE,
    )
    names = {one["name"].lower().replace("_", "-") for one in json.loads(listed.stdout)}
    return names - {"pip", "setuptools", "emotion-pipeline"}


def first_answer(python: Path, base: Path) -> tuple[float, float]:
    """Seconds from the start of the process to its first answer: of wall clock, and of its CPU."""
    port = free_port()
    started = time.perf_counter()
    process = subprocess.Popen(
        _command(python, base, port),
        cwd=base,
        env=_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not _answers(port):
            if process.poll() is not None:
                raise SystemExit(f"the server ended with {process.returncode}")
            time.sleep(0.02)
        wall = time.perf_counter() - started
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        return wall, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    finally:
        process.terminate()
        process.wait(60)


def imported(python: Path, base: Path) -> set[str]:
    """The packages that a server loads until it answers."""
    port = free_port()
    command = _command(python, base, port, "-X", "importtime")
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            command, cwd=base, env=_environment(), stdout=subprocess.DEVNULL, stderr=log
        )
        try:
            while not _answers(port) and process.poll() is None:
                time.sleep(0.1)
        finally:
            process.terminate()
            process.wait(60)
        log.seek(0)
        return {
            line.rpartition("|")[2].strip().partition(".")[0]
            for line in log
            if line.startswith("import time:")
        }


def _command(python: Path, base: Path, port: int, *options: str) -> Sequence[str]:
    flags = (f"--model_base_path={base}", f"--rest_api_port={port}", f"--port={free_port()}")
    return [str(python), *options, "-m", "serving", *flags, "--host=127.0.0.1", "--lame_duck_seconds=0"]


def _environment() -> dict[str, str]:
    """Without what would show the environment our own sources."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(
            "POST", "/v1/models/default:predict", json.dumps({"instances": ["What a lovely day!"]})
        )
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    main()

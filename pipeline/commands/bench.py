"""`emotion bench`: how fast a .tflite file answers on this machine; what is needed to ask a phone."""

import json
from collections.abc import Sequence
from pathlib import Path

from components.core.errors import UserError
from tflite.benchmark import benchmark, lines
from tflite.device_benchmark import write_device_benchmark

__all__ = ["bench_command"]


def bench_command(
    model: Path,
    against: Path | None,
    *,
    threads: str,
    lengths: str | None,
    device: Path | None,
    as_json: bool,
) -> None:
    """Measures, or with `device` writes what a phone needs to be measured.

    Raises:
        UserError: an argument is out of range, or `device` exists.
    """
    for file in filter(None, (model, against)):
        if file.is_dir():
            inside = (
                ", ".join(sorted(path.name for path in file.glob("*.tflite"))) or "it holds no .tflite file"
            )
            raise UserError(f"{file}: is a directory; name a file ({inside})")
    wanted = None if lengths is None else _numbers("--lengths", lengths)
    try:
        if device is not None:
            write_device_benchmark(model, device, lengths=wanted)
            print(
                f"{device}: run `{device / 'run.sh'} android_aarch64_benchmark_model` with a phone connected"
            )
            return
        found = benchmark(model, against=against, threads=_numbers("--threads", threads), lengths=wanted)
    except FileExistsError as err:
        raise UserError(f"{device}: exists already; name a new directory") from err
    except ValueError as err:
        raise UserError(str(err)) from err
    print(json.dumps(found, indent=2) if as_json else "\n".join(lines(found)))


def _numbers(option: str, text: str) -> Sequence[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as err:
        raise UserError(f"{option}: expected whole numbers such as 1,2,4; got {text!r}") from err

"""What LiteRT's `benchmark_model` needs to time a text model on a phone: ids that are in the vocabulary, in files.

Left alone, that binary fills integer inputs with random numbers; they lie outside the vocabulary and it crashes.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tflite.benchmark import sentence_ids, wanted_lengths
from tflite.metadata import read_metadata
from tflite.model_file import describe_inputs, map_file
from tflite.text_operators import TEXT_INPUT

__all__ = ["write_device_benchmark"]

_SCRIPT = Path(__file__).with_name("device_benchmark.sh")


def write_device_benchmark(
    model: Path, directory: Path, *, lengths: Sequence[int] | None = None
) -> tuple[Path, ...]:
    """Writes a directory that needs nothing but adb and the binary: the model, inputs by length, and `run.sh`.

    Args:
        model: a .tflite file with metadata.
        directory: to make; it must not exist.
        lengths: as in `tflite.benchmark.benchmark`; a file of fixed length is asked that one.

    Returns:
        the files written.

    Raises:
        ModelFileError, MetadataError: the model cannot be read.
        ValueError: a length is out of range, or the model has the tokenizer inside.
        FileExistsError: `directory` exists.
    """
    spec = read_metadata(model).tokenizer
    wanted = wanted_lengths(spec, lengths)
    with map_file(model) as content:
        inputs = describe_inputs(content)
    names = [tensor.name for tensor in inputs]
    if names == [TEXT_INPUT]:
        raise ValueError(
            "benchmark_model has no operators of TensorFlow Text; name the same variant without _text, whose time "
            "differs by what the tokenizer takes"
        )
    if (fixed := inputs[0].shape[-1]) > 0:
        wanted = [fixed]
    directory.mkdir(parents=True)
    (directory / "inputs").mkdir()
    shutil.copyfile(model, directory / model.name)
    for length in wanted:
        ids = np.asarray(sentence_ids(spec, length), "<i4")
        values = {"ids": ids, "mask": np.ones_like(ids), "segment_ids": np.zeros_like(ids)}
        for name in names:
            (directory / "inputs" / f"{name}.{length}.bin").write_bytes(values[name].tobytes())
    head, rest = _SCRIPT.read_text(encoding="utf-8").split("set -eu\n", 1)
    settings = (
        f"MODEL={_quoted(model.name)}\n"
        f'LENGTHS="{" ".join(map(str, wanted))}"\n'
        f'INPUTS="{" ".join(names)}"  # in the order of the file: benchmark_model maps by position\n'
        f"INPUT_LAYER={','.join(names)}\n"
    )
    script = directory / "run.sh"
    script.write_text(f"{head}set -eu\n\n{settings}{rest}", encoding="utf-8")
    script.chmod(0o755)
    return tuple(sorted(path for path in directory.rglob("*") if path.is_file()))


def _quoted(name: str) -> str:
    return "'" + name.replace("'", "'\\''") + "'"

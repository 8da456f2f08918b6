"""How fast a .tflite file answers on this machine, how it starts, and what memory it takes.

    python -m tflite.benchmark MODEL.tflite [OTHER.tflite|OTHER.onnx] [--threads 1,2,4] [--lengths 8,16,32] [--json]

Needs `ai-edge-litert` and NumPy, nothing else of the project; an ONNX file needs `onnxruntime`, too. The ids are those
of real sentences: a model of words crashes on random ones, and LiteRT's own tool gives it such
(`tflite.device_benchmark`).
"""

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from tflite.errors import ModelFileError, TFLiteError
from tflite.host_tokenizer import HostTokenizer, TokenizerSpec
from tflite.metadata import read_metadata

__all__ = ["LENGTHS", "THREADS", "benchmark", "lines", "sentence_ids", "sentence_text", "wanted_lengths"]

LENGTHS = (8, 16, 32, 64, 128)
"""Tokens."""
THREADS = (1, 2, 4)

_SENTENCES = (
    "I can't believe you did this for me, thank you so much!",
    "We waited for two hours and nobody told us that the train would not come.",
    "She said she was fine, but her voice was shaking a little.",
    "That is the funniest thing I have seen all week.",
    "I'm not sure what they meant by that, could you explain it again?",
    "My grandmother died in spring and I still set a plate for her.",
    "Please stop calling me at work, I have asked you three times now.",
    "The new phone is good, though the old one was lighter and cheaper.",
)
_STARTS = 5
_TIMEOUT_S = 1800.0


def benchmark(
    model: Path,
    *,
    against: Path | None = None,
    threads: Sequence[int] = THREADS,
    lengths: Sequence[int] | None = None,
    rounds: int = 5,
    runs: int = 10,
) -> dict[str, Any]:
    """Measures a file, and another one beside it.

    Args:
        model: a .tflite file with metadata, whose vocabulary the sentences are cut by.
        against: another .tflite file, or one in ONNX, that takes the same ids, or text.
        threads: of one inference.
        lengths: tokens of a text, [CLS] and [SEP] among them; `LENGTHS` up to the model's maximum if not given.
        rounds: times that the models take turns.
        runs: inferences of a turn.

    Returns:
        {"machine", "models": [{"file", "size_bytes", "open_ms", "first_answer_ms", "process_peak_mb",
        "model_peak_mb"}], "latency": [{"threads", "tokens", "median_ms": [a model], "p90_ms": [a model], "ratio"}]};
        the ratio is the model's median to the other's.

    Raises:
        ModelFileError, MetadataError: a file cannot be read or run.
        ValueError: a length or a number of threads is out of range.
    """
    spec = read_metadata(model).tokenizer
    rows = [
        {"ids": sentence_ids(spec, length), "text": sentence_text(spec, length)}
        for length in wanted_lengths(spec, lengths)
    ]
    if min(threads, default=0) < 1:
        raise ValueError(f"threads must be at least one number from 1 on; got {list(threads)}")
    files = [model] if against is None else [model, against]
    latency = _measured(
        "speed",
        files,
        models=[str(file) for file in files],
        threads=list(threads),
        rows=rows,
        rounds=rounds,
        runs=runs,
    )
    for entry in latency:
        entry["ratio"] = entry["median_ms"][0] / entry["median_ms"][1] if against else None
    return {
        "machine": {"cpu": _cpu(), "cores": os.cpu_count(), "system": platform.platform()},
        "models": [_cold_start(file, rows) for file in files],
        "latency": latency,
    }


def wanted_lengths(spec: TokenizerSpec, lengths: Sequence[int] | None) -> list[int]:
    """The lengths that a model can be asked.

    Raises:
        ValueError: one is below 3, or more than the model reads.
    """
    if lengths is None:
        return [length for length in LENGTHS if length <= spec.max_tokens] or [spec.max_tokens]
    if wrong := [length for length in lengths if not 3 <= length <= spec.max_tokens]:
        raise ValueError(f"lengths must be 3 to {spec.max_tokens} tokens, the model's maximum; got {wrong}")
    return sorted(set(lengths))


def sentence_ids(spec: TokenizerSpec, length: int) -> list[int]:
    """Ids of so many tokens that stand for sentences, [CLS] first and [SEP] last."""
    tokenizer = HostTokenizer(spec)
    inner = [index for sentence in _SENTENCES for index in tokenizer.encode(sentence)[1:-1]]
    return [spec.start_id, *islice(cycle(inner), length - 2), spec.end_id]


def sentence_text(spec: TokenizerSpec, length: int) -> str:
    """A text of so many tokens, [CLS] and [SEP] among them: words, and full stops where no word fits."""
    tokenizer, text, missing = HostTokenizer(spec), "", length - 2
    for word in cycle(" ".join(_SENTENCES).split()):
        if (pieces := len(tokenizer.encode(word)) - 2) > missing:
            return text + " ." * missing
        text, missing = f"{text} {word}", missing - pieces
    raise AssertionError("a cycle has no end")


def _cold_start(file: Path, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Medians over fresh processes; the file is in the system's cache."""
    starts = [
        _measured("cold_start", [file], model=str(file), first=rows[0], longest=rows[-1])
        for _ in range(_STARTS)
    ]
    medians = {name: statistics.median(start[name] for start in starts) for name in starts[0]}
    return {"file": str(file), "size_bytes": file.stat().st_size, **medians}


def _measured(what: str, files: Sequence[Path], **arguments: Any) -> Any:
    """What `tflite.benchmark_worker` measures in a fresh process."""
    missing = [str(file) for file in files if not file.is_file()]
    if missing:
        raise ModelFileError(f"{missing[0]}: no such file; check the path")
    request = {"what": what, "arguments": arguments, "file_bytes": sum(file.stat().st_size for file in files)}
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "tflite.benchmark_worker"],
            input=json.dumps(request).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(entry or "." for entry in sys.path)},
            timeout=_TIMEOUT_S,
            check=True,
        )
        answer = json.loads(done.stdout)
    except subprocess.TimeoutExpired as err:
        raise ModelFileError(f"{files[0]}: does not answer within {_TIMEOUT_S:.0f} s") from err
    except (subprocess.CalledProcessError, ValueError) as err:
        raise ModelFileError(f"{', '.join(map(str, files))}: the runtime crashes ({err})") from err
    if "error" in answer:
        raise ModelFileError(f"{', '.join(map(str, files))}: cannot be run ({answer['error']})")
    return answer["found"]


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """What `benchmark` found, for a person."""
    machine = found["machine"]
    yield f"{machine['cpu']}, {machine['cores']} cores"
    for letter, model in zip("AB", found["models"], strict=False):
        yield ""
        yield f"{letter}  {model['file']}, {model['size_bytes'] / 1e6:.1f} MB"
        yield f"   cold start   open {model['open_ms']:.1f} ms, first answer {model['first_answer_ms']:.1f} ms"
        if not math.isnan(model["model_peak_mb"]):
            yield (
                f"   peak memory  {model['model_peak_mb']:.0f} MB for model and runtime, "
                f"{model['process_peak_mb']:.0f} MB the process"
            )
    both = len(found["models"]) > 1
    yield ""
    headings = "  A median    A p90  B median    B p90    A/B" if both else "    median      p90"
    yield f"threads  tokens{headings}  (ms)"
    for row in found["latency"]:
        pairs = zip(row["median_ms"], row["p90_ms"], strict=True)
        times = "".join(f"{median:>10.2f}{p90:>9.2f}" for median, p90 in pairs)
        ratio = f"{row['ratio']:>7.2f}" if both else ""
        yield f"{row['threads']:>7}{row['tokens']:>8}{times}{ratio}"


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tflite.benchmark",
        description="How fast a .tflite file answers on this machine, how it starts, and what memory it takes.",
    )
    parser.add_argument("model", type=Path, help=".tflite file with metadata")
    parser.add_argument(
        "against", type=Path, nargs="?", help="another .tflite file, or .onnx, measured in turn"
    )
    parser.add_argument("--threads", type=_numbers, default=THREADS, help="such as 1,2,4")
    parser.add_argument(
        "--lengths", type=_numbers, help="tokens, such as 8,16,32,64,128; up to the model's maximum"
    )
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    try:
        found = benchmark(
            arguments.model,
            against=arguments.against,
            threads=arguments.threads,
            lengths=arguments.lengths,
        )
    except (TFLiteError, ValueError) as err:
        sys.exit(f"error: {err}")
    print(json.dumps(found, indent=2) if arguments.json else "\n".join(lines(found)))


if __name__ == "__main__":
    main()

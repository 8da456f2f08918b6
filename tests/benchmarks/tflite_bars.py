"""The bars of the .tflite files, of a model of GoEmotions that was trained here: size, quality and speed.

    python -m tests.benchmarks.tflite_bars runs/goemotions [--peer PYTHON] [--files DIR] [--rows N]

Quality is that of the whole test split, through the host tokenizer and one LiteRT thread, as an app would have it. The
small variant is int4 with a vocabulary that covers 99 % of the training texts; the test split has no part in it.

Speed is `tflite.benchmark`: both sides in one process, in turns, medians, the ids of real sentences. The peer is ONNX
Runtime with dynamic int8 of the same weights, whose float32 form must give the scores of ours before it is timed. It
lives in an environment of its own, where both runtimes are:

    python -m venv /tmp/peer && /tmp/peer/bin/pip install onnx onnxruntime ai-edge-litert numpy flatbuffers

Ratios mean something on a machine that does other things, too; times do not. The exit code is 1 if a bar is missed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from components.edge.files import FileMaker
from components.edge.guard import device_heads
from components.edge.measurement import Reference, measure_file, sample_of
from components.evaluation.labelled_texts import read_labelled_texts
from components.modeling.classifier import LoadedModel, load_model
from components.tflite_exporter import TFLiteExporterConfig
from pipeline.commands.trained_model import find_trained_model, labelled_texts
from tflite.benchmark import sentence_ids
from tflite.interpreter import TextClassifier

SMALL = "int4_vocab99"
VARIANTS = ("float32", "int8", SMALL, "int8_fixed")


class Bars:
    """Prints each bar and remembers whether one was missed."""

    missed = False

    def check(self, what: str, value: float, limit: float, *, at_least: bool = False) -> None:
        kept = value >= limit if at_least else value <= limit
        self.missed |= not kept
        word = "at least" if at_least else "at most"
        print(f"{'ok    ' if kept else 'MISSED'}  {what}: {value:.4f} ({word} {limit:g})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("root", type=Path, help="pipeline root with a trained model of GoEmotions")
    parser.add_argument("--peer", type=Path, help="Python of an environment with onnx and both runtimes")
    parser.add_argument("--files", type=Path, help="directory where the files are kept and found again")
    parser.add_argument("--rows", type=int, default=1_000_000, help="test texts; all if not given")
    parser.add_argument("--rounds", type=int, default=10, help="times that the sides of a ratio take turns")
    arguments = parser.parse_args()
    bars = Bars()
    with tempfile.TemporaryDirectory() as scratch:
        loaded, paths = make_files(arguments.root, arguments.files or Path(scratch))
        check_speed(bars, loaded, paths, Path(scratch), arguments.peer, arguments.rounds)
        check_quality(bars, loaded, paths, arguments.root, arguments.rows)
    sys.exit(1 if bars.missed else 0)


def make_files(root: Path, directory: Path) -> tuple[LoadedModel, dict[str, Path]]:
    """The model, and its .tflite files by variant."""
    trained = find_trained_model(root)
    assert trained.examples is not None
    examples = trained.examples
    loaded = load_model(trained.model)
    maker = FileMaker(
        loaded,
        TFLiteExporterConfig(),
        lambda: (text for split, text in labelled_texts(examples) if split == "train"),
    )
    directory.mkdir(parents=True, exist_ok=True)
    paths = {name: directory / f"{name}.tflite" for name in VARIANTS}
    for file in maker.make([name for name, path in paths.items() if not path.is_file()]):
        paths[file.name].write_bytes(file.content)
    return loaded, paths


def check_quality(bars: Bars, loaded: LoadedModel, paths: dict[str, Path], root: Path, rows: int) -> None:
    examples = find_trained_model(root).examples
    assert examples is not None
    test = sample_of(read_labelled_texts(examples, "test", loaded.config.heads), rows)
    reference = Reference.of(loaded, test, device_heads(loaded))
    print(f"Keras: macro-F1 {reference.quality:.4f} on {len(test.texts):,} test texts", flush=True)
    for name, limits in (("int8", ((24, 0.005),)), (SMALL, ((13, 0.01), (10, 0.005)))):
        found = measure_file(name, paths[name], loaded, reference)
        for size_mb, drop in limits:
            bars.check(f"{name}: size, MB", found.size_bytes / 1e6, size_mb)
            bars.check(f"{name}: loss of test macro-F1", found.drop, drop)
        if name == "int8":
            bars.check(f"{name}: decisions as Keras", found.agreement or 0.0, 0.99, at_least=True)


def check_speed(
    bars: Bars, loaded: LoadedModel, paths: dict[str, Path], scratch: Path, peer: Path | None, rounds: int
) -> None:
    python = sys.executable if peer is None else str(peer)
    int8 = paths["int8"]
    bars.check("int8 against float32, 64 tokens", ratio(python, int8, paths["float32"], 64, rounds), 0.40)
    fixed = ratio(python, int8, paths["int8_fixed"], 10, rounds)
    bars.check("int8, 10 tokens, against fixed 128", fixed, 0.15)
    small = ratio(python, paths[SMALL], int8, 64, rounds)
    print(f"        {SMALL} against int8, 64 tokens: {small:.4f}", flush=True)
    if peer is None:
        print("        no --peer: not held against ONNX Runtime")
        return
    exact, quantized = make_onnx(loaded, paths["float32"], scratch, python)
    against_float = ratio(python, paths["float32"], exact, 64, rounds)
    print(f"        float32 against ONNX Runtime float32, 64 tokens: {against_float:.4f}", flush=True)
    bars.check("int8 against ONNX Runtime int8, 64 tokens", ratio(python, int8, quantized, 64, rounds), 0.80)


def ratio(python: str, model: Path, against: Path, tokens: int, rounds: int) -> float:
    """Median time of the one over that of the other, one thread, measured in one process of `python`."""
    program = (
        "import json, sys; from pathlib import Path; from tflite.benchmark import benchmark;"
        f"found = benchmark(Path(sys.argv[1]), against=Path(sys.argv[2]), threads=(1,), lengths=({tokens},), "
        f"rounds={rounds}); print(json.dumps(found['latency'][0]))"
    )
    found = json.loads(run(python, "-c", program, str(model), str(against)).splitlines()[-1])
    times = " / ".join(f"{one:.2f}" for one in found["median_ms"])
    print(f"        {model.name} / {against.name}, {tokens} tokens: {times} ms", flush=True)
    return float(found["ratio"])


def make_onnx(loaded: LoadedModel, model: Path, scratch: Path, python: str) -> tuple[Path, Path]:
    """The network in ONNX, float32 and int8; the former proven to be ours."""
    weights, exact, quantized = (scratch / name for name in ("weights.npz", "float32.onnx", "int8.onnx"))
    np.savez(weights, **{weight.path: weight.numpy() for weight in loaded.network.weights})
    heads = loaded.config.backbone.arguments["num_heads"]
    script = Path(__file__).with_name("onnx_bert.py")
    run(python, str(script), str(weights), str(heads), str(exact), str(quantized))
    classifier = TextClassifier(model)
    ids = sentence_ids(classifier.metadata.tokenizer, 40)
    program = (
        "import json, sys; from tflite.benchmark_worker import _OnnxSession;"
        "print(json.dumps(_OnnxSession(sys.argv[1], 1).run(json.loads(sys.argv[2]))[0][0].tolist()))"
    )
    theirs = json.loads(run(python, "-c", program, str(exact), json.dumps(ids)).splitlines()[-1])
    difference = np.abs(np.array(theirs) - classifier._session.run(ids)).max()
    print(f"        ONNX float32 against ours: largest difference of scores {difference:.2g}", flush=True)
    assert difference < 1e-4, "the peer is another network; its time says nothing"
    return exact, quantized


def run(*command: str) -> str:
    """Output of a program that finds this project's packages."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout


if __name__ == "__main__":
    main()

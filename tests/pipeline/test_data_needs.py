"""What later stages would refuse is told when there are examples, and what they take is not."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from components.core.artifacts import Examples
from components.data.records.example_proto import encode_example
from components.data.records.tfrecord import write_records
from pipeline.config import parse_config
from pipeline.data_needs import unmet_needs

Row = Mapping[str, Sequence[Any]]
ROW: Row = {"text": ["so glad"], "labels": ["joy"]}
WHOLE: Mapping[str, Sequence[Row]] = {"train": [ROW] * 2, "validation": [ROW], "test": [ROW]}


def write_examples(
    directory: Path, splits: Mapping[str, Sequence[Row]], *, targets: Sequence[str] = ()
) -> Examples:
    examples = Examples(directory)
    for split, rows in splits.items():
        examples.split_dir(split).mkdir(parents=True)
        shard = examples.split_dir(split) / "examples-00000-of-00001.tfrecord.gz"
        write_records(shard, map(encode_example, rows))
    summary = {
        "labels": ["joy", "anger"],
        "targets": list(targets),
        "placeholders": [],
        "splits": {split: {"rows": len(rows)} for split, rows in splits.items()},
    }
    examples.summary_path.write_text(json.dumps(summary))
    return examples


def needs(directory: Path, splits: Mapping[str, Sequence[Row]] = WHOLE, **sections: Any) -> list[str]:
    document = {"name": "x", "example_gen": {"source": "x.csv"}, "transform": {"encoder": "tiny-random"}}
    config = parse_config({**document, **sections}, base=directory)
    return unmet_needs(config, write_examples(directory / "examples", splits))


def test_nothing_is_missing(tmp_path: Path):
    assert needs(tmp_path) == []


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_split_without_rows(tmp_path: Path, split: str):
    stage = "evaluator" if split == "test" else "trainer"
    (empty,) = needs(tmp_path, {**WHOLE, split: []})
    assert empty.startswith(f"{stage}: needs the split {split!r}, but none of the ")
    (absent,) = needs(tmp_path / "absent", {name: rows for name, rows in WHOLE.items() if name != split})
    assert absent.startswith(f"{stage}: needs the split {split!r}, but the data have only ")


def test_what_is_known_already_is_not_told_again(tmp_path: Path):
    examples = write_examples(tmp_path, {"train": [ROW], "validation": [ROW]})
    config = parse_config(
        {"name": "x", "example_gen": {"source": "x.csv"}, "transform": {"encoder": "tiny-random"}}
    )
    assert unmet_needs(config, examples, told={"test"}) == []
    assert len(unmet_needs(config, examples)) == 1


TWO: Row = {"text": ["both"], "labels": ["joy", "anger"]}
NONE: Row = {"text": ["neither"], "labels": []}
LIGHT: Row = {**ROW, "weight": [0.0]}
HEADS = {"mood": {"task": "single_label", "outputs": ["joy", "anger"]}}


@pytest.mark.parametrize(
    ("splits", "sections", "said"),
    [
        (
            WHOLE,
            {"trainer": {"task": "regression"}},
            "trainer: trainer.task is regression, but the data have no num",
        ),
        (
            WHOLE,
            {"trainer": {"heads": {"mood": {"task": "multi_label", "outputs": ["fear"]}}}},
            "trainer: trainer.heads.mood.outputs: nothing is called 'fear'",
        ),
        (
            {**WHOLE, "train": [ROW, TWO, TWO]},
            {"trainer": {"task": "single_label"}},
            "trainer: 2 rows of the split 'train' have more than one label of head 'emotion', which is single_label",
        ),
        (
            {**WHOLE, "test": [NONE]},
            {"trainer": {"heads": HEADS}},
            "evaluator: no row of the split 'test' is labelled for head 'mood'",
        ),
        (
            {**WHOLE, "train": [LIGHT]},
            {"example_gen": {"source": "x.csv", "columns": {"weight": "weight"}}},
            "trainer: every example of the split 'train' has weight 0",
        ),
        (WHOLE, {"evaluator": {"slices": ["text_length", "country"]}}, "evaluator.slices names 'country'"),
        (
            WHOLE,
            {"evaluator": {"thresholds": {"accuracy": 0.5}}},
            "evaluator.thresholds.accuracy can be met by none",
        ),
        (
            WHOLE,
            {"tflite_exporter": {"label_files": {"fr": "fr.txt"}}},
            "tflite_exporter.label_files.fr: {base}/fr.txt: expected 2 names",
        ),
        (
            WHOLE,
            {"trainer": {"distillation": {"teachers": ["teacher"]}}},
            "trainer.distillation: the teacher {base}/teacher does not answer 'anger'",
        ),
    ],
)
def test_what_later_stages_would_refuse(
    tmp_path: Path, splits: Mapping[str, Sequence[Row]], sections: Any, said: str
):
    (tmp_path / "fr.txt").write_text("joie\n")
    (tmp_path / "teacher").mkdir()
    taught = {"heads": [{"name": "emotion", "task": "multi_label", "outputs": ["joy"]}]}
    (tmp_path / "teacher" / "model.json").write_text(json.dumps(taught))
    (line,) = needs(tmp_path, splits, **sections)
    assert line.startswith(said.format(base=tmp_path))


def test_a_vocabulary_without_room(tmp_path: Path):
    encoder = tmp_path / "encoder"
    encoder.mkdir()
    limits = {"model_type": "bert", "max_position_embeddings": 512, "vocab_size": 6}
    (encoder / "config.json").write_text(json.dumps(limits))
    (encoder / "vocab.txt").write_text(
        "\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[unused1]", "a"]) + "\n"
    )
    (line,) = needs(tmp_path, transform={"encoder": "./encoder"})
    assert line.startswith("transform: encoder ")
    assert "has 1 free vocabulary rows" in line
    assert (
        needs(tmp_path / "with-room", transform={"encoder": str(encoder), "special_tokens": ["[NAME]"]}) == []
    )

"""`emotion select` and `emotion pseudo-label`, from a trained model to files."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from components.core.artifacts import Model
from components.core.errors import UserError
from components.trainer import TrainerConfig, trainer
from pipeline.cli import app
from pipeline.commands.trained_model import find_trained_model
from pipeline.metadata.store import MetadataStore
from tests.components.data_stages import read_split
from tests.components.toy_corpus import examples_of, run_transform, toy_examples, toy_rows


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline root with the examples and the model of one run."""
    directory = tmp_path_factory.mktemp("root")
    examples = toy_examples(directory)
    graph, transformed = run_transform(directory, examples)
    model = Model(directory / "model")
    model.path.mkdir()
    settings = {"epochs": 8, "early_stopping": {"patience": None}, "batch_size": 16, "learning_rate": 5e-3}
    config = TrainerConfig.model_validate({**settings, "precision": "float32"})
    trainer(config=config, transformed=transformed, transform_graph=graph, model=model)
    store = MetadataStore(directory / "metadata.sqlite")
    run = store.start_run("toy", "{}")
    for stage, name, artifact in (("example_gen", "examples", examples), ("trainer", "model", model)):
        execution = store.start_execution(run, stage, stage, {}, {})
        outputs = {name: (type(artifact).__name__, str(artifact.path.relative_to(directory)), "digest", None)}
        store.complete_execution(execution, outputs=outputs, summary={}, seconds=1, peak_memory_mib=1)
    store.close()
    return directory


@pytest.fixture
def texts(root: Path, tmp_path: Path) -> Path:
    """New texts, some of them twice, and some that are labelled."""
    examples = find_trained_model(root).examples
    assert examples is not None
    known = [row["text"][0] for row in read_split(examples, "train")[:20]]
    new = [row["text"] for row in toy_rows(120, seed=5)]
    path = tmp_path / "new.txt"
    path.write_text("\n".join([*new, *new[:10], *known]), encoding="utf-8")
    return path


def _run(*arguments: Any) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("strategy", ["margin", "entropy", "diversity", "mixed"])
def test_selects_texts_that_are_not_labelled(root: Path, texts: Path, tmp_path: Path, strategy: str):
    output = tmp_path / "chosen.jsonl"
    told = _run("select", root, texts, "-n", 12, "--strategy", strategy, "-o", output)
    chosen = _lines(output)
    assert len(chosen) == 12
    assert len({row["text"] for row in chosen}) == 12
    known = set(texts.read_text(encoding="utf-8").splitlines()[-20:])
    assert known.isdisjoint(row["text"] for row in chosen)
    for row in chosen:
        assert row["reason"]
        assert set(row["scores"]) == {"joy", "sadness", "anger", "neutral"}
    assert chosen[0]["text"].split()[0] in told


def test_prints_json_lines_on_demand(root: Path, texts: Path):
    rows = [
        json.loads(line)
        for line in _run("select", root, f"file://{texts}", "-n", 3, "--json").splitlines()
        if line[0] == "{"
    ]
    assert len(rows) == 3


def test_a_model_artifact_knows_the_root_it_stands_in(root: Path):
    assert find_trained_model(root / "model").examples == find_trained_model(root).examples


def test_another_place_is_no_model(tmp_path: Path):
    with pytest.raises(UserError, match="neither a Model artifact nor a pipeline root"):
        find_trained_model(tmp_path)


def test_pseudo_labels_are_right_and_are_read_by_example_gen(root: Path, tmp_path: Path):
    rows = toy_rows(150, seed=6)
    source = tmp_path / "new.jsonl"
    source.write_text("".join(json.dumps({"body": row["text"]}) + "\n" for row in rows), encoding="utf-8")
    output = tmp_path / "labelled.jsonl"
    arguments = ("pseudo-label", root, source, "-o", output, "--text", "body", "--weight", 0.5)
    arguments += ("--min-confidence", 0.8)
    summary = json.loads(_run(*arguments, "--json").splitlines()[-1])
    labelled = _lines(output)
    assert summary["labelled"] == len(labelled) > 30
    truth = {row["text"]: set(row["labels"]) for row in rows}
    right = [set(row["labels"]) == truth[row["text"]] for row in labelled]
    assert sum(right) / len(right) > 0.95
    assert all(0.4 <= row["weight"] <= 0.5 for row in labelled)
    assert labelled[0]["labelled_by"]["model"] == str(root / "model")

    own = [{**row, "weight": 1} for row in toy_rows(10, seed=7)]
    splits = {"train": labelled, "validation": own}
    columns = {"id": "id", "weight": "weight"}
    examples = examples_of(tmp_path / "examples", splits, columns=columns)
    read = read_split(examples, "train")
    assert len(read) == len(labelled)
    assert sorted(row["weight"][0] for row in read) == pytest.approx(
        sorted(row["weight"] for row in labelled), abs=1e-5
    )


def test_a_cap_balances_the_labels(root: Path, tmp_path: Path, texts: Path):
    output = tmp_path / "labelled.jsonl"
    summary = json.loads(
        _run(
            "pseudo-label", root, texts, "-o", output, "--min-confidence", 0.8, "--per-label", 4, "--json"
        ).splitlines()[-1]
    )
    assert max(summary["labels"].values()) == 4
    assert summary["known"] >= 30


def test_an_existing_file_is_not_overwritten_unasked(root: Path, tmp_path: Path, texts: Path):
    output = tmp_path / "labelled.jsonl"
    output.write_text("mine", encoding="utf-8")
    for command in ("pseudo-label", "select"):
        with pytest.raises(UserError, match="--force"):
            _run(command, root, texts, "-o", output)
    assert output.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("command", ["pseudo-label", "select"])
def test_json_lines_are_not_written_into_a_file_of_another_kind(root: Path, texts: Path, command: str):
    with pytest.raises(UserError, match=r"labels\.csv: JSON Lines are written; let the name end in \.jsonl"):
        _run(command, root, texts, "-o", "labels.csv")


def test_a_model_without_a_root_knows_no_labelled_texts(root: Path, tmp_path: Path):
    shutil.copytree(root / "model", tmp_path / "model")
    assert find_trained_model(tmp_path / "model").examples is None

"""`emotion audit`, from planted errors by way of a reviewed file to corrected data."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from components.core.artifacts import Examples
from components.core.errors import UserError
from pipeline.cli import app
from pipeline.config import parse_config
from pipeline.metadata.records import State
from pipeline.metadata.store import MetadataStore
from tests.components.data_stages import read_all
from tests.components.toy_corpus import LABELS, examples_of, run_transform, toy_rows

_TRUTH = {row["id"]: row["labels"] for row in toy_rows(500, seed=1)}
_PLANTED = [f"1-{number}" for number in range(0, 500, 20)]


def _rows() -> list[dict[str, Any]]:
    """The toy corpus; every twentieth row has labels that its text has nothing to do with."""
    rows = toy_rows(500, seed=1)
    for row in rows:
        if row["id"] in _PLANTED:
            row["labels"] = [next(label for label in LABELS if label not in row["labels"])]
    return rows


def _make_root(directory: Path, **settings: Any) -> tuple[Path, Examples]:
    """A pipeline root with the examples of one run that came as far as Transform."""
    examples = examples_of(directory, {"train": _rows()}, **settings)
    graph, _ = run_transform(directory, examples)
    example_gen = {"splits": {"train": str(directory / "source" / "train.jsonl")}, **settings}
    config = parse_config({"name": "toy", "root": str(directory), "example_gen": example_gen})
    store = MetadataStore(directory / "metadata.sqlite")
    run = store.start_run("toy", config.model_dump_json())
    for stage, name, artifact in (
        ("example_gen", "examples", examples),
        ("transform", "transform_graph", graph),
    ):
        execution = store.start_execution(run, stage, stage, {}, {})
        outputs = {name: (type(artifact).__name__, str(artifact.path.relative_to(directory)), "digest", None)}
        store.complete_execution(execution, outputs=outputs, summary={}, seconds=1, peak_memory_mib=1)
    store.finish_run(run, State.COMPLETE)
    store.close()
    return directory, examples


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _make_root(tmp_path_factory.mktemp("root"))[0]


def _audit(*arguments: Any) -> str:
    command = ["audit", *(str(argument) for argument in arguments)]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def _lines(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))


def test_planted_errors_are_listed_reviewed_and_mended(root: Path, tmp_path: Path):
    output = tmp_path / "audit.csv"
    told = _audit(root, "-o", output)
    lines = _lines(output)
    listed = {line["id"] for line in lines}
    assert len(listed) == 25
    # Two random layers tell little; by chance it would be one or two.
    assert len(listed & set(_PLANTED)) >= 10
    assert [int(line["rank"]) for line in lines] == sorted(int(line["rank"]) for line in lines)
    assert {line["split"] for line in lines} == {"train"}
    assert "`verdict`" in told

    # A person who knows the truth fills in the file, and drops one row.
    dropped = lines[0]["id"]
    for line in lines:
        wanted = "present" if line["label"] in _TRUTH[line["id"]] else "absent"
        line["verdict"] = "keep" if line["given"] == wanted else "change"
        line["suggested"] = wanted
        if line["id"] == dropped:
            line["verdict"] = "drop"
    reviewed = tmp_path / "reviewed.csv"
    with reviewed.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, lines[0])
        writer.writeheader()
        writer.writerows(lines)

    mended, examples = _make_root(tmp_path / "mended", corrections=[str(reviewed)])
    found = read_all(examples)
    assert dropped not in found
    for line in lines:
        if line["id"] != dropped:
            assert (line["label"] in found[line["id"]]["labels"]) == (line["label"] in _TRUTH[line["id"]])
    (entry,) = examples.summary()["corrections"]
    assert (entry["dropped"], entry["unmatched"]) == (1, 0)
    assert entry["changed"] >= 10

    again = tmp_path / "again.csv"
    _audit(mended, "-o", again)
    judged = {(line["text"], line["label"]) for line in lines}
    assert judged.isdisjoint((line["text"], line["label"]) for line in _lines(again))


def test_json_lines_and_a_summary_on_demand(root: Path, tmp_path: Path):
    output = tmp_path / "audit.jsonl"
    summary = json.loads(_audit(root, "-o", output, "--top", 7, "--folds", 2, "--json").splitlines()[-1])
    lines = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    assert (summary["rows"], summary["listed"], summary["lines"]) == (500, 7, len(lines))
    assert isinstance(lines[0]["labels"], list)
    assert all(0 <= line["probability"] <= 1 and line["score"] > 0 and line["reason"] for line in lines)
    counts = [count for kinds in summary["labels"].values() for count in kinds.values()]
    assert sum(counts) == len(lines)


def test_mistakes_are_told(root: Path, tmp_path: Path):
    mine = tmp_path / "mine.csv"
    mine.write_text("mine", encoding="utf-8")
    with pytest.raises(UserError, match="--force"):
        _audit(root, "-o", mine)
    assert mine.read_text(encoding="utf-8") == "mine"
    with pytest.raises(UserError, match=r"neither a configuration .* nor a pipeline root"):
        _audit(tmp_path, "-o", tmp_path / "new.csv")
    with pytest.raises(UserError, match="have no split 'test'; there are train"):
        _audit(root, "-o", tmp_path / "new.csv", "--split", "test")
    MetadataStore(tmp_path / "metadata.sqlite").close()
    with pytest.raises(UserError, match="no run has come as far as Transform"):
        _audit(tmp_path, "-o", tmp_path / "new.csv")

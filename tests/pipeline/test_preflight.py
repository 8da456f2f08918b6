"""What would stop a run is told before its first stage, with the setting, the place and what to do."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.config import parse_config
from pipeline.emotion import build_graph
from pipeline.preflight import find_problems
from tests.integration.conftest import Workspace, starter_rows

GONE = "gone: no such file or directory; correct the path, or put there what it names"


def problems(base: Path, **sections: Any) -> list[str]:
    (base / "texts.csv").write_text("text,labels\nhi,joy\n")
    document = {"name": "x", "example_gen": {"source": "texts.csv"}, "transform": {"encoder": "tiny-random"}}
    config = parse_config({**document, **sections}, base=base)
    return [line.replace(f"{base}/", "") for line in find_problems(build_graph(config))]


def test_nothing_is_in_the_way(tmp_path: Path):
    assert problems(tmp_path) == []


@pytest.mark.parametrize(
    ("section", "values", "said"),
    [
        ("example_gen", {"source": "gone.csv"}, "source: gone.csv: no such file; check the path"),
        (
            "example_gen",
            {"splits": {"train": "texts.csv", "test": "gone.csv"}},
            "splits: gone.csv: no such file; check the path",
        ),
        ("example_gen", {"source": "texts.csv", "label_names": "gone"}, f"label_names: {GONE}"),
        ("example_gen", {"source": "texts.csv", "corrections": "gone"}, f"corrections.0: {GONE}"),
        (
            "example_gen",
            {"source": "texts.csv", "pii": {"pseudonym_key": "gone"}},
            f"pii.pseudonym_key: {GONE}",
        ),
        ("schema_gen", {"schema_path": "gone"}, f"schema_path: {GONE}"),
        ("example_validator", {"previous_statistics": "gone"}, f"previous_statistics: {GONE}"),
        (
            "transform",
            {"encoder": "./gone"},
            "encoder: encoder 'gone': no directory with a config.json is there",
        ),
        ("pretrainer", {"texts": "gone"}, f"texts: {GONE}"),
        ("trainer", {"distillation": {"teachers": ["gone"]}}, f"distillation.teachers.0: {GONE}"),
        (
            "trainer",
            {"distillation": {"teachers": ["."]}},
            "distillation.teachers.0: {base}: holds no model (no model.json, no saved_model.pb)",
        ),
        ("evaluator", {"robustness": {"cases": "gone"}}, f"robustness.cases: {GONE}"),
        ("evaluator", {"fairness": {"templates": "gone"}}, f"fairness.templates: {GONE}"),
        ("tflite_exporter", {"label_files": {"fr": "gone"}}, f"label_files.fr: {GONE}"),
        ("infra_validator", {"server_binary": "./gone"}, f"server_binary: {GONE}"),
        ("pusher", {"destination": "nosuch://bucket/models"}, "destination: nosuch://bucket/models: "),
        ("pusher", {"signing_key": "/gone"}, "signing_key: signing key /gone: cannot be read"),
        (
            "pusher",
            {"signing_key": "env:GONE"},
            "signing_key: signing key env:GONE: the environment variable GONE",
        ),
        (
            "pusher",
            {"trusted_keys": "gone"},
            "trusted_keys: gone: cannot be read as public keys in PEM",
        ),
    ],
)
def test_what_is_missing_is_told_with_its_setting(tmp_path: Path, section: str, values: Any, said: str):
    (line,) = problems(tmp_path, **{section: values})
    assert line.startswith(f"{section}.{said.format(base=tmp_path)}")


def test_a_destination_that_a_file_is_in_the_way_of(tmp_path: Path):
    assert problems(tmp_path, pusher={"destination": f"{tmp_path}/texts.csv/models"}) == [
        "pusher.destination: texts.csv/models: texts.csv is a file; name another directory"
    ]


def test_what_two_stages_name_is_told_once(tmp_path: Path):
    trainer = {"distillation": {"teachers": ["gone"]}}
    space = {"learning_rate": {"log_uniform": [1e-5, 1e-3]}}
    assert problems(tmp_path, trainer=trainer, tuner={"search_space": space}) == [
        f"trainer.distillation.teachers.0: {GONE}"
    ]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    found = Workspace(tmp_path)
    found.write_config(
        trainer={"distillation": {"teachers": ["teacher"]}},
        evaluator={"robustness": {"cases": "cases.jsonl"}},
    )
    rows = [json.dumps(row) for row in starter_rows(300)]
    (tmp_path / "texts.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return found


def test_run_begins_no_stage(workspace: Workspace):
    done = workspace.emotion("run", "emotion.yaml")
    assert done.returncode == 2
    told = done.stderr.splitlines()
    assert told[0] == "error: 2 things are in the way:"
    assert [line.split(":")[0] for line in told[1:]] == [
        "  trainer.distillation.teachers.0",
        "  evaluator.robustness.cases",
    ]
    assert not (workspace.directory / "root" / "example_gen").exists()


def test_validate_says_it_before_it_looks_at_the_data(workspace: Workspace):
    done = workspace.emotion("validate", "emotion.yaml")
    assert (done.returncode, done.stderr) == (3, "")
    told = done.stdout
    assert told.startswith("in the way of a run: trainer.distillation.teachers.0: ")
    assert told.index("evaluator.robustness.cases") < told.index("example_gen")
    assert "a run would stop: 2 things in its way, told above" in told
    done = workspace.emotion("validate", "emotion.yaml", "--json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["fit"], document["errors"]) == (3, False, 0)
    assert len(document["in_the_way"]) == 2

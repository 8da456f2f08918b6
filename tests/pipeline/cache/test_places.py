"""No key of any stage depends on where files are: a clone of the project elsewhere finds everything in the cache."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline.cache.key import fingerprint, own_parts
from pipeline.config import parse_config
from pipeline.emotion import build_graph

CONFIG: dict[str, Any] = {
    "name": "places",
    "example_gen": {
        "source": "data/*.csv",
        "label_names": "labels.txt",
        "corrections": ["corrections.csv"],
        "columns": {"more_labels": {"mood": {"column": "mood", "names": "labels.txt"}}},
        "pii": {"pseudonym_key": "key.pem", "kinds": ["NAME"], "names_pipeline": "./names"},
    },
    "schema_gen": {"schema_path": "schema.pbtxt"},
    "example_validator": {"previous_statistics": "before", "serving_statistics": "before"},
    "transform": {"encoder": "./encoder"},
    "pretrainer": {"texts": "more/*.txt"},
    "tuner": {"search_space": {"learning_rate": {"log_uniform": [1e-5, 1e-3]}}},
    "trainer": {"distillation": {"teachers": ["teacher"]}},
    "evaluator": {"robustness": {"cases": "cases.jsonl"}, "fairness": {"templates": "cases.jsonl"}},
    "tflite_exporter": {"label_files": {"fr": "labels.txt"}},
    "infra_validator": {"server_binary": "./tensorflow_model_server"},
}

FILES = (
    "data/train.csv",
    "data/test.csv",
    "labels.txt",
    "corrections.csv",
    "key.pem",
    "names/meta.json",
    "schema.pbtxt",
    "before/FeatureStats.pb",
    "encoder/config.json",
    "encoder/vocab.txt",
    "more/a.txt",
    "more/b.txt",
    "teacher/model.json",
    "cases.jsonl",
    "tensorflow_model_server",
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Every setting that can name a file does."""
    directory = tmp_path / "one"
    for name in FILES:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(f"content of {name}")
    return directory


def parts(project: Path) -> Mapping[str, dict[str, str]]:
    """By stage, what its key is made of."""
    config = parse_config({**CONFIG, "pusher": {"signing_key": str(project / "key.pem")}}, base=project)
    return {node.name: own_parts(node.component, node.config) for node in build_graph(config)}


def keys(project: Path) -> dict[str, str]:
    return {stage: fingerprint(found) for stage, found in parts(project).items()}


def test_no_key_holds_a_path(project: Path):
    for stage, found in parts(project).items():
        compared = {name: value for name, value in found.items() if not name.startswith("place ")}
        assert str(project) not in json.dumps(compared), stage


def test_a_copy_elsewhere_has_the_same_keys(project: Path, tmp_path: Path):
    before = keys(project)
    copy = shutil.copytree(project, tmp_path / "deep" / "two")
    assert keys(copy) == before
    shutil.rmtree(project)
    assert keys(copy) == before


@pytest.mark.parametrize(
    ("file", "stages"),
    [
        ("data/train.csv", {"example_gen"}),
        ("labels.txt", {"example_gen", "tflite_exporter"}),
        ("corrections.csv", {"example_gen"}),
        ("key.pem", {"example_gen", "pusher"}),
        ("names/meta.json", {"example_gen"}),
        ("schema.pbtxt", {"schema_gen"}),
        ("before/FeatureStats.pb", {"example_validator"}),
        ("encoder/vocab.txt", {"statistics_gen", "transform"}),
        ("more/b.txt", {"pretrainer"}),
        ("teacher/model.json", {"tuner", "trainer"}),
        ("cases.jsonl", {"evaluator"}),
        ("tensorflow_model_server", {"infra_validator"}),
    ],
)
def test_a_changed_file_changes_the_keys_of_those_that_read_it(project: Path, file: str, stages: set[str]):
    before = keys(project)
    (project / file).write_text("other content")
    after = keys(project)
    assert {stage for stage, key in after.items() if key != before[stage]} == stages


def test_what_a_file_is_called_counts_where_rows_are_named_after_it(project: Path):
    before = keys(project)
    (project / "data" / "test.csv").rename(project / "data" / "dev.csv")
    after = keys(project)
    assert {stage for stage, key in after.items() if key != before[stage]} == {"example_gen"}

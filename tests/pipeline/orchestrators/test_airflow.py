"""The DAG file as Python and its commands as bash read them. `tests/integration` runs it where Airflow is."""

import ast
import shlex
import subprocess
from pathlib import Path

import pytest

from components.core.errors import UserError
from pipeline.commands.compile import compile_command
from tests.pipeline.orchestrators.test_kubeflow import CONFIG, kubeflow_options


@pytest.fixture
def compile_dag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DESTINATION", "gs://reviews/models")
    (tmp_path / "emotion.yaml").write_text(CONFIG, encoding="utf-8")

    def compile_with(**changes) -> ast.Module:
        options = kubeflow_options(tmp_path / "dag.py", **{"target": "airflow", **changes})
        compile_command(tmp_path / "emotion.yaml", options)
        return ast.parse((tmp_path / "dag.py").read_text(encoding="utf-8"))

    return compile_with


def calls(module: ast.Module) -> dict[str, ast.Call]:
    """The call of `command` for every task."""
    found = (node for node in ast.walk(module) if isinstance(node, ast.Call))
    named = (node for node in found if isinstance(node.func, ast.Name) and node.func.id == "command")
    return {ast.literal_eval(node.args[0]): node for node in named}


def test_the_commands_are_what_bash_makes_of_them(compile_dag, tmp_path: Path):
    odd = tmp_path / "emotion"
    odd.write_text('#!/bin/bash\nprintf "%s\\n" "$@"\n')
    odd.chmod(0o755)
    module = compile_dag(registry="gs://reviews/it's $HOME `here`/registry", scratch=None)
    line = ast.literal_eval(calls(module)["transform"].args[1])
    config = '{"name": "$(rm -rf /)", "x": "a \\" b"}'
    environment = {
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "EMOTION_CONFIG": config,
        "EMOTION_RUN": "manual__2026-11-26T01:00:00+00:00",
        "EMOTION_ARTIFACTS": "gs://reviews/a b",
    }
    done = subprocess.run(["bash", "-c", line], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "stage",
        "transform",
        config,
        "--registry",
        "gs://reviews/it's $HOME `here`/registry",
        "--run",
        "manual__2026-11-26T01:00:00+00:00",
        "--replace",
        "--gate",
        "example_validator.anomalies=gs://reviews/a b/example_validator/anomalies",
        "--input",
        "examples=gs://reviews/a b/example_gen/examples",
        "--output",
        "transform_graph=gs://reviews/a b/transform/transform_graph",
        "--output",
        "transformed=gs://reviews/a b/transform/transformed",
    ]


def test_pods_are_given_arguments_and_resources(compile_dag):
    module = compile_dag(operator="kubernetes")
    trainer = calls(module)["trainer"]
    arguments = ast.literal_eval(trainer.args[1])
    assert arguments[:3] == ["stage", "trainer", "$(EMOTION_CONFIG)"]
    assert "model=$(EMOTION_ARTIFACTS)/trainer/model" in arguments
    given = {keyword.arg: ast.literal_eval(keyword.value) for keyword in trainer.keywords}
    assert given == {"retries": 5, "resources": {"cpu": "8", "memory": "32Gi", "NVIDIA_L4": "2"}}
    assert shlex.join(arguments).count("--input") == 3


def test_every_stage_and_the_report_are_tasks(compile_dag):
    assert list(calls(compile_dag()))[-2:] == ["pusher", "report"]
    assert "report" not in calls(compile_dag(registry="none"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"operator": "kubernetes", "image": None}, "--image is missing"),
        ({"root": "runs"}, "--root runs: expected an absolute path or a URI"),
        ({"registry": "runs/registry"}, "--registry runs/registry: expected"),
        ({"scratch": "./scratch"}, "--scratch ./scratch: expected"),
        ({"schedule": "@daily"}, r"write \$\{DESTINATION:-default\}"),
    ],
)
def test_what_could_not_run_is_not_written(compile_dag, tmp_path: Path, changes, said):
    with pytest.raises(UserError, match=said):
        compile_dag(**changes)
    assert not (tmp_path / "dag.py").exists()


def test_a_file_is_not_overwritten_unasked(compile_dag, tmp_path: Path):
    compile_dag()
    with pytest.raises(UserError, match="is there already"):
        compile_dag(force=False)

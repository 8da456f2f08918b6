"""The compiled DAG under a real Airflow, in an environment of its own: Airflow and TensorFlow do not fit into one.

python -m venv airflow && airflow/bin/pip install 'apache-airflow>=3.1,<4' apache-airflow-providers-cncf-kubernetes
EMOTION_AIRFLOW_PYTHON=airflow/bin/python python -m pytest tests/integration/test_airflow.py
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.conftest import Workspace, small_config, starter_rows
from tests.integration.test_kubeflow import environment

PYTHON = os.environ.get("EMOTION_AIRFLOW_PYTHON", "")

pytestmark = pytest.mark.skipif(
    not PYTHON,
    reason="EMOTION_AIRFLOW_PYTHON names no interpreter that has Airflow 3 (see this file's docstring)",
)

GATED = {"saved_model_exporter", "tflite_exporter", "infra_validator", "pusher"}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace(tmp_path_factory.mktemp("airflow"))
    directory = workspace.directory
    lines = "".join(f"{json.dumps(row)}\n" for row in starter_rows(300))
    (directory / "texts.jsonl").write_text(lines, encoding="utf-8")
    document = small_config()
    document["example_gen"]["source"] = f"${{SOURCE:-{directory}/texts.jsonl}}"
    document["pusher"]["destination"] = f"{directory}/pushed"
    document["evaluator"]["thresholds"]["macro_f1"] = "${MACRO_F1:-0.0}"
    workspace.config_path.write_text(yaml.safe_dump(document), encoding="utf-8")
    for output, more in (("dag", []), ("pods", ["--operator", "kubernetes", "--image", "emotion"])):
        line = f"compile emotion.yaml --target airflow --output {output}/dag.py --root bucket".split()
        done = workspace.emotion(*line[:-1], str(directory / line[-1]), *more)
        assert done.returncode == 0, done.stderr
    subprocess.run(
        [PYTHON, "-m", "airflow", "db", "migrate"], env=_airflow(workspace), check=True, capture_output=True
    )
    return workspace


def _airflow(workspace: Workspace) -> dict[str, str]:
    """Airflow in a home of its own, and `emotion` on the PATH of its tasks, which is this interpreter's."""
    own = environment(workspace.directory)
    own.pop("PYTHONPATH", None)
    return {
        **own,
        "AIRFLOW_HOME": str(workspace.directory / "home"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(workspace.directory / "dag"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }


def run_dag(workspace: Workspace, **params: str) -> dict[str, Any]:
    program = Path(__file__).with_name("airflow_run.py")
    dag = workspace.directory / "dag" / "dag.py"
    done = subprocess.run(
        [PYTHON, str(program), str(dag), json.dumps(params)],
        env=_airflow(workspace),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_the_dag_trains_and_pushes(workspace: Workspace):
    run = run_dag(workspace)
    assert run["state"] == "success"
    assert set(run["tasks"].values()) == {"success"}
    assert (workspace.directory / "pushed" / "saved_model" / "1").is_dir()
    assert list((workspace.directory / "bucket" / "registry" / "small" / "runs").glob("*/report/report.html"))


def test_a_refused_model_is_skipped_over_and_the_run_is_no_failure(workspace: Workspace):
    versions = workspace.directory / "pushed" / "saved_model"
    before = sorted(versions.glob("*"))
    run = run_dag(workspace, MACRO_F1="0.99")
    assert run["state"] == "success"
    assert sorted(versions.glob("*")) == before
    assert {name for name, state in run["tasks"].items() if state == "skipped"} == GATED
    assert run["tasks"]["report"] == "success"


def test_the_dag_of_pods_imports(workspace: Workspace):
    dag = workspace.directory / "pods" / "dag.py"
    subprocess.run([PYTHON, "-W", "error::SyntaxWarning", str(dag)], env=_airflow(workspace), check=True)

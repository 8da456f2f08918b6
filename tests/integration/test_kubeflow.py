"""The compiled pipeline, run for real: every container's command as a process of its own, as Kubeflow would run it.

Costs about 140 s of CPU: TensorFlow is imported anew in six of the twelve commands.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.core.filesystem import content_digest
from tests.integration.conftest import Workspace, small_config, starter_rows
from tests.integration.kubeflow_launcher import Launcher, host_environment

EVERY_TASK = (
    "example-gen",
    "statistics-gen",
    "schema-gen",
    "example-validator",
    "transform",
    "trainer",
    "evaluator",
    "saved-model-exporter",
    "tflite-exporter",
    "infra-validator",
    "pusher",
    "report",
)

NOT_REPEATABLE = {
    "training.json",  # examples/s
    "parity.json",  # latencies
    "pushed.json",  # where to
    "export.json",  # bytes of the SavedModel, which TensorFlow writes in another order each time
}


@dataclass(frozen=True)
class Compiled:
    """A workspace with a compiled pipeline, the runs of it, and the same pipeline run by `emotion run`."""

    workspace: Workspace
    spec: dict[str, Any]
    first: Launcher
    local: Path

    @property
    def directory(self) -> Path:
        return self.workspace.directory

    def launch(self, job: str, **parameters: str) -> Launcher:
        launcher = Launcher(self.spec, self.directory / "bucket", job, environment(self.directory))
        launcher.run(DESTINATION=str(self.directory / "pushed"), **parameters)
        return launcher


def environment(directory: Path) -> dict[str, str]:
    """An `emotion` on the PATH that is this interpreter's, whether the package is installed or not."""
    script = directory / "bin" / "emotion"
    script.parent.mkdir(exist_ok=True)
    here = str(Path(__file__).parents[2])
    lines = (
        f"#!{sys.executable}",
        "import sys",
        f"sys.path.insert(0, {here!r})",
        "from pipeline.cli import main",
        "main()",
    )
    script.write_text("\n".join(lines) + "\n", encoding="utf-8")
    script.chmod(0o755)
    return host_environment(script.parent)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    workspace = Workspace(tmp_path_factory.mktemp("kubeflow"))
    directory = workspace.directory
    (directory / "texts.jsonl").write_text(
        "".join(f"{json.dumps(row)}\n" for row in starter_rows(300)), encoding="utf-8"
    )
    document = small_config()
    document["example_gen"]["source"] = f"${{SOURCE:-{directory}/texts.jsonl}}"
    document["pusher"]["destination"] = "${DESTINATION}"
    document["evaluator"]["thresholds"]["macro_f1"] = "${MACRO_F1:-0.0}"
    workspace.config_path.write_text(yaml.safe_dump(document), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DESTINATION", str(directory / "pushed locally"))
        command = "compile emotion.yaml --target kubeflow --output pipeline.yaml --image emotion --root"
        done = workspace.emotion(*command.split(), str(directory / "bucket"))
        assert done.returncode == 0, done.stderr
        ran = workspace.emotion("run", "emotion.yaml")
        assert ran.returncode == 0, ran.stdout + ran.stderr
    spec = yaml.safe_load((directory / "pipeline.yaml").read_text(encoding="utf-8"))
    first = Launcher(spec, directory / "bucket", "1", environment(directory))
    first.run(DESTINATION=str(directory / "pushed"))
    return Compiled(workspace, spec, first, directory / "root")


def test_every_command_of_the_yaml_ends_well(compiled: Compiled):
    failed = {name: done.stderr[-2000:] for name, done in compiled.first.ended.items() if done.returncode}
    assert not failed
    assert tuple(sorted(compiled.first.ended)) == tuple(sorted(EVERY_TASK))
    assert list(compiled.first.ended)[-1] == "report"


def test_the_artifacts_are_those_of_the_local_run_to_the_byte(compiled: Compiled):
    compared = 0
    for name, uri in compiled.first.artifacts.items():
        stage, output = name.replace("-", "_").split(".")
        (mine,) = (compiled.local / stage / output).iterdir()
        theirs = files(Path(uri))
        assert theirs.keys() == files(mine).keys(), name
        for file, digest in files(mine).items():
            if file.name in NOT_REPEATABLE or "saved_model" in file.parts:
                continue
            assert theirs[file] == digest, f"{name}/{file}"
            compared += 1
    assert compared > 30
    pushed = [compiled.directory / place / "tflite" / "1" for place in ("pushed", "pushed locally")]
    # The manifest says when it was pushed, and by which run.
    assert without_manifest(pushed[0]) == without_manifest(pushed[1])
    there, here = (json.loads((place / "manifest.json").read_text())["lineage"] for place in pushed)
    assert (there["pipeline"], there["run_id"]) == (here["pipeline"], "1")
    assert there["inputs"]["examples"] == here["inputs"]["examples"]


def without_manifest(directory: Path) -> dict[Path, str]:
    return {path: digest for path, digest in files(directory).items() if path.name != "manifest.json"}


def files(directory: Path) -> dict[Path, str]:
    """Digest by path of every file but TensorBoard's, which are named after the moment."""
    return {
        path.relative_to(directory): content_digest(str(path))
        for path in directory.rglob("*")
        if path.is_file() and "tfevents" not in path.name
    }


def test_the_exit_handler_writes_the_report(compiled: Compiled):
    pages = compiled.directory / "bucket" / "registry" / "small" / "runs" / "1" / "report"
    assert {page.name for page in pages.iterdir()} == {"report.html", "statistics.html", "MODEL_CARD.md"}
    report = (pages / "report.html").read_text(encoding="utf-8")
    assert "macro-F1" in report
    assert "run 1" in report
    assert "pusher" in compiled.first.ended["report"].stdout


def test_a_second_run_takes_all_from_the_registry(compiled: Compiled):
    again = compiled.launch("2")
    assert {done.returncode for done in again.ended.values()} == {0}
    records = [json.loads(done.stdout) for name, done in again.ended.items() if name != "report"]
    ran = {record["stage"] for record in records if record["state"] != "CACHED"}
    assert ran == set()
    assert sorted(path.name for path in (compiled.directory / "pushed" / "tflite").glob("[0-9]*")) == ["1"]


def test_a_refused_model_is_neither_exported_nor_pushed_and_the_report_says_why(compiled: Compiled):
    refused = compiled.launch("3", MACRO_F1="0.99")
    assert tuple(sorted(refused.ended)) == tuple(
        sorted({*EVERY_TASK} - {"saved-model-exporter", "tflite-exporter", "infra-validator", "pusher"})
    )
    assert {done.returncode for done in refused.ended.values()} == {0}
    told = refused.ended["report"].stdout
    assert "below the required 0.990" in told
    assert told.count("refused") == 4


def test_a_mistake_fails_the_task_and_still_gives_a_report(compiled: Compiled):
    failed = compiled.launch("4", SOURCE="/nowhere.csv")
    assert {name: done.returncode for name, done in failed.ended.items()} == {"example-gen": 2, "report": 0}
    assert "/nowhere.csv: no such file" in failed.ended["example-gen"].stderr
    report = failed.ended["report"].stdout
    assert "example_gen            failed    UserError: example_gen.source: /nowhere.csv" in report
    assert "statistics_gen         refused   example_gen did not end" in report

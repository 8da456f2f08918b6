"""Runs a compiled pipeline as Kubeflow's driver and launcher do, each container's command as a process of its own.

Reads `pipeline_spec` as kfp's compiler writes it: DAGs inside DAGs, conditions, exit handlers, placeholders. What a
command is given and what is read of it follows `backend/src/v2/component/launcher_v2.go` of kubeflow/pipelines.
"""

import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_CONDITION = re.compile(r"inputs\.parameter_values\['(?P<name>[^']+)'\]\s*==\s*'(?P<value>[^']*)'")


@dataclass
class Outputs:
    """What a task gives to others: parameter values, and artifact URIs with their schema titles."""

    parameters: dict[str, Any] = field(default_factory=dict)
    artifacts: dict[str, tuple[str, str]] = field(default_factory=dict)


@dataclass
class Launcher:
    """One run of one pipeline.

    Attributes:
        spec: the YAML document.
        root: directory that stands for the bucket: a path below it is an artifact's URI and its mounted path.
        job: the run's id.
        environment: of every container.
        ended: tasks that ran, in order, with exit code and stderr.
    """

    spec: Mapping[str, Any]
    root: Path
    job: str
    environment: Mapping[str, str]
    ended: dict[str, subprocess.CompletedProcess[str]] = field(default_factory=dict)
    artifacts: dict[str, str] = field(default_factory=dict)

    def run(self, **parameters: str) -> bool:
        """Runs everything; returns whether every task that was to run ended well."""
        root = self.spec["root"]
        defined = root["inputDefinitions"]["parameters"]
        given = {name: value["defaultValue"] for name, value in defined.items() if "defaultValue" in value}
        missing = defined.keys() - given.keys() - parameters.keys()
        assert not missing, f"parameters are missing: {missing}"
        return self._run_dag(root["dag"], Outputs({**given, **parameters})) is not None

    def _run_dag(self, dag: Mapping[str, Any], inputs: Outputs) -> dict[str, Outputs] | None:
        """Outputs by task; None if a task failed. Tasks whose predecessors were skipped or failed are not run."""
        done: dict[str, Outputs] = {}
        waiting, unrun, failed = dict(dag["tasks"]), set[str](), False
        while waiting:
            name = next(
                name
                for name, task in waiting.items()
                if not waiting.keys() & set(task.get("dependentTasks", ()))
            )
            task = waiting.pop(name)
            is_exit = task.get("triggerPolicy", {}).get("strategy") == "ALL_UPSTREAM_TASKS_COMPLETED"
            if unrun & set(task.get("dependentTasks", ())) and not is_exit:
                unrun.add(name)
                continue
            taken = self._inputs(task, inputs, done)
            if not _triggered(task, taken):
                unrun.add(name)
                continue
            component = self.spec["components"][task["componentRef"]["name"]]
            ended = self._run_component(name, component, taken)
            if ended is None:
                failed = True
                unrun.add(name)
            else:
                done[name] = ended
        return None if failed else done

    def _inputs(self, task: Mapping[str, Any], inputs: Outputs, done: Mapping[str, Outputs]) -> Outputs:
        taken = Outputs()
        declared = task.get("inputs", {})
        for name, source in declared.get("parameters", {}).items():
            if "componentInputParameter" in source:
                taken.parameters[name] = inputs.parameters[source["componentInputParameter"]]
            elif "taskOutputParameter" in source:
                origin = source["taskOutputParameter"]
                taken.parameters[name] = done[origin["producerTask"]].parameters[origin["outputParameterKey"]]
            else:
                constant = source["runtimeValue"]["constant"]
                taken.parameters[name] = constant.replace("{{$.pipeline_job_uuid}}", self.job)
        for name, source in declared.get("artifacts", {}).items():
            if "componentInputArtifact" in source:
                taken.artifacts[name] = inputs.artifacts[source["componentInputArtifact"]]
            else:
                origin = source["taskOutputArtifact"]
                taken.artifacts[name] = done[origin["producerTask"]].artifacts[origin["outputArtifactKey"]]
        return taken

    def _run_component(self, task: str, component: Mapping[str, Any], taken: Outputs) -> Outputs | None:
        if "dag" in component:
            return None if self._run_dag(component["dag"], taken) is None else Outputs()
        _check_interface(task, component, taken)
        container = self.spec["deploymentSpec"]["executors"][component["executorLabel"]]["container"]
        home = self.root / self.spec["pipelineInfo"]["name"] / self.job / task
        defined = component.get("outputDefinitions", {})
        made = Outputs()
        replaced = {
            f"{{{{$.inputs.parameters['{name}']}}}}": value for name, value in taken.parameters.items()
        }
        for name, (uri, _) in taken.artifacts.items():
            replaced[f"{{{{$.inputs.artifacts['{name}'].path}}}}"] = uri
        for name, artifact in defined.get("artifacts", {}).items():
            made.artifacts[name] = (str(home / name), artifact["artifactType"]["schemaTitle"])
            replaced[f"{{{{$.outputs.artifacts['{name}'].path}}}}"] = str(home / name)
        for name in defined.get("parameters", {}):
            replaced[f"{{{{$.outputs.parameters['{name}'].output_file}}}}"] = str(home / "parameters" / name)
        (home / "parameters").mkdir(parents=True, exist_ok=True)
        line = [*container["command"], *container["args"]]
        for placeholder, value in replaced.items():
            line = [word.replace(placeholder, value) for word in line]
        assert not any("{{$" in word for word in line), f"{task}: a placeholder was left: {line}"
        self.ended[task] = subprocess.run(
            line,
            env={**self.environment, **_container_environment(container)},
            capture_output=True,
            text=True,
            check=False,
        )
        if self.ended[task].returncode != 0:
            return None
        for name, parameter in defined.get("parameters", {}).items():
            text = (home / "parameters" / name).read_text(encoding="utf-8")
            made.parameters[name] = json.loads(text) if parameter["parameterType"] == "STRUCT" else text
        for name, (uri, _) in made.artifacts.items():
            assert Path(uri).is_dir(), f"{task} left no artifact {name}"
            self.artifacts[f"{task}.{name}"] = uri
        return made


def _triggered(task: Mapping[str, Any], taken: Outputs) -> bool:
    condition = task.get("triggerPolicy", {}).get("condition")
    if condition is None:
        return True
    match = _CONDITION.fullmatch(condition)
    assert match is not None, f"a condition of another kind: {condition}"
    return bool(taken.parameters[match["name"]] == match["value"])


def _check_interface(task: str, component: Mapping[str, Any], taken: Outputs) -> None:
    """The backend refuses a task whose inputs are not those that its component defines."""
    defined = component.get("inputDefinitions", {})
    assert taken.parameters.keys() == defined.get("parameters", {}).keys(), task
    assert taken.artifacts.keys() == defined.get("artifacts", {}).keys(), task
    for name, (_, title) in taken.artifacts.items():
        assert title == defined["artifacts"][name]["artifactType"]["schemaTitle"], f"{task}.{name}"


def _container_environment(container: Mapping[str, Any]) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in container.get("env", ())}


def host_environment(bin_dir: Path) -> dict[str, str]:
    """What an image would give: this environment, with `bin_dir` first on the PATH."""
    return {**os.environ, "PATH": f"{bin_dir}{os.pathsep}{os.environ.get('PATH', '')}"}

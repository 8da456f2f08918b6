"""What Kubeflow's SDK says of the compiled pipeline, and what is in it. `tests/integration` runs it."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp import components
from kfp.pipeline_spec import pipeline_spec_pb2

from components.core.component import Output, Summary, component
from components.core.config import Config
from components.core.errors import ConfigError, GraphError, UserError
from pipeline.commands.compile import CompileOptions, compile_command
from pipeline.emotion import build_graph
from pipeline.graph import Graph
from pipeline.orchestrators.gates import gate_paths
from tests.pipeline.toy_stages import toy_graph

CONFIG = """\
name: Reviews_2
example_gen: {source: "gs://reviews/*.csv"}
evaluator: {thresholds: {macro_f1: 0.5}}
pretrainer: {}
pusher:
  destination: ${DESTINATION}
resources:
  trainer: {cpu: 8, memory: 32Gi, accelerator: NVIDIA_L4, accelerators: 2, retries: 5}
"""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> str:
    directory = tmp_path_factory.mktemp("kubeflow")
    (directory / "emotion.yaml").write_text(CONFIG, encoding="utf-8")
    output = directory / "pipeline.yaml"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DESTINATION", "gs://reviews/models")
        compile_command(directory / "emotion.yaml", kubeflow_options(output))
    return output.read_text(encoding="utf-8")


def kubeflow_options(output: Path, **changes: Any) -> CompileOptions:
    settings: dict[str, Any] = {
        "target": "kubeflow",
        "output": output,
        "image": "registry.example/emotion@sha256:abc",
        "root": "gs://reviews/runs/",
        "registry": None,
        "scratch": "/gcs/reviews/scratch",
        "use_cache": True,
        "environment": ["TF_CPP_MIN_LOG_LEVEL=1"],
        "operator": "bash",
        "schedule": None,
        "force": True,
    }
    return CompileOptions(**{**settings, **changes})


@pytest.fixture(scope="module")
def spec(compiled: str) -> dict[str, Any]:
    return dict(yaml.safe_load(compiled))


def container(spec: dict[str, Any], stage: str) -> dict[str, Any]:
    return dict(spec["deploymentSpec"]["executors"][f"exec-{stage}"]["container"])


def test_the_sdk_reads_it_back(compiled: str, spec: dict[str, Any]):
    loaded = components.load_component_from_text(compiled)
    assert isinstance(loaded.pipeline_spec, pipeline_spec_pb2.PipelineSpec)
    assert loaded.pipeline_spec.pipeline_info.name == "reviews-2"
    assert spec["defaultPipelineRoot"] == "gs://reviews/runs/"
    parameters = loaded.pipeline_spec.root.input_definitions.parameters
    assert set(parameters) == {"config", "DESTINATION"}
    assert "${DESTINATION}" in parameters["config"].default_value.string_value
    assert not parameters["DESTINATION"].HasField("default_value"), "what must be given has no default"


def test_every_stage_of_the_graph_is_a_container_that_runs_it(spec: dict[str, Any]):
    from pipeline.config import parse_yaml

    graph = build_graph(parse_yaml(CONFIG.replace("${DESTINATION}", "gs://reviews/models")))
    stages = {name.removeprefix("exec-").replace("-", "_") for name in spec["deploymentSpec"]["executors"]}
    assert stages == {*graph.nodes, "report"}
    for node in graph:
        arguments = container(spec, node.name.replace("_", "-"))["args"]
        assert arguments[:2] == ["stage", node.name]
        assert arguments[arguments.index("--registry") + 1] == "gs://reviews/runs/registry"
        assert arguments[arguments.index("--scratch") + 1] == "/gcs/reviews/scratch"


def test_resources_accelerators_retries_and_environment(spec: dict[str, Any]):
    resources = container(spec, "trainer")["resources"]
    assert (resources["resourceCpuLimit"], resources["resourceMemoryLimit"]) == ("8", "32Gi")
    assert resources["accelerator"]["resourceType"] == "NVIDIA_L4"
    assert resources["accelerator"]["resourceCount"] == "2"
    assert "accelerator" not in container(spec, "evaluator")["resources"]
    assert container(spec, "evaluator")["env"] == [{"name": "TF_CPP_MIN_LOG_LEVEL", "value": "1"}]
    tasks = {name: task for _, name, task in all_tasks(spec)}
    assert tasks["trainer"]["retryPolicy"]["maxRetryCount"] == 5
    assert not any(task.get("cachingOptions", {}).get("enableCache") for task in tasks.values())


def test_conditions_hold_back_what_is_gated_and_nothing_else(spec: dict[str, Any]):
    where = {name: path for path, name, _ in all_tasks(spec)}
    assert len(where["example-validator"]) == 1
    assert len(where["transform"]) == len(where["trainer"]) == len(where["evaluator"]) == 2
    assert len(where["saved-model-exporter"]) == len(where["infra-validator"]) == 3
    assert len(where["pusher"]) == 4
    conditions = [
        task["triggerPolicy"]["condition"]
        for _, name, task in all_tasks(spec)
        if name.startswith("condition")
    ]
    assert sorted(conditions) == [
        f"inputs.parameter_values['pipelinechannel--{stage}-refusal'] == 'none'"
        for stage in ("evaluator", "example-validator", "infra-validator")
    ]
    (report,) = (task for _, name, task in all_tasks(spec) if name == "report")
    assert report["triggerPolicy"]["strategy"] == "ALL_UPSTREAM_TASKS_COMPLETED"


def test_artifacts_have_kubeflows_types(spec: dict[str, Any]):
    defined = spec["components"]["comp-evaluator"]
    titles = {
        name: artifact["artifactType"]["schemaTitle"]
        for kind in ("inputDefinitions", "outputDefinitions")
        for name, artifact in defined[kind]["artifacts"].items()
    }
    assert titles == {
        "examples": "system.Dataset",
        "model": "system.Model",
        "evaluation": "system.Metrics",
        "blessing": "system.Artifact",
    }


def test_resources_of_a_stage_that_is_none_are_a_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DESTINATION", "gs://reviews/models")
    (tmp_path / "emotion.yaml").write_text(CONFIG.replace("trainer: {cpu", "trianer: {cpu"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"resources.trianer.*did you mean `trainer`"):
        compile_command(tmp_path / "emotion.yaml", kubeflow_options(tmp_path / "pipeline.yaml"))


def test_a_variable_that_is_called_like_an_artifact_is_refused(tmp_path: Path):
    text = CONFIG.replace("${DESTINATION}", "${model:-gs://reviews/models}")
    (tmp_path / "emotion.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"variable model .*\$\{MODEL\}"):
        compile_command(tmp_path / "emotion.yaml", kubeflow_options(tmp_path / "pipeline.yaml"))


def test_without_a_registry_there_is_no_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DESTINATION", "gs://reviews/models")
    (tmp_path / "emotion.yaml").write_text(CONFIG, encoding="utf-8")
    output = tmp_path / "pipeline.yaml"
    compile_command(tmp_path / "emotion.yaml", kubeflow_options(output, registry="none"))
    text = output.read_text(encoding="utf-8")
    assert "exec-report" not in text
    assert "--registry" not in text
    assert "--run" in text, "manifests name it"


def test_a_file_that_kubeflow_would_not_take_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DESTINATION", "gs://reviews/models")
    (tmp_path / "emotion.yaml").write_text(CONFIG, encoding="utf-8")
    with pytest.raises(UserError, match=r"pipeline\.yml: Kubeflow takes a file that ends in \.yaml"):
        compile_command(tmp_path / "emotion.yaml", kubeflow_options(tmp_path / "pipeline.yml"))


def test_a_warm_start_needs_a_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DESTINATION", "gs://reviews/models")
    warm = CONFIG.replace("pretrainer: {}", "trainer: {warm_start: latest_blessed}")
    (tmp_path / "emotion.yaml").write_text(warm, encoding="utf-8")
    with pytest.raises(UserError, match=r"--registry none: .*warm_start"):
        compile_command(
            tmp_path / "emotion.yaml", kubeflow_options(tmp_path / "pipeline.yaml", registry="none")
        )


def all_tasks(spec: dict[str, Any]) -> list[tuple[tuple[str, ...], str, dict[str, Any]]]:
    """Every task with the names of the DAGs that it is in."""

    def inside(
        dag: dict[str, Any], path: tuple[str, ...]
    ) -> list[tuple[tuple[str, ...], str, dict[str, Any]]]:
        found = []
        for name, task in dag["tasks"].items():
            found.append((path, name, task))
            component_ = spec["components"][task["componentRef"]["name"]]
            if "dag" in component_:
                found += inside(component_["dag"], (*path, name))
        return found

    return inside(spec["root"]["dag"], ())


class _JoinConfig(Config):
    pass


def test_gates_that_no_condition_can_express_are_refused(tmp_path: Path):
    from components.core.artifacts import Model, ModelBlessing, SavedModelExport
    from tests.pipeline.toy_stages import JudgeConfig, PushConfig

    @component()
    def second_judge(*, config: JudgeConfig, model: Model, verdict: Output[ModelBlessing]) -> Summary:
        return {}

    @component()
    def second_push(*, config: PushConfig, model: Model, sent: Output[SavedModelExport]) -> Summary:
        return {}

    @component()
    def join(
        *, config: _JoinConfig, one: SavedModelExport, other: SavedModelExport, joined: Output[Model]
    ) -> Summary:
        return {}

    (tmp_path / "number.txt").write_text("3")
    graph: Graph = toy_graph(str(tmp_path / "number.txt"))
    assert gate_paths(graph)["push"] == (graph.nodes["judge"]["blessing"],)
    model = graph.nodes["train"]["model"]
    verdict = graph.add(second_judge, JudgeConfig(), model=model)["verdict"]
    sent = graph.add(second_push, PushConfig(), gates=(verdict,), model=model)["sent"]
    graph.add(join, _JoinConfig(), one=graph.nodes["push"]["pushed"], other=sent)
    with pytest.raises(GraphError, match=r"join needs .*gate the stages one after the other"):
        gate_paths(graph)

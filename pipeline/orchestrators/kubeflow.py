"""The graph as a pipeline of Kubeflow Pipelines v2, which Vertex AI reads, too."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kfp import compiler, dsl

from components.core.artifacts import (
    Artifact,
    Examples,
    Model,
    ModelEvaluation,
    PretrainedEncoder,
    SavedModelExport,
    TFLiteExport,
    TransformedExamples,
)
from components.core.errors import UserError
from pipeline.graph import Graph, Node, OutputRef
from pipeline.orchestrators.commands import CommandLines
from pipeline.orchestrators.gates import gate_paths
from pipeline.orchestrators.portable import PortableConfig
from pipeline.orchestrators.record import NOT_REFUSED
from pipeline.orchestrators.resources import REPORT, stage_resources

__all__ = ["KubeflowOptions", "compile_kubeflow"]

_TYPES: dict[type[Artifact], Any] = {
    Examples: dsl.Dataset,
    TransformedExamples: dsl.Dataset,
    Model: dsl.Model,
    PretrainedEncoder: dsl.Model,
    SavedModelExport: dsl.Model,
    TFLiteExport: dsl.Model,
    ModelEvaluation: dsl.Metrics,
}
"""Kubeflow's types, which its pages show each in its own way; the others are artifacts in general."""


@dataclass(frozen=True)
class KubeflowOptions:
    """What the configuration does not say.

    Attributes:
        image: image with `emotion` on its PATH, by digest at best.
        root: URI under which Kubeflow keeps artifacts.
        registry: URI of the registry; None for no baselines and no report.
        scratch: directory that is mounted in every container and outlives it; None if there is none.
        use_cache: whether stages take from the registry what came of the same code, settings and content before.
        environment: environment variables of every container.
    """

    image: str
    root: str
    registry: str | None = None
    scratch: str | None = None
    use_cache: bool = True
    environment: Mapping[str, str] | None = None


def compile_kubeflow(graph: Graph, portable: PortableConfig, options: KubeflowOptions, output: Path) -> None:
    """Writes the pipeline as YAML, whose parameters are `config` (the text) and the configuration's variables.

    Args:
        graph: the stages.
        portable: the configuration.
        options: what it does not say.
        output: file to write; it ends in `.yaml`.

    Raises:
        GraphError: conditions of the graph cannot be nested.
        UserError: a name of the configuration is none that Kubeflow takes, or a variable is called like a port.
    """
    _check_variables(graph, portable)
    compiler.Compiler().compile(_Compilation(graph, portable, options).pipeline(), str(output))


class _Compilation:
    def __init__(self, graph: Graph, portable: PortableConfig, options: KubeflowOptions) -> None:
        self._graph = graph
        self._portable = portable
        self._options = options
        self._paths = gate_paths(graph)
        self._tasks: dict[str, Any] = {}

    def pipeline(self) -> Any:
        parameters = [_parameter("config", str, self._portable.text)]
        parameters += [_parameter(name, str, default) for name, default in self._portable.variables.items()]
        required = [parameter for parameter in parameters if parameter.default is inspect.Parameter.empty]
        optional = [parameter for parameter in parameters if parameter not in required]

        def build(*values: Any) -> None:
            given = dict(zip((parameter.name for parameter in required + optional), values, strict=True))
            with self._reporting(given):
                self._add(list(self._graph), given, depth=0)

        build.__signature__ = inspect.Signature(required + optional)  # type: ignore[attr-defined]
        name = _pipeline_name(self._portable.config.name)
        described = f"Emotion pipeline {self._portable.config.name}: from labelled texts to pushed models."
        return dsl.pipeline(build, name=name, description=described, pipeline_root=self._options.root)

    def _reporting(self, given: Mapping[str, Any]) -> Any:
        """The block of all stages, after which the report is written whatever became of them."""
        if self._options.registry is None:
            return nullcontext()
        task = self._report_component()(**given, run=dsl.PIPELINE_JOB_ID_PLACEHOLDER)
        self._equip(task, REPORT)
        return dsl.ExitHandler(task, name="stages")

    def _add(self, nodes: Sequence[Node], given: Mapping[str, Any], *, depth: int) -> None:
        """Adds stages that are behind the same first gates; those behind one gate more go into its condition."""
        for node in nodes:
            if len(self._paths[node.name]) == depth:
                self._add_task(node, given)
        behind: dict[OutputRef, list[Node]] = {}
        for node in nodes:
            if len(path := self._paths[node.name]) > depth:
                behind.setdefault(path[depth], []).append(node)
        for gate, inner in behind.items():
            with dsl.If(
                self._tasks[gate.stage].outputs["refusal"] == NOT_REFUSED, name=f"{gate.stage}-passes"
            ):
                self._add(inner, given, depth=depth + 1)

    def _add_task(self, node: Node, given: Mapping[str, Any]) -> None:
        inputs = {
            name: self._tasks[source.stage].outputs[source.name]
            for name, source in node.inputs.items()
            if isinstance(source, OutputRef)
        }
        task = self._stage_component(node)(**given, run=dsl.PIPELINE_JOB_ID_PLACEHOLDER, **inputs)
        self._equip(task, node.name)
        self._tasks[node.name] = task

    def _equip(self, task: Any, stage: str) -> None:
        wanted = stage_resources(self._portable.config.resources, stage)
        # Kubeflow's own cache knows the places of inputs but not their content; the stages look into the registry's.
        task.set_caching_options(False)
        task.set_cpu_request(f"{wanted.cpu:g}").set_cpu_limit(f"{wanted.cpu:g}")
        task.set_memory_request(wanted.memory).set_memory_limit(wanted.memory)
        if wanted.accelerator is not None:
            task.set_accelerator_type(wanted.accelerator).set_accelerator_limit(wanted.accelerators)
        if wanted.retries:
            task.set_retry(wanted.retries, backoff_duration="30s", backoff_factor=2)
        for name, value in (self._options.environment or {}).items():
            task.set_env_variable(name, value)

    def _stage_component(self, node: Node) -> Any:
        spec = node.component.spec
        wired = [name for name, source in node.inputs.items() if isinstance(source, OutputRef)]
        ports = [_parameter(name, dsl.Input[_kubeflow_type(spec.inputs[name])]) for name in wired]
        ports += [_parameter(name, dsl.Output[_kubeflow_type(kind)]) for name, kind in spec.outputs.items()]
        ports += [_parameter("refusal", dsl.OutputPath(str)), _parameter("summary", dsl.OutputPath(dict))]

        def arguments(given: Mapping[str, Any]) -> list[str]:
            line = self._command_lines(given).stage(
                node.name,
                inputs={name: given[name].path for name in wired},
                outputs={name: given[name].path for name in spec.outputs},
            )
            return [*line, "--refusal", given["refusal"], "--summary", given["summary"]]

        return self._component(node.name, (node.component.__doc__ or "").split("\n")[0], ports, arguments)

    def _report_component(self) -> Any:
        def arguments(given: Mapping[str, Any]) -> list[str]:
            return self._command_lines(given).report()

        return self._component(REPORT, "Writes the report of the run, whatever became of it.", [], arguments)

    def _command_lines(self, given: Mapping[str, Any]) -> CommandLines:
        return CommandLines(
            config=given["config"],
            run=given["run"],
            registry=self._options.registry,
            variables={name: given[name] for name in self._portable.variables},
            scratch=self._options.scratch,
            use_cache=self._options.use_cache,
        )

    def _component(
        self,
        name: str,
        description: str,
        ports: Sequence[inspect.Parameter],
        arguments: Callable[[Mapping[str, Any]], list[str]],
    ) -> Any:
        """A container component with the parameters that all have and `ports` of its own."""
        shared = ["config", *self._portable.variables, "run"]
        signature = inspect.Signature([*(_parameter(shared_name, str) for shared_name in shared), *ports])

        def build(*placeholders: Any) -> dsl.ContainerSpec:
            given = dict(zip(signature.parameters, placeholders, strict=True))
            return dsl.ContainerSpec(image=self._options.image, command=["emotion"], args=arguments(given))

        build.__name__ = name
        build.__doc__ = description
        build.__signature__ = signature  # type: ignore[attr-defined]
        return dsl.container_component(build)


def _parameter(name: str, annotation: Any, default: Any = None) -> inspect.Parameter:
    return inspect.Parameter(
        name,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        default=inspect.Parameter.empty if default is None else default,
        annotation=annotation,
    )


def _kubeflow_type(kind: type[Artifact]) -> Any:
    return _TYPES.get(kind, dsl.Artifact)


def _pipeline_name(name: str) -> str:
    """Kubeflow's names are lower case letters, digits and dashes."""
    found = "".join(char if char.isascii() and char.isalnum() else "-" for char in name.lower()).strip("-")
    if not found:
        raise UserError(
            f"name is {name!r}: Kubeflow needs a letter or a digit in it; name the pipeline otherwise"
        )
    return found


def _check_variables(graph: Graph, portable: PortableConfig) -> None:
    """A component's parameters and artifacts share one name space."""
    ports = {name for node in graph for name in (*node.component.spec.inputs, *node.component.spec.outputs)}
    taken = sorted(portable.variables.keys() & (ports | {"config", "run", "refusal", "summary"}))
    if taken:
        raise UserError(
            f"the configuration's variable {taken[0]} has the name of something that stages hand on; name it "
            f"otherwise, in capitals: ${{{taken[0].upper()}}}"
        )

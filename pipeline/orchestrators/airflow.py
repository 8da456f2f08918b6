"""The graph as a DAG file of Airflow 3."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from components.core.atomic_files import write_atomic
from components.core.errors import UserError
from pipeline.graph import Graph, Node, OutputRef
from pipeline.orchestrators.commands import CommandLines
from pipeline.orchestrators.portable import PortableConfig
from pipeline.orchestrators.resources import REPORT, StageResources, stage_resources

__all__ = ["AirflowOptions", "Operator", "compile_airflow"]


class Operator(StrEnum):
    """How Airflow runs a stage."""

    BASH = "bash"
    KUBERNETES = "kubernetes"


@dataclass(frozen=True)
class AirflowOptions:
    """What the configuration does not say.

    Attributes:
        operator: BASH runs `emotion` on Airflow's worker, KUBERNETES in a pod.
        root: path or URI under which artifacts are kept by run, in reach of every worker or pod.
        image: image of the pods.
        registry: URI of the registry; None for no baselines and no report.
        scratch: directory that every worker or pod sees and that outlives it; None if there is none.
        use_cache: whether stages take from the registry what came of the same code, settings and content before.
        schedule: cron expression or preset; None to run by hand only.
        environment: environment variables of every task.
    """

    operator: Operator
    root: str
    image: str | None = None
    registry: str | None = None
    scratch: str | None = None
    use_cache: bool = True
    schedule: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Task:
    name: str
    after: tuple[str, ...]
    arguments: Sequence[str]
    resources: StageResources


def compile_airflow(graph: Graph, portable: PortableConfig, options: AirflowOptions, output: Path) -> None:
    """Writes the DAG file, whose params are `config` (the text) and the configuration's variables.

    A gated stage asks its gates itself and is skipped if they refuse it, and so is what comes after it. The report is a
    teardown: it runs whatever became of the stages, and they alone decide whether the run went well.

    Args:
        graph: the stages.
        portable: the configuration.
        options: what it does not say.
        output: file to write.

    Raises:
        UserError: an image is missing, or a variable has no default though nobody is there to give it.
    """
    if options.operator is Operator.KUBERNETES and options.image is None:
        raise UserError("--image is missing: pods need the image that the Dockerfile of this project builds")
    required = [name for name, default in portable.variables.items() if default is None]
    if required and options.schedule is not None:
        raise UserError(
            f"a scheduled run is given no values: write ${{{required[0]}:-default}} in the configuration, or leave out "
            "--schedule"
        )
    tasks = _tasks(graph, portable, options)
    environment = Environment(
        loader=PackageLoader("pipeline.orchestrators", "."),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["python"] = _literal
    environment.filters["bash"] = _bash
    text = environment.get_template("airflow_dag.py.j2").render(
        portable=portable,
        options=options,
        dag_id=portable.config.name,
        artifacts=f"{options.root.rstrip('/')}/{portable.config.name}/{{{{ run_id }}}}",
        tasks=tasks,
        leaves=[task.name for task in tasks if not any(task.name in other.after for other in tasks)],
        report=_task_of_report(portable, options),
    )
    write_atomic(output, text)


def _tasks(graph: Graph, portable: PortableConfig, options: AirflowOptions) -> list[_Task]:
    lines = _command_lines(options)
    return [
        _Task(
            node.name,
            tuple(sorted(node.predecessors())),
            _stage_arguments(node, lines, options.operator),
            stage_resources(portable.config.resources, node.name),
        )
        for node in graph
    ]


def _task_of_report(portable: PortableConfig, options: AirflowOptions) -> _Task | None:
    if options.registry is None:
        return None
    resources = stage_resources(portable.config.resources, REPORT)
    return _Task(REPORT, (), _command_lines(options).report(), resources)


def _command_lines(options: AirflowOptions) -> CommandLines:
    """The commands with the task's environment filled in: by the shell, or by Kubernetes."""
    return CommandLines(
        config=_variable("EMOTION_CONFIG", options.operator),
        run=_variable("EMOTION_RUN", options.operator),
        registry=options.registry,
        scratch=options.scratch,
        use_cache=options.use_cache,
    )


def _stage_arguments(node: Node, lines: CommandLines, operator: Operator) -> list[str]:
    def place(source: OutputRef) -> str:
        return f"{_variable('EMOTION_ARTIFACTS', operator)}/{source.stage}/{source.name}"

    return lines.stage(
        node.name,
        gates={str(gate): place(gate) for gate in node.gates},
        inputs={name: place(source) for name, source in node.inputs.items() if isinstance(source, OutputRef)},
        outputs={name: place(node[name]) for name in node.component.spec.outputs},
    )


def _variable(name: str, operator: Operator) -> str:
    return f"$({name})" if operator is Operator.KUBERNETES else f"${{{name}}}"


def _bash(arguments: Sequence[str]) -> str:
    """A command line for bash, which replaces `${NAME}` by one word whatever is in it."""
    lines: list[str] = []
    for word in ("emotion", *arguments):
        quoted = word if re.fullmatch(r"[A-Za-z0-9_./:=-]+", word) else f'"{_escape(word)}"'
        if word.startswith("--") or not lines:
            lines.append(quoted)
        else:
            lines[-1] += f" {quoted}"
    return "exec " + " \\\n  ".join(lines)


def _escape(word: str) -> str:
    return re.sub(r'(["\\`]|\$(?!\{EMOTION_))', r"\\\1", word)


def _literal(value: object) -> str:
    """A Python literal, as formatters write it: with double quotes unless there are some in the text."""
    plain = isinstance(value, str) and not set(value) & {'"', "\\"} and value.isprintable()
    return f'"{value}"' if plain else repr(value)

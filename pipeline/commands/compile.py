"""`emotion compile`: the pipeline as Kubeflow, Vertex AI or Airflow runs it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from components.core.errors import UserError
from pipeline.commands.stage import read_pairs
from pipeline.emotion import build_graph
from pipeline.graph import Graph
from pipeline.orchestrators.portable import PortableConfig, read_portable
from pipeline.orchestrators.resources import check_stages

__all__ = ["CompileOptions", "compile_command"]


@dataclass(frozen=True)
class CompileOptions:
    """What the command line says beside the configuration."""

    target: str
    output: Path
    image: str | None
    root: str
    registry: str | None
    scratch: str | None
    use_cache: bool
    environment: Sequence[str]
    operator: str
    schedule: str | None
    force: bool

    @property
    def registry_uri(self) -> str | None:
        """The registry: as given, under the root by default, None if there is to be none."""
        if self.registry == "none":
            return None
        return self.registry or f"{self.root.rstrip('/')}/registry"


def compile_command(config_file: Path, options: CompileOptions) -> None:
    """Writes the file and says what to do with it.

    Raises:
        UserError: the configuration would not work elsewhere, or an option is missing.
    """
    if options.output.exists() and not options.force:
        raise UserError(f"{options.output}: is there already; pass --force to overwrite it")
    if options.target == "kubeflow" and options.output.suffix != ".yaml":
        raise UserError(f"{options.output}: Kubeflow takes a file that ends in .yaml")
    for option, place in (
        ("root", options.root),
        ("registry", options.registry),
        ("scratch", options.scratch),
    ):
        _check_place(option, place)
    portable = read_portable(config_file)
    graph = build_graph(portable.config)
    check_stages(portable.config.resources, tuple(graph.nodes))
    if options.registry_uri is None and portable.config.trainer.warm_start is not None:
        raise UserError(
            "--registry none: trainer.warm_start looks for the latest blessed model there; name a registry, or take "
            "`warm_start` out"
        )
    options.output.parent.mkdir(parents=True, exist_ok=True)
    if options.target == "kubeflow":
        _kubeflow(graph, portable, options)
    else:
        _airflow(graph, portable, options)
    parameters = ", ".join(["config", *portable.variables])
    print(f"{options.output}: {len(graph)} stages, parameters {parameters}")


def _check_place(option: str, place: str | None) -> None:
    """Each stage runs in a directory of its own, where a relative path means another place."""
    if place not in (None, "none") and not place.startswith(("/", "{{")) and "://" not in place:
        raise UserError(f"--{option} {place}: expected an absolute path or a URI such as gs://bucket/{place}")


def _kubeflow(graph: Graph, portable: PortableConfig, options: CompileOptions) -> None:
    if options.image is None:
        raise UserError("--image is missing: name the image that the Dockerfile of this project builds")
    try:
        from pipeline.orchestrators.kubeflow import KubeflowOptions, compile_kubeflow
    except ModuleNotFoundError as err:
        raise UserError(
            f"{err.name} is not installed; install it with `pip install 'emotion-pipeline[pipeline,kubeflow]'`"
        ) from err
    settings = KubeflowOptions(
        image=options.image,
        root=options.root,
        registry=options.registry_uri,
        scratch=options.scratch,
        use_cache=options.use_cache,
        environment=read_pairs("--env", options.environment),
    )
    compile_kubeflow(graph, portable, settings, options.output)


def _airflow(graph: Graph, portable: PortableConfig, options: CompileOptions) -> None:
    from pipeline.orchestrators.airflow import AirflowOptions, Operator, compile_airflow

    settings = AirflowOptions(
        operator=Operator(options.operator),
        root=options.root,
        image=options.image,
        registry=options.registry_uri,
        scratch=options.scratch,
        use_cache=options.use_cache,
        schedule=options.schedule,
        environment=read_pairs("--env", options.environment),
    )
    compile_airflow(graph, portable, settings, options.output)

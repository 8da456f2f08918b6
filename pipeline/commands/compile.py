"""`emotion compile`: the pipeline as Kubeflow, Vertex AI or Airflow runs it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from components.core.errors import UserError
from pipeline.commands.stage import read_pairs
from pipeline.emotion import build_graph
from pipeline.orchestrators.portable import read_portable

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


def compile_command(config_file: Path, options: CompileOptions) -> None:
    """Writes the file and says what to do with it.

    Raises:
        UserError: the configuration would not work elsewhere, or an option is missing.
    """
    if options.output.exists() and not options.force:
        raise UserError(f"{options.output}: is there already; pass --force to overwrite it")
    portable = read_portable(config_file)
    graph = build_graph(portable.config)
    registry = options.registry or f"{options.root.rstrip('/')}/registry"
    environment = read_pairs("--env", options.environment)
    if options.target == "kubeflow":
        if options.image is None:
            raise UserError("--image is missing: name the image that the Dockerfile of this project builds")
        try:
            from pipeline.orchestrators.kubeflow import KubeflowOptions, compile_kubeflow
        except ModuleNotFoundError as err:
            raise UserError(
                "the Kubeflow SDK is not installed; install it with `pip install 'emotion-pipeline[kubeflow]'`"
            ) from err
        settings = KubeflowOptions(
            image=options.image,
            root=options.root,
            registry=None if registry == "none" else registry,
            scratch=options.scratch,
            use_cache=options.use_cache,
            environment=environment,
        )
        options.output.parent.mkdir(parents=True, exist_ok=True)
        compile_kubeflow(graph, portable, settings, options.output)
    print(f"{options.output}: {len(graph)} stages")

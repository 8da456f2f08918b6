"""`emotion stage`: one stage as a command, for orchestrators that run each in a container of its own."""

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from rich.console import Console

from components.core.atomic_files import write_atomic
from components.core.errors import StoppedError, UserError
from components.core.filesystem import is_remote, local_path, open_file
from components.data.beam.beam_pipeline import running_on
from pipeline.commands.run import REFUSED_EXIT_CODE
from pipeline.config import PipelineConfig, load_config, parse_yaml
from pipeline.console import PlainProgress
from pipeline.emotion import build_graph
from pipeline.graph import Node
from pipeline.metadata.records import State
from pipeline.orchestrators.record import NOT_REFUSED, StageRecord
from pipeline.orchestrators.registry import Registry
from pipeline.orchestrators.stage import StageRequest, run_stage

__all__ = ["StageOptions", "read_config", "read_pairs", "stage_command"]


@dataclass(frozen=True)
class StageOptions:
    """What the command line says of one stage; `NAME=VALUE` each in the first four."""

    inputs: Sequence[str]
    outputs: Sequence[str]
    gates: Sequence[str]
    variables: Sequence[str]
    registry: str | None
    run: str | None
    use_cache: bool
    scratch: Path | None
    replace: bool
    summary: Path | None
    refusal: Path | None


def stage_command(stage: str, config_source: str, options: StageOptions) -> int:
    """Runs the stage, prints its record as the last line of stdout, and returns the exit code.

    Raises:
        StoppedError: SIGTERM or Ctrl-C came.
        UserError: a name, a place, the configuration or the data are wrong.
    """
    config = read_config(config_source, options.variables)
    node = _node(config, stage)
    registry = Registry(options.registry, config.name) if options.registry else None
    request = StageRequest(
        inputs=_read_places("--input", options.inputs),
        outputs=_read_places("--output", options.outputs),
        gates=_read_places("--gate", options.gates),
        pipeline=config.name,
        run=options.run,
        registry=registry,
        use_cache=options.use_cache,
        scratch=options.scratch,
        replace=options.replace,
    )
    keep = _keeper(registry, options.run)
    started = time.monotonic()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        with _stoppable(), running_on(config.beam):
            record = run_stage(node, request, progress=PlainProgress(Console(stderr=True), stage))
    except BaseException as err:
        state = State.CANCELED if isinstance(err, StoppedError) else State.FAILED
        message = f"{type(err).__name__}: {err}"
        keep(StageRecord(stage, state, message, seconds=time.monotonic() - started))
        raise
    keep(record)
    return _tell(record, options)


def read_config(source: str, variables: Sequence[str] = ()) -> PipelineConfig:
    """The configuration of a file or URI, or of the text itself, which has a line break or begins with a brace.

    Args:
        source: path, URI or text; in a URI or a text, relative input paths are taken from the working directory.
        variables: `NAME=VALUE` for `${NAME}` in it; they come before those of the environment.
    """
    os.environ.update(read_pairs("--set", variables))
    if "\n" in source or source.startswith("{"):
        return parse_yaml(source)
    source = local_path(source)
    if is_remote(source):
        with open_file(source, "r") as stream:
            return parse_yaml(stream.read(), source=source)
    return load_config(source)


def _node(config: PipelineConfig, stage: str) -> Node:
    graph = build_graph(config)
    if stage not in graph.nodes:
        raise UserError(f"no stage is called {stage!r}; this configuration has {', '.join(graph.nodes)}")
    return graph.nodes[stage]


def _read_places(option: str, values: Sequence[str]) -> dict[str, str]:
    return {name: local_path(uri) for name, uri in read_pairs(option, values).items()}


def read_pairs(option: str, values: Sequence[str]) -> dict[str, str]:
    """`NAME=VALUE` options as a mapping; raises UserError if one is not so, or is given twice."""
    pairs: dict[str, str] = {}
    for value in values:
        name, equals, place = value.partition("=")
        if not (name and equals):
            raise UserError(f"{option} {value}: expected NAME=VALUE")
        if name in pairs:
            raise UserError(f"{option} {name}: is given twice")
        pairs[name] = place
    return pairs


def _keeper(registry: Registry | None, run: str | None) -> Callable[[StageRecord], None]:
    """What writes a record down where the run's report will look for it."""
    if registry is None or run is None:
        return lambda _record: None
    return lambda record: registry.record(run, record)


def _tell(record: StageRecord, options: StageOptions) -> int:
    if options.summary is not None:
        write_atomic(options.summary, record.to_json() + "\n")
    if options.refusal is not None:
        write_atomic(options.refusal, record.refusal() or NOT_REFUSED)
    if record.state is State.REFUSED:
        print(f"{record.stage} was not run: {record.message}", file=sys.stderr)
    print(record.to_json())
    return REFUSED_EXIT_CODE if record.state is State.REFUSED else 0


@contextmanager
def _stoppable() -> Iterator[None]:
    """Lets SIGTERM stop the stage like Ctrl-C; the first process of a container would not be stopped by it at all."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except KeyboardInterrupt as err:
        raise StoppedError("nothing was published") from err
    finally:
        signal.signal(signal.SIGTERM, before)

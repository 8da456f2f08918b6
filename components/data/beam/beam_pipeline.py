"""Running a Beam pipeline, in this process or wherever the configuration says."""

import logging
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from components.core.errors import StageError
from components.data.beam.beam_config import BeamConfig
from components.data.beam.exchange import Exchange, open_exchange

__all__ = ["collect", "exchanging", "run_pipeline", "running_on"]

_ELEMENTS = "elements.pickle"

_config: ContextVar[BeamConfig | None] = ContextVar("beam", default=None)


@contextmanager
def running_on(config: BeamConfig) -> Iterator[None]:
    """Within this block pipelines run as `config` says; outside of any, in this process."""
    token = _config.set(config)
    try:
        yield
    finally:
        _config.reset(token)


def _current() -> BeamConfig:
    return _config.get() or BeamConfig()


@contextmanager
def exchanging() -> Iterator[Exchange]:
    """The way of files to the workers and back, for one stage; what is left on it is removed at the end."""
    with open_exchange(_current()) as exchange:
        yield exchange


def collect(build: Callable[[Any], Any], *, expected: int | None = None) -> list[Any]:
    """Runs the Beam pipeline that `build` makes and returns the elements of the PCollection that it returns.

    For what a pipeline counts and reports, a few small elements; records go to files. The order is not defined.

    Args:
        build: takes the pipeline, applies transforms and returns the PCollection whose elements are wanted.
        expected: how many elements there must be: runners are known that lose some, or hand some over twice.

    Raises:
        ConfigError: the configured runner cannot be had.
        StageError: a transform failed (the cause is chained), or elements were lost or doubled.
    """
    with exchanging() as exchange:

        def build_and_gather(pipeline: Any) -> None:
            import apache_beam as beam

            gathered = build(pipeline) | "Gather" >> beam.combiners.ToList()
            gathered | "Hand over" >> beam.Map(_write_elements, exchange)

        run_pipeline(build_and_gather)
        exchange.receive(exchange.directory)
        elements = _read_elements(exchange.directory / _ELEMENTS)
    if expected is not None and len(elements) != expected:
        what = "lost" if len(elements) < expected else "doubled"
        raise StageError(
            f"{expected} results were to come from the Beam pipeline but {len(elements)} came: "
            f"{_current().runner} {what} some; nothing was published. Run again, or on another `beam.runner`"
        )
    return elements


def _write_elements(elements: list[Any], exchange: Exchange) -> None:
    with exchange.writing(exchange.directory) as directory:
        (directory / _ELEMENTS).write_bytes(pickle.dumps(elements))


def _read_elements(path: Path) -> list[Any]:
    try:
        elements: list[Any] = pickle.loads(path.read_bytes())
    except FileNotFoundError as err:
        raise StageError(
            f"no results came from the Beam pipeline on {_current().runner}: it lost them, or its workers do not reach "
            "the place where results are left; set `beam.scratch` to one that they do"
        ) from err
    return elements


def run_pipeline(build: Callable[[Any], None]) -> None:
    """Runs the Beam pipeline to which `build` applies its transforms, and waits for its end.

    Raises:
        ConfigError: the configured runner cannot be had.
        StageError: a transform failed; the cause is chained.
    """
    with _quiet_logging():
        import apache_beam as beam

        from components.data.beam.beam_runners import make_options, make_runner
        from components.data.beam.method_signatures import remember_signatures

        remember_signatures()
        runner = make_runner(_current())
        options = make_options(_current())
        try:
            with beam.Pipeline(runner=runner, options=options) as pipeline:
                build(pipeline)
        except Exception as err:
            raise StageError(f"the Beam pipeline failed: {err}") from err


@contextmanager
def _quiet_logging() -> Iterator[None]:
    """Keeps Beam from logging tracebacks of errors that are raised anyway, and from setting up the root logger.

    Its import tells by `logging.warning` that Google Cloud clients are missing, which adds a handler to the root.
    """
    root, beam_logger = logging.getLogger(), logging.getLogger("apache_beam")
    level = beam_logger.level
    placeholder = logging.NullHandler()
    root.addHandler(placeholder)
    root.addFilter(_is_not_about_clients)
    beam_logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        beam_logger.setLevel(level)
        root.removeFilter(_is_not_about_clients)
        root.removeHandler(placeholder)


def _is_not_about_clients(record: logging.LogRecord) -> bool:
    return "apitools not found" not in record.getMessage()

"""Running a Beam pipeline in this process."""

import logging
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from components.core.errors import StageError

__all__ = ["collect", "run_pipeline"]


def collect(build: Callable[[Any], Any]) -> list[Any]:
    """Runs the Beam pipeline that `build` makes and returns the elements of the PCollection that it returns.

    For what a pipeline counts and reports, a few small elements; records go to files. The order is not defined.

    Args:
        build: takes the pipeline, applies transforms and returns the PCollection whose elements are wanted.

    Raises:
        StageError: a transform failed; the cause is chained.
    """
    with TemporaryDirectory(prefix="beam-") as scratch:
        target = Path(scratch) / "elements.pickle"

        def build_and_gather(pipeline: Any) -> None:
            import apache_beam as beam

            gathered = build(pipeline) | "Gather" >> beam.combiners.ToList()
            gathered | "Hand over" >> beam.Map(_write_elements, target)

        run_pipeline(build_and_gather)
        elements: list[Any] = pickle.loads(target.read_bytes())
        return elements


def _write_elements(elements: list[Any], target: Path) -> None:
    target.write_bytes(pickle.dumps(elements))


def run_pipeline(build: Callable[[Any], None]) -> None:
    """Runs the Beam pipeline to which `build` applies its transforms, and waits for its end.

    The runner is named: Beam's `DirectRunner` would first try to download another one.

    Raises:
        StageError: a transform failed; the cause is chained.
    """
    with _quiet_logging():
        import apache_beam as beam
        from apache_beam.options.pipeline_options import PipelineOptions
        from apache_beam.runners.portability.fn_api_runner import FnApiRunner

        # Without an explicit list of flags Beam would read this process's command line.
        options = PipelineOptions([])
        try:
            with beam.Pipeline(runner=FnApiRunner(), options=options) as pipeline:
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

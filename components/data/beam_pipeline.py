"""Running a Beam pipeline in this process."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from components.core.errors import StageError

__all__ = ["run_pipeline"]


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

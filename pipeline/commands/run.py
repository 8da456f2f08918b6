"""`emotion run` and `emotion validate`."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from components.core.errors import EmotionPipelineError
from pipeline import api
from pipeline.artifact_storage import ArtifactStorage
from pipeline.config import load_config
from pipeline.console import ConsoleObserver
from pipeline.local_runner import RunResult
from pipeline.metadata_store import State

__all__ = ["REFUSED_EXIT_CODE", "run_command"]

REFUSED_EXIT_CODE = 3
"""The run went well, but the data or the model did not pass a gate."""


def run_command(config_file: Path, *, to: str | None, use_cache: bool) -> int:
    """Runs the pipeline with progress and a closing summary; returns the exit code."""
    config = load_config(config_file)
    storage = ArtifactStorage(config.root, config.work_dir)
    log_file = storage.work_dir / "last_run.log"
    with _quiet_stderr(log_file) as stdout:
        console = Console(file=stdout)
        try:
            with ConsoleObserver(console) as observer:
                result = api.run(config, to=to, use_cache=use_cache, observer=observer)
        except EmotionPipelineError as err:
            if err.__cause__ is not None:
                logging.getLogger(__name__).error("the run failed", exc_info=err)
            raise
    _print_summary(console, result, api.report_path(storage, result))
    return 0 if result.state is State.COMPLETE else REFUSED_EXIT_CODE


@contextmanager
def _quiet_stderr(log_file: Path) -> Iterator["object"]:
    """Sends what libraries write to stderr, from C++ as well, to the log file while the run goes on."""
    logging.basicConfig(
        filename=log_file,
        filemode="w",
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    sys.stderr.flush()
    kept = os.dup(2)
    with log_file.open("a") as log:
        os.dup2(log.fileno(), 2)
    try:
        yield sys.stdout
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)


def _print_summary(console: Console, result: RunResult, report: Path) -> None:
    console.print()
    for reason in result.refusals:
        console.print(f"[yellow]Stopped:[/] {escape(reason)}", highlight=False)
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold")
    facts.add_column(overflow="fold")
    for name, value in _facts(result):
        facts.add_row(name, value)
    facts.add_row("Report", str(report))
    console.print(facts)
    for hint in _next_steps(result):
        console.print(f"  [green]{escape(hint)}[/]", highlight=False)


def _facts(result: RunResult) -> Iterator[tuple[str, str]]:
    """What a person wants to know at the end of a run."""
    yield from ()


def _next_steps(result: RunResult) -> Iterator[str]:
    """What to type next."""
    yield from ()

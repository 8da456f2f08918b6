"""What a person sees in the terminal while a run goes on and when it is over."""

import time
from collections.abc import Mapping
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from components.core.component import Summary
from components.core.errors import StoppedError
from components.core.progress import Progress as StageProgress
from pipeline.local_runner import StageResult
from pipeline.metadata_store import State

__all__ = ["ConsoleObserver", "PlainProgress", "format_summary"]

_MARKS = {State.COMPLETE: "[green]✓[/]", State.CACHED: "[cyan]↺[/]", State.REFUSED: "[yellow]–[/]"}

_SECONDS_BETWEEN_PLAIN_LINES = 15.0


class ConsoleObserver:
    """One line a stage, with a live progress bar for the stage at work; plain lines where stdout is no terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._stages: tuple[str, ...] = ()
        self._last_refusal = ""
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.fields[stage]:<22}"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.description}"),
            TimeRemainingColumn(compact=True),
            console=console,
        )
        self._live = Live(self._progress, console=console, transient=True, refresh_per_second=8)

    def __enter__(self) -> "ConsoleObserver":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def run_started(self, run_id: int, stages: tuple[str, ...]) -> None:
        self._stages = stages
        self._console.print(f"[bold]run {run_id}[/], {len(stages)} stages")

    def stage_started(self, stage: str, why: str) -> StageProgress:
        note = f" [dim](again: {escape(why)})[/]" if why else ""
        if not self._console.is_terminal:
            self._print(f"  {self._position(stage)} {stage} …{note}")
            return PlainProgress(self._console, stage)
        if why:
            self._print(f"    [dim]{stage} runs again: {escape(why)}[/]")
        task = self._progress.add_task("", stage=stage, total=None)
        return _BarProgress(self._progress, task, stage)

    def stage_finished(self, result: StageResult) -> None:
        self._clear()
        took = "cached" if result.state is State.CACHED else f"{result.seconds:.1f} s"
        if result.state is State.REFUSED:
            took = "not run"
        told = f"[dim]{escape(format_summary(result.summary))}[/]" if result.summary else ""
        if result.state is State.REFUSED and result.message != self._last_refusal:
            told = f"[yellow]{escape(result.message)}[/]"
            self._last_refusal = result.message
        self._print(
            f"{_MARKS[result.state]} {self._position(result.name)} {result.name:<20} {took:>8}  {told}"
        )

    def stage_failed(self, stage: str, error: BaseException) -> None:
        self._clear()
        how = "stopped" if isinstance(error, (KeyboardInterrupt, StoppedError)) else "failed"
        self._print(f"[red]✗[/] {self._position(stage)} {stage:<20} [red]{how}[/]")

    def _print(self, markup: str) -> None:
        """One line: cut where a terminal ends, whole in a log."""
        if self._console.is_terminal:
            self._console.print(markup, highlight=False, no_wrap=True, overflow="ellipsis")
        else:
            self._console.print(markup, highlight=False, soft_wrap=True)

    def _position(self, stage: str) -> str:
        return f"{self._stages.index(stage) + 1:>2}/{len(self._stages)}"

    def _clear(self) -> None:
        for task in self._progress.task_ids:
            self._progress.remove_task(task)


class _BarProgress:
    def __init__(self, progress: Progress, task: int, stage: str) -> None:
        self._progress = progress
        self._task = task
        self._stage = stage

    def update(self, message: str, *, completed: float | None = None, total: float | None = None) -> None:
        self._progress.update(self._task, description=escape(message), completed=completed, total=total)  # type: ignore[arg-type]

    def log(self, message: str) -> None:
        self._progress.console.print(f"    [dim]{self._stage}[/] {escape(message)}", highlight=False)


class PlainProgress:
    """A line now and then, for logs."""

    def __init__(self, console: Console, stage: str) -> None:
        self._console = console
        self._stage = stage
        self._last = time.monotonic()

    def update(self, message: str, *, completed: float | None = None, total: float | None = None) -> None:
        now = time.monotonic()
        if now - self._last < _SECONDS_BETWEEN_PLAIN_LINES:
            return
        self._last = now
        share = f" {100 * completed / total:.0f} %" if completed is not None and total else ""
        self._console.print(f"     {self._stage}{share}  {escape(message)}", highlight=False, soft_wrap=True)

    def log(self, message: str) -> None:
        self._console.print(f"     {self._stage}  {escape(message)}", highlight=False, soft_wrap=True)


def format_summary(summary: Summary) -> str:
    """`macro_f1 0.512, rows 43410`: a stage's summary in a line."""
    return ", ".join(f"{name.replace('_', ' ')} {_format(value)}" for name, value in _shown(summary).items())


def _shown(summary: Summary) -> Mapping[str, str | int | float | bool]:
    return {name: value for name, value in summary.items() if value is not None}


def _format(value: str | int | float | bool) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.3g}"
    return value

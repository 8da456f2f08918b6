"""What a person sees in the terminal while a run goes on and when it is over."""

import time
from datetime import timedelta
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column
from rich.text import Text

from components.core.component import Summary
from components.core.progress import Progress as StageProgress
from pipeline.metadata.records import State
from pipeline.pages.formats import format_figure
from pipeline.printable import escape
from pipeline.running.failures import is_stop
from pipeline.running.results import StageResult

__all__ = ["MARKS", "ConsoleObserver", "PlainProgress", "format_summary"]

MARKS = {State.COMPLETE: "[green]✓[/]", State.CACHED: "[cyan]↺[/]", State.REFUSED: "[yellow]–[/]"}

_SECONDS_BETWEEN_PLAIN_LINES = 15.0


class ConsoleObserver:
    """One line a stage, above a live line for each that is at work; plain lines where stdout is no terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._is_live = console.is_terminal and not console.is_dumb_terminal
        self._stages: tuple[str, ...] = ()
        self._ended = 0
        self._began = time.monotonic()
        self._last_refusal = ""
        self._tasks: dict[str, TaskID] = {}
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.fields[stage]:<20}"),
            BarColumn(bar_width=20),
            TimeElapsedColumn(),
            _LeftColumn(Column(min_width=12, no_wrap=True)),
            TextColumn("{task.description}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
            console=console,
            expand=True,
        )
        self._live = Live(get_renderable=self._at_work, console=console, transient=True, refresh_per_second=8)

    def __enter__(self) -> "ConsoleObserver":
        if self._is_live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def run_waits(self, why: str) -> None:
        self._print(f"[yellow]waiting:[/] {escape(why)}")

    def run_started(self, run_id: int, stages: tuple[str, ...]) -> None:
        self._stages = stages
        self._began = time.monotonic()
        self._print(f"[bold]run {run_id}[/], {len(stages)} stages")

    def stage_started(self, stage: str, why: str, usual_s: float | None) -> StageProgress:
        if not self._is_live:
            note = f" [dim](again: {escape(why)})[/]" if why else ""
            self._print(f"  {self._position(stage)} {stage} …{note}")
            return PlainProgress(self._console, stage)
        if why:
            self._print(f"    [dim]{stage} runs again: {escape(why)}[/]")
        self._tasks[stage] = self._progress.add_task("", stage=stage, usual_s=usual_s, total=None)
        return _BarProgress(self._progress, self._tasks[stage], stage)

    def stage_finished(self, result: StageResult) -> None:
        self._end(result.name)
        self._ended += 1
        took = "cached" if result.state is State.CACHED else f"{result.seconds:.1f} s"
        if result.state is State.REFUSED:
            took = "not run"
        told = f"[dim]{escape(format_summary(result.summary))}[/]" if result.summary else ""
        if result.state is State.REFUSED and result.message != self._last_refusal:
            told = f"[yellow]{escape(result.message)}[/]"
            self._last_refusal = result.message
        self._print(
            f"{MARKS[result.state]} {self._position(result.name)} {result.name:<20} {took:>8}  {told}"
        )

    def stage_retried(self, stage: str, error: BaseException, delay_s: float) -> None:
        self._end(stage)
        why = escape(str(error))
        self._print(
            f"[yellow]↻[/] {self._position(stage)} {stage:<20} [yellow]again in {delay_s:.0f} s:[/] {why}"
        )

    def stage_failed(self, stage: str, error: BaseException) -> None:
        self._end(stage)
        how = "stopped" if is_stop(error) else "failed"
        others = f"  [dim]waiting for {escape(', '.join(self._tasks))}[/]" if self._tasks else ""
        self._print(f"[red]✗[/] {self._position(stage)} {stage:<20} [red]{how}[/]{others}")

    def run_stops(self, stages: tuple[str, ...]) -> None:
        self._print(
            f"[yellow]stopping:[/] {', '.join(stages)} may save what is done; Ctrl-C again ends it at once"
        )

    def _print(self, markup: str) -> None:
        """One line: cut where a terminal ends, whole in a log."""
        if self._console.is_terminal:
            self._console.print(markup, highlight=False, no_wrap=True, overflow="ellipsis")
        else:
            self._console.print(markup, highlight=False, soft_wrap=True)

    def _position(self, stage: str) -> str:
        return f"{self._stages.index(stage) + 1:>2}/{len(self._stages)}"

    def _end(self, stage: str) -> None:
        task = self._tasks.pop(stage, None)
        if task is not None:
            self._progress.remove_task(task)

    def _at_work(self) -> RenderableType:
        """The live lines: each stage that is at work, and how far the run is."""
        if not self._tasks:
            return Text()
        elapsed = timedelta(seconds=int(time.monotonic() - self._began))
        return Group(self._progress, Text(f"  {self._ended} of {len(self._stages)} stages, {elapsed}", "dim"))


class _LeftColumn(ProgressColumn):
    """Time that is left: from the stage's own progress, else from how long it took the last time."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        left, usual_s = task.time_remaining, task.fields["usual_s"]
        if left is None and usual_s is not None:
            left = usual_s - (task.elapsed or 0.0)
        if left is None or left < 0:
            return Text()
        return Text(f"{timedelta(seconds=int(left))} left", "cyan")


class _BarProgress:
    def __init__(self, progress: Progress, task: TaskID, stage: str) -> None:
        self._progress = progress
        self._task = task
        self._stage = stage

    def update(self, message: str, *, completed: float | None = None, total: float | None = None) -> None:
        if completed is not None and total is not None:
            # A full bar would stop the clock and the spinner of a stage that has more to do.
            completed = min(completed, total * 0.999)
        self._progress.update(self._task, description=escape(message), completed=completed, total=total)

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
    """`macro-F1 0.5123, rows 43,410`: a stage's summary in a line."""
    return ", ".join(
        " ".join(format_figure(name, value)) for name, value in summary.items() if value is not None
    )

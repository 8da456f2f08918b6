"""`emotion run`."""

import json
import logging
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console

from components.core.artifacts import InfraBlessing, ModelBlessing, PushedModel
from components.core.errors import StoppedError, UserError
from pipeline import api
from pipeline.artifact_storage import ArtifactStorage
from pipeline.commands.check_table import check_table
from pipeline.commands.retrain import without_drift, without_new_data
from pipeline.config import PipelineConfig, load_config
from pipeline.console import ConsoleObserver
from pipeline.local_runner import RunObserver, RunResult, StageResult
from pipeline.native_stderr import stderr_to
from pipeline.pages.formats import format_percent, format_value
from pipeline.printable import escape

__all__ = ["REFUSED_EXIT_CODE", "run_command", "run_logged"]

_EXPORT_NAMES = {
    "saved_model": "SavedModel",
    "tflite_float32": "TFLite float32",
    "tflite_int8": "TFLite int8",
}

_FIRST_METRICS = {"macro_f1": "macro-F1", "pearson": "mean Pearson r"}

REFUSED_EXIT_CODE = 3
"""The run went well, but the data or the model did not pass a gate."""


def run_command(
    config_file: Path,
    *,
    to: str | None,
    use_cache: bool,
    since: str | None = None,
    wait: bool = False,
    if_new_data: bool = False,
    if_drift: bool = False,
    live: str | None = None,
) -> int:
    """Runs the pipeline with progress and a closing summary; returns the exit code.

    Args:
        config_file: the pipeline.
        to: last stage to run; all if None.
        use_cache: whether unchanged stages are taken from earlier runs.
        wait: whether to wait for other runs on the same root.
        if_new_data: do nothing if no data have come since the last run.
        if_drift: do nothing if the data are like those that the pushed model learned from.
        live: URL of a server; what it is asked about drifts, too.

    Raises:
        UserError: `live` without `if_drift`, or a wrong configuration.
        StoppedError: SIGTERM or Ctrl-C came; the Trainer has saved its state, other stages begin anew.
    """
    if live is not None and not if_drift:
        raise UserError("--live is a reason to run for --if-drift; give that, too")
    config = load_config(config_file)
    console = Console()
    if if_new_data and without_new_data(config, console):
        return 0

    def run_data_stages() -> RunResult:
        with _stoppable(), ConsoleObserver(console) as observer:
            return run_logged(config, to="schema_gen", use_cache=use_cache, wait=wait, observer=observer)

    if if_drift and without_drift(config, console, run_data_stages, live):
        return 0
    with _stoppable(), ConsoleObserver(console) as observer:
        result = run_logged(config, since=since, to=to, use_cache=use_cache, wait=wait, observer=observer)
    storage = ArtifactStorage(config.root, config.work_dir)
    _print_summary(console, result, api.report_path(storage, result))
    return REFUSED_EXIT_CODE if _refusals(result) else 0


def _refusals(result: RunResult) -> tuple[str, ...]:
    """Why stages were not run; where the run was to end at a gate, what the gate says."""
    outputs = [output for stage in result.stages.values() for output in stage.outputs.values()]
    return result.refusals or tuple(filter(None, (output.refusal() for output in outputs)))


@contextmanager
def _stoppable() -> Iterator[None]:
    """Lets SIGTERM, as an orchestrator sends it, stop the run like Ctrl-C."""
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    except KeyboardInterrupt as err:
        raise StoppedError("finished stages are kept") from err
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def run_logged(
    config: PipelineConfig,
    *,
    to: str | None,
    use_cache: bool,
    observer: RunObserver,
    since: str | None = None,
    wait: bool = False,
    write_report: bool = True,
) -> RunResult:
    """Runs the pipeline, its log and the libraries' chatter going into a file of the root."""
    storage = ArtifactStorage(config.root, config.work_dir)
    storage.prepare()
    _log_to(storage.run_log)
    with stderr_to(storage.run_log):
        return api.run(
            config,
            since=since,
            to=to,
            use_cache=use_cache,
            wait=wait,
            observer=observer,
            write_report=write_report,
        )


def _log_to(file: Path) -> None:
    logging.basicConfig(
        filename=file,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )


def _print_summary(console: Console, result: RunResult, report: Path) -> None:
    console.print()
    for stage in result.stages.values():
        blessing = stage.outputs.get("blessing")
        if isinstance(blessing, ModelBlessing):
            console.print(check_table(blessing.verdict().checks))
            console.print()
    for reason in _refusals(result):
        console.print(f"[yellow]Stopped:[/] {escape(reason)}", highlight=False, soft_wrap=True)
    pages = [("Report", report), ("Data", report.with_name("statistics.html"))]
    for name, value in (
        *_facts(result),
        *((name, _from_here(str(page))) for name, page in pages if page.is_file()),
    ):
        console.print(f"[bold]{name:<15}[/] {value}", highlight=False, soft_wrap=True)
    for hint in _next_steps(result):
        console.print(f"  [green]{escape(hint)}[/]", highlight=False)


def _facts(result: RunResult) -> Iterator[tuple[str, str]]:
    """What a person wants to know at the end of a run; what did not come about is left out."""
    evaluated = result.stages.get("evaluator")
    if evaluated is not None and evaluated.summary:
        yield "Quality", _describe_quality(evaluated)
    proven = result.stages.get("infra_validator")
    if proven is not None and isinstance(blessing := proven.outputs.get("blessing"), InfraBlessing):
        for name, export in json.loads(blessing.parity_path.read_text(encoding="utf-8")).items():
            yield _EXPORT_NAMES.get(name, name), _describe_export(export)
    pushed = _pushed(result)
    if pushed is not None:
        document = pushed.pushed()
        is_canary = result.stages["pusher"].summary.get("label") == "canary"
        yield "Canary" if is_canary else "Served from", _from_here(str(document["saved_model"]))
        yield "For the app", _from_here(str(document["tflite"]))


def _from_here(place: str) -> str:
    """A directory below the working directory by its relative path, which is what a person types; else as it is."""
    here = Path.cwd()
    return str(Path(place).relative_to(here)) if Path(place).is_relative_to(here) else place


def _describe_quality(evaluated: StageResult) -> str:
    """The figure that the gate looks at first, of every head, and whether the model is blessed."""
    told = evaluated.summary
    heads = [
        (name.removesuffix(metric), words, name)
        for metric, words in _FIRST_METRICS.items()
        for name in told
        if name.endswith(metric)
    ]
    figures = [
        f"{head}{words} [bold]{format_value(told[name])}[/] (95 % {format_value(told[f'{name}_low'])} to "
        f"{format_value(told[f'{name}_high'])})"
        for head, words, name in heads
    ]
    return f"{', '.join(figures)}, {'[green]blessed[/]' if told['blessed'] else '[red]not blessed[/]'}"


def _describe_export(export: Mapping[str, Any]) -> str:
    """`23.6 MB, 2.9 ms a text, agrees on 99.4 % of decisions, largest score difference 2.1e-02`."""
    if not export.get("size_bytes"):
        return "not measured"
    parts = [f"{export['size_bytes'] / 1e6:.1f} MB"]
    if export.get("latency_ms_p50") is not None:
        parts.append(f"{export['latency_ms_p50']:.1f} ms a text")
    if export.get("decision_agreement") is not None:
        parts.append(f"agrees on {format_percent(export['decision_agreement'])} of decisions")
    if export.get("max_score_difference") is not None:
        parts.append(f"largest score difference {export['max_score_difference']:.1e}")
    if export.get("target_rms_difference") is not None:
        parts.append(f"numbers within {export['target_rms_difference']:.1e} standard deviations")
    return ", ".join(parts)


def _pushed(result: RunResult) -> PushedModel | None:
    stage = result.stages.get("pusher")
    found = stage.outputs.get("pushed") if stage is not None else None
    return found if isinstance(found, PushedModel) else None


def _next_steps(result: RunResult) -> Iterator[str]:
    """What to type next."""
    if _pushed(result) is not None:
        yield 'emotion predict "I can\'t believe you did this for me, thank you!"'
        yield "emotion serve"

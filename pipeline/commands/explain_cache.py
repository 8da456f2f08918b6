"""`emotion explain-cache`: what a run would take from the cache, and what changed in the rest."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from components.core.errors import UserError
from pipeline.artifact_storage import ArtifactStorage
from pipeline.cache.forecast import Forecast, Outcome, forecast
from pipeline.config import load_config
from pipeline.emotion import build_graph
from pipeline.metadata.location import open_configured_store
from pipeline.printable import escape

__all__ = ["explain_cache_command"]

_ALL = "all"

_WORDS = {
    Outcome.CACHED: "[green]would be taken from the cache[/]",
    Outcome.RUNS: "[yellow]would run[/]",
    Outcome.DEPENDS: "[cyan]would run only if what it reads becomes another[/]",
    Outcome.REFUSED: "[red]would not run[/]",
}


def explain_cache_command(stage: str, config_file: Path, *, as_json: bool) -> None:
    """Prints the forecast of one stage, or of all.

    Raises:
        UserError: there is no such stage, or nothing ran with this configuration yet.
    """
    config = load_config(config_file)
    graph = build_graph(config)
    if stage != _ALL:
        graph = graph.upto(stage)
    storage = ArtifactStorage(config.root, config.work_dir)
    store = open_configured_store(storage.work_dir, storage.root, config.metadata)
    if store is None:
        raise UserError(
            f"{storage.work_dir}: nothing has run there yet, so that all stages would run; `emotion run {config_file}` "
            "runs them"
        )
    try:
        told = forecast(graph, storage, store)
    finally:
        store.close()
    shown = list(told) if stage == _ALL else [stage]
    if as_json:
        documents = [_document(told[name]) for name in shown]
        print(json.dumps(documents if stage == _ALL else documents[0], indent=2, ensure_ascii=False))
        return
    for name in shown:
        for line in _lines(told[name], told):
            Console().print(line, highlight=False, soft_wrap=True)


def _lines(stage: Forecast, told: Mapping[str, Forecast]) -> Iterator[str]:
    again = " again" if stage.outcome is Outcome.RUNS and stage.compared_with is not None else ""
    since = f" [dim](made in run {stage.cached_from})[/]" if stage.cached_from is not None else ""
    yield f"[bold]{stage.stage}[/] {_WORDS[stage.outcome]}{again}{since}"
    if stage.refusal is not None:
        yield f"  {escape(stage.refusal)}"
    if stage.outcome is Outcome.RUNS and stage.compared_with is None:
        yield "  it has never had a result"
    for change in stage.changes:
        yield f"  {escape(str(change))}"
    for name in stage.gone:
        yield f"  {escape(name)}: deleted, or not what was published"
    for source in dict.fromkeys(stage.waits_for.values()):
        yield f"  reads {source}: {_why_not_there(told[source.partition('.')[0]])}"
    if stage.changes and stage.compared_with is not None:
        last = stage.compared_with
        yield f"  [dim]compared with run {last.run_id}, {last.started_at[:16].replace('T', ' ')} UTC[/]"


def _why_not_there(maker: Forecast) -> str:
    """Of an input that is still to be made."""
    if maker.outcome is Outcome.DEPENDS:
        return f"{maker.stage} may run again"
    reason = next((str(change) for change in maker.changes), next(iter(maker.gone), ""))
    return escape(f"{maker.stage} would run" + (f" ({reason})" if reason else ""))


def _document(stage: Forecast) -> dict[str, Any]:
    last = stage.compared_with
    return {
        "stage": stage.stage,
        "outcome": stage.outcome.value,
        "cached_from": stage.cached_from,
        "changes": [
            {"part": change.part, "name": change.name, "before": change.before, "now": change.now}
            for change in stage.changes
        ],
        "waits_for": dict(stage.waits_for),
        "gone": list(stage.gone),
        "refusal": stage.refusal,
        "compared_with": None if last is None else {"run": last.run_id, "started_at": last.started_at},
    }

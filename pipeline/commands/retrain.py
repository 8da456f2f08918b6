"""`emotion run --if-new-data` and `--if-drift`: reasons not to run, for a person and for cron."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.console import Console

from components.core.artifacts import ExampleStatistics, Schema
from pipeline.artifact_storage import ArtifactStorage
from pipeline.config import PipelineConfig
from pipeline.emotion import build_graph
from pipeline.local_runner import RunResult
from pipeline.metadata.location import open_configured_store, open_store_to_run
from pipeline.metadata.records import State
from pipeline.printable import escape
from pipeline.retraining import last_judged_run, measure_drift, new_inputs

if TYPE_CHECKING:
    from components.data.statistics.measurement import Measurement
    from pipeline.live_traffic import LiveShift

__all__ = ["without_drift", "without_new_data"]

_SHOWN = 5


def without_new_data(config: PipelineConfig, console: Console) -> bool:
    """Says what is new, or that nothing is; whether there is nothing new since the last run that went to its end."""
    storage = ArtifactStorage(config.root, config.work_dir)
    last = None
    store = open_configured_store(storage.work_dir, storage.root, config.metadata)
    if store is not None:
        try:
            last = last_judged_run(store)
        finally:
            store.close()
    if last is None:
        console.print("new data: there is no run yet that went to its end", highlight=False)
        return False
    changed = new_inputs(build_graph(config), last)
    if changed:
        console.print(f"new data: {escape(changed)}", highlight=False, soft_wrap=True)
        return False
    console.print(
        f"no new data since run {last.id} ({last.started_at}): nothing to do", highlight=False, soft_wrap=True
    )
    return True


def without_drift(
    config: PipelineConfig,
    console: Console,
    run_data_stages: Callable[[], RunResult],
    live: str | None = None,
) -> bool:
    """Runs the data stages and says how far the data are from those of the pushed model; whether within the limits.

    Args:
        config: the pipeline.
        console: where it is said.
        run_data_stages: runs them.
        live: URL of a server that serves the model. If its traffic has drifted, the data are not looked at.
    """
    if live is not None and _live_drift(config, console, live):
        return False
    result = run_data_stages()
    if result.state is not State.COMPLETE:
        return False
    statistics = result.stages["statistics_gen"].outputs["statistics"]
    schema = result.stages["schema_gen"].outputs["schema"]
    assert isinstance(statistics, ExampleStatistics)
    assert isinstance(schema, Schema)
    storage = ArtifactStorage(config.root, config.work_dir)
    store = open_store_to_run(storage.work_dir, storage.root, config.metadata)
    try:
        drift = measure_drift(config, statistics, schema, store, storage)
    finally:
        store.close()
    if drift is None:
        console.print("drift: no model was pushed yet", highlight=False)
        return False
    since = f"since run {drift.since.id}, whose model is pushed"
    if drift.exceeded:
        for one in drift.exceeded[:_SHOWN]:
            console.print(
                f"drift {since}: {one.split}: {escape(one.message)} ({_figure(one)})",
                highlight=False,
                soft_wrap=True,
            )
        if len(drift.exceeded) > _SHOWN:
            console.print(f"and {len(drift.exceeded) - _SHOWN} more", highlight=False)
        return False
    nearest = drift.nearest
    told = (
        ""
        if nearest is None
        else f"; nearest to its limit: {nearest.feature} {nearest.at} ({_figure(nearest)})"
    )
    console.print(f"no drift {since}{escape(told)}: nothing to do", highlight=False, soft_wrap=True)
    return True


def _live_drift(config: PipelineConfig, console: Console, url: str) -> bool:
    from pipeline.live_traffic import read_live_shifts

    settings = config.example_validator
    shifts = read_live_shifts(url, max_shift=settings.max_category_shift, false_alarms=settings.false_alarms)
    for one in shifts:
        told = "live drift" if one.exceeded else "no live drift"
        console.print(
            f"{told}: {one.feature} of {one.texts:,} texts that model {escape(one.model)} was asked about "
            f"({_figure(one)})",
            highlight=False,
            soft_wrap=True,
        )
    if not shifts:
        console.print(f"live drift: unknown, {escape(url)} has seen too few texts", highlight=False)
    return any(one.exceeded for one in shifts)


def _figure(one: "Measurement | LiveShift") -> str:
    return f"{one.value:.3f}, limit {one.limit:.3f}"

"""Is it worth running again? What is new since the last run, and how far the data are from those of the model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from components.core.artifacts import ExampleStatistics, Schema
from components.data.sources.bigquery import BIGQUERY
from pipeline.artifact_storage import ArtifactStorage
from pipeline.cache import explain_miss, external_parts
from pipeline.config import PipelineConfig
from pipeline.graph import Graph
from pipeline.metadata.records import ExecutionRecord, State
from pipeline.metadata.store import MetadataStore

if TYPE_CHECKING:
    from components.data.statistics.measurement import Measurement

__all__ = ["Drift", "LastRun", "last_judged_run", "last_pushed_run", "measure_drift", "new_inputs"]

_DONE = (State.COMPLETE, State.CACHED)
_LAST_STAGE = "pusher"
_TABLE = f"source {BIGQUERY}"
"""How parts of a key begin that are versions of tables; other versions are of what comes with packages."""

_RUNS = 1_000
"""How many runs are looked back on."""


@dataclass(frozen=True)
class LastRun:
    """A run of the past: its number, when it began (ISO 8601, UTC), and its executions by stage."""

    id: int
    started_at: str
    executions: Mapping[str, ExecutionRecord]


@dataclass(frozen=True)
class Drift:
    """What was measured between the data of a pushed model and the data of now."""

    since: LastRun
    measurements: Sequence["Measurement"]

    @property
    def exceeded(self) -> list["Measurement"]:
        """Those beyond their limits, the farthest first."""
        beyond = [one for one in self.measurements if one.exceeded]
        return sorted(beyond, key=lambda one: -one.value / one.limit if one.limit else -one.value)

    @property
    def nearest(self) -> "Measurement | None":
        """The one that comes nearest to its limit; None if there was nothing to compare."""
        comparable = [one for one in self.measurements if one.limit]
        return max(comparable, key=lambda one: one.value / one.limit, default=None)


def last_judged_run(store: MetadataStore) -> LastRun | None:
    """The newest run that went to its end: its model was pushed, or the data or the model were refused."""
    return _newest(store, lambda state, stages: state is State.REFUSED or _is_pushed(stages))


def last_pushed_run(store: MetadataStore) -> LastRun | None:
    """The newest run whose model was pushed."""
    return _newest(store, lambda state, stages: state is State.COMPLETE and _is_pushed(stages))


def new_inputs(graph: Graph, last: LastRun) -> str:
    """Which files and tables the stages read now that they did not read in `last`, or that have changed, in words.

    Settings and code do not count: this is about data. A stage that the run did not get to is not asked.
    """
    before: dict[str, str] = {}
    now: dict[str, str] = {}
    for node in graph:
        execution = last.executions.get(node.name)
        if execution is None or not execution.fingerprint_parts:
            continue
        before |= _outside(node.name, execution.fingerprint_parts)
        now |= _outside(node.name, external_parts(node.config))
    return explain_miss(before, now) if before != now else ""


def _outside(stage: str, parts: Mapping[str, str]) -> dict[str, str]:
    """Of the parts of a key those that lie outside the pipeline; files by their place in the configuration."""
    files = {
        f"file {stage}.{name.removeprefix('file ')}": value
        for name, value in parts.items()
        if name.startswith("file ")
    }
    return {**files, **{name: value for name, value in parts.items() if name.startswith(_TABLE)}}


def measure_drift(
    config: PipelineConfig,
    statistics: ExampleStatistics,
    schema: Schema,
    store: MetadataStore,
    storage: ArtifactStorage,
) -> Drift | None:
    """Holds the data of now against those that the pushed model learned from; None if no model was pushed yet.

    The comparisons, tests and limits are ExampleValidator's: the comparators of the schema, and the shifts of labels,
    categories and lengths that chance does not explain. `example_validator.serving_statistics` are looked at, too.
    """
    from components.data.validation.comparator_rules import measure_comparators
    from components.data.validation.comparisons import Comparison
    from components.data.validation.schema_text import parse_schema
    from components.data.validation.shift_rules import ShiftLimits, measure_shifts
    from components.data.validation.split_profile import read_profiles

    since = last_pushed_run(store)
    if since is None:
        return None
    record = store.outputs(since.executions["statistics_gen"].id)["statistics"]
    learned = read_profiles(str(storage.localize(record.name, record.digest)))
    settings = config.example_validator
    current = list(read_profiles(str(statistics.path)).values())
    comparisons = [
        Comparison("drift", split, learned[split.name], f"the data of run {since.id}")
        for split in current
        if split.name in learned
    ]
    if settings.serving_statistics is not None and "train" in learned:
        comparisons += [
            Comparison("drift", asked, learned["train"], f"the data of run {since.id}")
            for asked in read_profiles(settings.serving_statistics).values()
        ]
    comparisons = [one for one in comparisons if one.treatment.rows and one.control.rows]
    expected = parse_schema(schema.pbtxt_path.read_text(encoding="utf-8"), str(schema.pbtxt_path))
    limits = ShiftLimits(
        settings.max_label_shift,
        settings.max_category_shift,
        settings.max_length_shift,
        settings.false_alarms,
    )
    asked_for = [one for comparison in comparisons for one in measure_comparators(comparison, expected)]
    return Drift(since, [*asked_for, *measure_shifts(comparisons, limits)])


def _is_pushed(stages: Mapping[str, ExecutionRecord]) -> bool:
    return _LAST_STAGE in stages and stages[_LAST_STAGE].state in _DONE


def _newest(store: MetadataStore, wanted: Any) -> LastRun | None:
    for run in store.runs(_RUNS):
        stages = {execution.stage: execution for execution in store.executions(run["id"])}
        if wanted(State(run["state"]), stages):
            return LastRun(run["id"], run["started_at"], stages)
    return None

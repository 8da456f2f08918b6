"""The Beam pipelines of ExampleGen: its elements are files, then units of files, then staged parts."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from components.core.errors import DataError, UserError
from components.core.filesystem import is_remote
from components.data.beam.beam_pipeline import collect
from components.data.beam.exchange import Exchange
from components.data.ingestion.distribute import PartPlacement, PartReport, distribute_part
from components.data.ingestion.ingest import DEAD_LETTERS, STAGING, IngestPlan, UnitReport, ingest_unit
from components.data.sources.dataset_folders import files_beside
from components.data.sources.delimited import Dialect
from components.data.sources.source_files import SourceFile
from components.data.sources.source_units import SourceUnit, UnitPlan, plan_units

__all__ = ["distribute_parts", "ingest_units", "plan_sources"]


def plan_sources(
    sources: Sequence[SourceFile], dialect: Dialect, wanted: Sequence[str], exchange: Exchange
) -> list[UnitPlan]:
    """Divides every source file into units, in the order of the sources.

    Raises:
        DataError: a file cannot be read, or lacks a wanted column.
        StageError: the pipeline failed.
    """

    def plan(index: int, source: SourceFile) -> tuple[int, UnitPlan | str]:
        # A message passes through any runner unchanged, an error does not.
        located = exchange.locate(source.uri)
        try:
            return index, plan_units(index, replace(source, uri=located), dialect, wanted)
        except UserError as err:
            return index, str(err).replace(located, source.uri)

    def build(pipeline: Any) -> Any:
        import apache_beam as beam

        files = pipeline | "Files" >> beam.Create(list(enumerate(sources)))
        return files | "Plan" >> beam.MapTuple(plan)

    files = [source.uri for source in sources if not is_remote(source.uri)]
    exchange.send(*map(Path, (*files, *files_beside(files, wanted))))
    plans = dict(collect(build, expected=len(sources)))
    ordered = [plans[index] for index in sorted(plans)]
    if errors := [found for found in ordered if isinstance(found, str)]:
        raise DataError(errors[0])
    return [found for found in ordered if isinstance(found, UnitPlan)]


def ingest_units(
    sources: Sequence[SourceFile],
    readings: Sequence[UnitPlan],
    plan: IngestPlan,
    directory: Path,
    exchange: Exchange,
) -> list[UnitReport]:
    """Reads every unit of every file into staged parts and dead letters, and returns the reports in any order.

    Args:
        sources: the files.
        readings: how each is divided.
        plan: what to do with the rows.
        directory: of the Examples artifact.
        exchange: on which the files were sent.

    Raises:
        StageError: the pipeline failed.
    """
    units = [(unit, readings[unit.source]) for reading in readings for unit in reading.units]

    def ingest(unit: SourceUnit, reading: UnitPlan) -> UnitReport:
        source = sources[unit.source]
        with exchange.writing(directory) as attempt:
            located = exchange.locate(source.uri)
            return ingest_unit(unit, source, reading, plan, attempt, located=located)

    def build(pipeline: Any) -> Any:
        import apache_beam as beam

        return pipeline | "Units" >> beam.Create(units) | "Ingest" >> beam.MapTuple(ingest)

    reports = collect(build, expected=len(units))
    # Where records go through scratch, they stay there: only workers read them.
    exchange.receive(directory, only=("*.npz", f"{DEAD_LETTERS}/*"))
    return reports


def distribute_parts(
    parts: Sequence[PartPlacement],
    split_names: Sequence[str],
    directory: Path,
    exchange: Exchange,
    *,
    rows_per_shard: int,
) -> list[PartReport]:
    """Copies the records of every staged part into the shards of their splits; reports in the order of the parts.

    Args:
        parts: where each record goes.
        split_names: names of the splits by position.
        directory: of the Examples artifact.
        exchange: on which the parts were staged.
        rows_per_shard: most records in one shard.

    Raises:
        StageError: the pipeline failed.
    """
    names = tuple(split_names)

    def distribute(part: PartPlacement) -> PartReport:
        staged = directory / STAGING / f"{part.name}.tfrecord"
        with exchange.reading(staged) as source, exchange.writing(directory) as attempt:
            return distribute_part(part, names, source, attempt, rows_per_shard=rows_per_shard)

    def build(pipeline: Any) -> Any:
        import apache_beam as beam

        return pipeline | "Parts" >> beam.Create(list(parts)) | "Distribute" >> beam.Map(distribute)

    reports = collect(build, expected=len(parts))
    exchange.receive(directory, only=("Split-*",))
    return sorted(reports, key=lambda report: report.name)

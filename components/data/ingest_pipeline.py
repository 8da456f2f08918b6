"""The Beam pipelines of ExampleGen: its elements are files, then units of files, then staged parts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from components.core.errors import DataError
from components.data.beam_pipeline import collect
from components.data.distribute import PartPlacement, PartReport, distribute_part
from components.data.ingest import IngestPlan, UnitReport, ingest_unit
from components.data.source_files import SourceFile
from components.data.source_units import UnitPlan, plan_units

__all__ = ["distribute_parts", "ingest_units", "plan_sources"]


def plan_sources(sources: Sequence[SourceFile], dialect: Any, wanted: Sequence[str]) -> list[UnitPlan]:
    """Divides every source file into units, in the order of the sources.

    Raises:
        DataError: a file cannot be read, or lacks a wanted column.
        StageError: the pipeline failed.
    """

    def build(pipeline: Any) -> Any:
        import apache_beam as beam

        return (
            pipeline
            | "Files" >> beam.Create(list(enumerate(sources)))
            | "Plan" >> beam.MapTuple(lambda index, source: _plan(index, source, dialect, wanted))
        )

    plans = dict(collect(build))
    errors = [plan for _, plan in sorted(plans.items()) if isinstance(plan, str)]
    if errors:
        raise DataError(errors[0])
    return [plans[index] for index in range(len(sources))]


def _plan(index: int, source: SourceFile, dialect: Any, wanted: Sequence[str]) -> tuple[int, UnitPlan | str]:
    """The plan, or what is wrong with the file: a message passes through any runner unchanged, an error does not."""
    try:
        return index, plan_units(index, source, dialect, wanted)
    except DataError as err:
        return index, str(err)


def ingest_units(
    sources: Sequence[SourceFile],
    readings: Sequence[UnitPlan],
    plan: IngestPlan,
    *,
    staging: Path,
    dead_letters: Path,
) -> list[UnitReport]:
    """Reads every unit of every file, and returns the reports in the order of the rows.

    Raises:
        StageError: the pipeline failed.
    """
    units = [(unit, sources[unit.source], reading) for reading in readings for unit in reading.units]

    def build(pipeline: Any) -> Any:
        import apache_beam as beam

        return (
            pipeline
            | "Units" >> beam.Create(units)
            | "Ingest"
            >> beam.MapTuple(
                lambda unit, source, reading: ingest_unit(
                    unit, source, reading, plan, staging=staging, dead_letters=dead_letters
                )
            )
        )

    return sorted(collect(build), key=lambda report: (report.source, report.part))


def distribute_parts(
    parts: Sequence[PartPlacement],
    split_names: Sequence[str],
    *,
    staging: Path,
    directory: Path,
    rows_per_shard: int,
) -> list[PartReport]:
    """Copies the records of every staged part into the shards of their splits; reports in the order of the parts.

    Raises:
        StageError: the pipeline failed.
    """
    names = tuple(split_names)

    def build(pipeline: Any) -> Any:
        import apache_beam as beam

        return (
            pipeline
            | "Parts" >> beam.Create(list(parts))
            | "Distribute"
            >> beam.Map(
                lambda part: distribute_part(
                    part, names, staging=staging, directory=directory, rows_per_shard=rows_per_shard
                )
            )
        )

    return sorted(collect(build), key=lambda report: report.name)

"""The Beam pipeline of ExampleGen."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from components.data.beam_pipeline import collect
from components.data.ingest import FileReport, IngestPlan, ingest_file
from components.data.source_files import SourceFile

__all__ = ["ingest_files"]


def ingest_files(sources: Sequence[SourceFile], plan: IngestPlan, directory: Path) -> list[FileReport]:
    """Reads every source file, one Beam element a file, and returns the reports in the order of the sources.

    Raises:
        StageError: the pipeline failed.
    """

    def build(pipeline: Any) -> Any:
        import apache_beam as beam

        return (
            pipeline
            | "Files" >> beam.Create(list(enumerate(sources)))
            | "Ingest" >> beam.Map(lambda item: ingest_file(item[0], item[1], plan, directory))
        )

    return sorted(collect(build), key=lambda report: report.source)

"""The Beam pipeline of ExampleGen."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from components.core.filesystem import is_remote
from components.data.beam_pipeline import collect, exchanging
from components.data.ingest import FileReport, IngestPlan, ingest_file
from components.data.source_files import SourceFile

__all__ = ["ingest_files"]


def ingest_files(sources: Sequence[SourceFile], plan: IngestPlan, directory: Path) -> list[FileReport]:
    """Reads every source file, one Beam element a file, and returns the reports in the order of the sources.

    Raises:
        StageError: the pipeline failed.
    """

    with exchanging() as exchange:

        def ingest(item: tuple[int, SourceFile]) -> FileReport:
            index, source = item
            with exchange.writing(directory) as attempt:
                (attempt / "dead_letters").mkdir()
                return ingest_file(index, source, plan, attempt, located=exchange.locate(source.uri))

        def build(pipeline: Any) -> Any:
            import apache_beam as beam

            files = pipeline | "Files" >> beam.Create(list(enumerate(sources)))
            return files | "Ingest" >> beam.Map(ingest)

        exchange.send(*(Path(source.uri) for source in sources if not is_remote(source.uri)))
        reports = collect(build, expected=len(sources))
        exchange.receive(directory)
    return sorted(reports, key=lambda report: report.source)

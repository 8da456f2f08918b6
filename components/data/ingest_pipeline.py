"""The Beam pipeline of ExampleGen."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from components.data.beam_pipeline import run_pipeline
from components.data.ingest import FileReport, IngestPlan, ingest_file
from components.data.source_files import SourceFile

__all__ = ["ingest_files"]


def ingest_files(sources: Sequence[SourceFile], plan: IngestPlan, directory: Path) -> list[FileReport]:
    """Reads every source file, one Beam element a file, and returns the reports in the order of the sources.

    Raises:
        StageError: the pipeline failed.
    """
    reports_path = directory / ".reports.json"

    def build(pipeline: Any) -> None:
        import apache_beam as beam

        reports = (
            pipeline
            | "Files" >> beam.Create(list(enumerate(sources)))
            | "Ingest" >> beam.Map(lambda item: ingest_file(item[0], item[1], plan, directory))
        )
        reports | "Gather" >> beam.combiners.ToList() | "Report" >> beam.Map(_write_reports, reports_path)

    run_pipeline(build)
    documents = json.loads(reports_path.read_text(encoding="utf-8"))
    reports_path.unlink()
    return sorted((FileReport(**document) for document in documents), key=lambda report: report.source)


def _write_reports(reports: Sequence[FileReport], path: Path) -> None:
    path.write_text(json.dumps([asdict(report) for report in reports]), encoding="utf-8")

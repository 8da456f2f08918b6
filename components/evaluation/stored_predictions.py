"""Measuring predictions that were stored, however many: over Beam, in one pass, without the model and TensorFlow."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from components.core.errors import DataError, StageError
from components.data.beam.beam_pipeline import collect, exchanging
from components.evaluation.accumulators.head_totals import ModelTotals
from components.evaluation.head_measurement import measure_totals
from components.evaluation.predictions import PredictionsHeader, read_header, read_predictions
from components.modeling.heads import columns

__all__ = ["measure_predictions"]


def measure_predictions(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Measures the predictions of one model, in files that `write_predictions` wrote.

    Files are read side by side where the runner has several workers, and none is in memory as a whole; what is kept is
    bounded (see `accumulators.ranking`). Intervals are left out: resampling needs all rows at once.

    Returns:
        What `metrics.json` says of each head, with null for the bounds of intervals, and without slices, errors and
        comparison; of a head that no row's truth is known of only its name, its task and 0 `rows`.

    Raises:
        DataError: a file is none of predictions, or two are of different models.
        StageError: the pipeline failed, or lost rows.
    """
    headers = [read_header(path) for path in paths]
    for path, header in zip(paths, headers, strict=True):
        if not header.answers_like(headers[0]):
            raise DataError(f"{path}: has other heads or thresholds than {paths[0]}; measure them one by one")
    with exchanging() as exchange:

        def add_up(path: str) -> ModelTotals:
            totals = ModelTotals(headers[0].heads, headers[0].thresholds)
            with exchange.reading(Path(path)) as local:
                for scores, targets in read_predictions(local):
                    totals.add(scores, targets)
            return totals

        def build(pipeline: Any) -> Any:
            import apache_beam as beam

            files = pipeline | beam.Create([str(path) for path in paths]) | "Spread" >> beam.Reshuffle()
            totals = files | "Add up" >> beam.Map(add_up)
            # What is to be merged travels, and takes several times its memory on the way; one file's has no need to.
            if len(paths) > 1:
                totals = totals | "Merge" >> beam.CombineGlobally(_merging(headers[0])).without_defaults()
            return totals | "Measure" >> beam.Map(_measured)

        exchange.send(*paths)
        found: int
        documents: list[dict[str, Any]]
        ((found, documents),) = collect(build, expected=1)
    expected = sum(header.rows for header in headers)
    if found != expected:
        raise StageError(
            f"{expected} predictions were to be measured but {found} were; try another `beam.runner`"
        )
    return documents


def _merging(header: PredictionsHeader) -> Any:
    """The Beam `CombineFn` over the totals of files."""
    import apache_beam as beam

    class Merging(beam.CombineFn):
        def create_accumulator(self) -> ModelTotals:
            return ModelTotals(header.heads, header.thresholds)

        def add_input(self, totals: ModelTotals, part: ModelTotals) -> ModelTotals:
            totals.merge(part)
            return totals

        def merge_accumulators(self, parts: Iterable[ModelTotals]) -> ModelTotals:
            merged = self.create_accumulator()
            for part in parts:
                merged.merge(part)
            return merged

        def compact(self, totals: ModelTotals) -> ModelTotals:
            totals.compact()
            return totals

        def extract_output(self, totals: ModelTotals) -> ModelTotals:
            return totals

    return Merging()


def _measured(totals: ModelTotals) -> tuple[int, list[dict[str, Any]]]:
    """How many rows there were, and what is measured of each head."""
    places = columns(totals.heads)
    documents = []
    for head, own in zip(totals.heads, totals.by_head, strict=True):
        about = {"head": head.name, "task": head.task}
        if own.rows:
            measured = measure_totals(head, totals.thresholds[places[head.name]], own)
            documents.append({**about, **measured.headline(), **measured.tables()})
        else:
            documents.append({**about, "rows": 0})
    return totals.rows, documents

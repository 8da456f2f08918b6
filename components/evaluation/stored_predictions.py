"""Measuring predictions that were stored, however many: over Beam, in one pass, without the model and TensorFlow."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.core.errors import DataError, StageError
from components.data.beam.beam_pipeline import collect, exchanging
from components.evaluation.accumulators.head_totals import ModelTotals
from components.evaluation.head_measurement import measure_totals
from components.evaluation.predictions import PredictionsHeader, read_header, read_predictions
from components.modeling.heads import columns

__all__ = ["measure_predictions"]

_Batch = tuple[NDArray[np.float32], NDArray[np.float32]]


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

        def read(path: str) -> Iterator[_Batch]:
            with exchange.reading(Path(path)) as local:
                yield from read_predictions(local)

        def build(pipeline: Any) -> Any:
            import apache_beam as beam

            files = pipeline | beam.Create([str(path) for path in paths]) | "Spread" >> beam.Reshuffle()
            batches = files | "Read" >> beam.FlatMap(read)
            return batches | "Measure" >> beam.CombineGlobally(_measuring(headers[0])).without_defaults()

        exchange.send(*paths)
        measured = collect(build)
    expected = sum(header.rows for header in headers)
    found = sum(rows for rows, _ in measured)
    if found != expected:
        raise StageError(
            f"{expected} predictions were to be measured but {found} were; try another `beam.runner`"
        )
    return measured[0][1] if measured else _documents(ModelTotals(headers[0].heads, headers[0].thresholds))


def _measuring(header: PredictionsHeader) -> Any:
    """The Beam `CombineFn` from batches of rows to their number and what was measured of them."""
    import apache_beam as beam

    class Measuring(beam.CombineFn):
        def create_accumulator(self) -> ModelTotals:
            return ModelTotals(header.heads, header.thresholds)

        def add_input(self, totals: ModelTotals, batch: _Batch) -> ModelTotals:
            totals.add(*batch)
            return totals

        def merge_accumulators(self, parts: Iterable[ModelTotals]) -> ModelTotals:
            merged = self.create_accumulator()
            for part in parts:
                merged.merge(part)
            return merged

        def compact(self, totals: ModelTotals) -> ModelTotals:
            totals.compact()
            return totals

        def extract_output(self, totals: ModelTotals) -> tuple[int, list[dict[str, Any]]]:
            return totals.rows, _documents(totals)

    return Measuring()


def _documents(totals: ModelTotals) -> list[dict[str, Any]]:
    places = columns(totals.heads)
    documents = []
    for head, own in zip(totals.heads, totals.by_head, strict=True):
        about = {"head": head.name, "task": head.task}
        if own.rows:
            measured = measure_totals(head, totals.thresholds[places[head.name]], own)
            documents.append({**about, **measured.headline(), **measured.tables()})
        else:
            documents.append({**about, "rows": 0})
    return documents

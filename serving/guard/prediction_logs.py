"""Reads PredictionLogs back: a row of JSON for each text, which ExampleGen and `emotion validate` take.

    python -m serving.guard.prediction_logs LOGS/predictions-*.tfrecord > traffic.jsonl

A row holds `id`, `time`, `model`, `version`, the inputs by name (`text`), `labels` (those that were predicted) and
`scores` by label. Texts that the log left out make no rows.
"""

import argparse
import json
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from serving.guard.redaction import is_omitted
from serving.json_tensors import array_to_json
from serving.json_values import Json

__all__ = ["read_prediction_log"]

_log = logging.getLogger(__name__)


def read_prediction_log(file: Path) -> Iterator[dict[str, Json]]:
    """Yields the rows of one file, of Predict and Classify; a record that a crash cut off ends it with a warning."""
    records = tf.data.TFRecordDataset(str(file)).as_numpy_iterator()
    number = 0
    while True:
        try:
            record = next(records)
        except StopIteration:
            return
        except tf.errors.DataLossError as err:
            _log.warning("%s: ends after record %d (%s)", file, number, err.message)
            return
        number += 1
        log = PredictionLog.FromString(record)
        metadata = log.log_metadata
        for row, (texts, answer) in enumerate(_rows(log), start=1):
            if not texts or any(map(is_omitted, texts.values())):
                continue
            yield {
                "id": f"{file.name}:{number}:{row}",
                "time": datetime.fromtimestamp(metadata.timestamp_secs, UTC).isoformat(),
                "model": metadata.model_spec.name,
                "version": metadata.model_spec.version.value,
                **texts,
                **answer,
            }


def _rows(log: Any) -> Iterator[tuple[dict[str, str], dict[str, Json]]]:
    """Texts by name and what was answered, for each row of one call."""
    if log.HasField("predict_log"):
        inputs = _columns(log.predict_log.request.inputs)
        outputs = _columns(log.predict_log.response.outputs)
        for row in range(max(map(len, inputs.values()), default=0)):
            texts = {name: column[row] for name, column in inputs.items() if row < len(column)}
            yield texts, _answer({name: column[row] for name, column in outputs.items() if row < len(column)})
    elif log.HasField("classify_log"):
        part = log.classify_log
        examples = part.request.input.example_list.examples
        for example, result in zip(examples, part.response.result.classifications, strict=True):
            texts = {
                name: feature.bytes_list.value[0].decode("utf-8", errors="replace")
                for name, feature in sorted(example.features.feature.items())
                if len(feature.bytes_list.value) == 1
            }
            yield texts, {"scores": {one.label: _float(one.score) for one in result.classes}}


def _columns(protos: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Tensors that hold something, as lists of rows."""
    arrays = {name: tf.make_ndarray(proto) for name, proto in sorted(protos.items()) if _has_values(proto)}
    return {name: array_to_json(array) for name, array in arrays.items() if array.ndim}


def _has_values(proto: Any) -> bool:
    return any(len(value) for field, value in proto.ListFields() if field.name.endswith("_val"))


def _answer(row: Mapping[str, Any]) -> dict[str, Json]:
    """The outputs of this project's models; of others, all of them as they are."""
    names, scores, predicted = (row.get(name) for name in ("labels", "scores", "predicted"))
    if not (isinstance(names, list) and isinstance(scores, list) and isinstance(predicted, list)):
        return {"outputs": dict(row)}
    chosen = [name for name, applies in zip(names, predicted, strict=True) if applies]
    return {"labels": chosen, "scores": dict(zip(names, scores, strict=True))}


def _float(value: float) -> float:
    return float(f"{value:.9g}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes the rows of PredictionLogs as JSON Lines."""
    parser = argparse.ArgumentParser(prog="python -m serving.guard.prediction_logs", description=main.__doc__)
    parser.add_argument("files", type=Path, nargs="+", help="predictions-*.tfrecord")
    count = 0
    for file in parser.parse_args(arguments).files:
        for row in read_prediction_log(file):
            count += 1
            print(json.dumps(row, ensure_ascii=False))
    if not count:
        print(
            "no row: the log holds no texts; `emotion serve` masks them, others leave them out",
            file=sys.stderr,
        )


if __name__ == "__main__":
    main()

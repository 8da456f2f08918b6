"""What the models of two runs answered, brought into one order where the texts are the same."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.core import features
from components.core.artifacts import Examples, Model, ModelEvaluation
from components.data.records.example_proto import decode_example
from components.data.records.tfrecord import read_records
from components.evaluation.head_rows import HeadRows, split_by_head
from components.evaluation.scoring import Answers
from components.modeling.heads import Head, decide
from pipeline.comparison.recorded_run import RecordedRun

__all__ = ["EvaluatedRun", "Pairing", "pair"]


@dataclass(frozen=True)
class EvaluatedRun:
    """A run whose model was evaluated.

    Attributes:
        split: what was evaluated.
        heads: of the model.
        thresholds: by output.
        ids: of the rows.
        texts: of the rows.
        scores: float32 [rows, outputs].
        targets: float32 [rows, outputs], NaN = unknown.
        metrics: `metrics.json`.
    """

    split: str
    heads: Sequence[Head]
    thresholds: Sequence[float]
    ids: NDArray[np.str_]
    texts: Sequence[str]
    scores: NDArray[np.float32]
    targets: NDArray[np.float32]
    metrics: Mapping[str, Any]

    @classmethod
    def of(cls, run: RecordedRun) -> "EvaluatedRun":
        """Reads what the Evaluator stored.

        Raises:
            UserError: the run has no evaluation.
        """
        evaluation = run.require(ModelEvaluation, "evaluator")
        metrics = evaluation.metrics()
        split = metrics["split"]
        model = run.require(Model, "trainer")
        document = json.loads(model.config_path.read_text(encoding="utf-8"))
        with np.load(evaluation.predictions_path(split)) as stored:
            ids, scores, targets = (stored[name] for name in ("ids", "scores", "targets"))
        texts = _texts(run.require(Examples, "example_gen"), split)
        return cls(
            split=split,
            heads=_heads(document),
            thresholds=document["thresholds"],
            ids=ids,
            texts=[texts.get(row_id, "") for row_id in ids.tolist()],
            scores=scores,
            targets=targets,
            metrics=metrics,
        )

    def in_order(self, rows: NDArray[np.int64]) -> "EvaluatedRun":
        """Those rows, in that order."""
        return replace(
            self,
            ids=self.ids[rows],
            texts=[self.texts[row] for row in rows],
            scores=self.scores[rows],
            targets=self.targets[rows],
        )

    def head_rows(self) -> dict[str, HeadRows]:
        """What each head answered where its truth is known, by name of the head."""
        decisions = decide(self.heads, self.scores, self.thresholds)
        parts = split_by_head(self.heads, Answers(self.scores, decisions), self.targets, self.thresholds)
        return {part.head.name: part for part in parts if len(part)}


@dataclass(frozen=True)
class Pairing:
    """Two evaluated runs, in one order if they can be paired.

    Attributes:
        before: the first.
        after: the second.
        common: texts that both have.
        why_not: why rows cannot be compared one by one; empty if they can.
    """

    before: EvaluatedRun
    after: EvaluatedRun
    common: int
    why_not: str = ""


def pair(before: EvaluatedRun, after: EvaluatedRun) -> Pairing:
    """Brings the rows of both into the order of the first, if they are the same texts.

    Rows are the same if their text is, and if more than one has it, their id.
    """
    keys = [list(zip(run.texts, run.ids.tolist(), strict=True)) for run in (before, after)]
    places = {key: row for row, key in enumerate(keys[1])}
    common = sum(key in places for key in keys[0])
    if common < max(len(keys[0]), len(keys[1])) or len(places) < len(keys[1]):
        sizes = f"{len(keys[0]):,} and {len(keys[1]):,} texts, {common:,} in common"
        return Pairing(before, after, common, f"they were evaluated on different texts ({sizes})")
    order = np.array([places[key] for key in keys[0]])
    return Pairing(before, after.in_order(order), common)


def _heads(document: Mapping[str, Any]) -> list[Head]:
    """The heads of `model.json`; models of one multi-label head had their labels there once."""
    return [Head.model_validate(head) for head in document.get("heads") or [{"outputs": document["labels"]}]]


def _texts(examples: Examples, split: str) -> dict[str, str]:
    """Text by row id; none if the split is no longer there."""
    if split not in examples.splits():
        return {}
    records = (decode_example(record) for shard in examples.shards(split) for record in read_records(shard))
    return {
        record[features.ID][0].decode("utf-8"): record[features.TEXT][0].decode("utf-8") for record in records
    }

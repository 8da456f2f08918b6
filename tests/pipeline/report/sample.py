"""What a run of all stages leaves behind, small and quick to make: real metrics of synthetic scores."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from components.core import artifacts
from components.core.artifacts import Artifact
from components.core.verdict import Check, Verdict
from components.evaluation.evaluator_config import EvaluatorConfig
from components.evaluation.gate import judge
from components.evaluation.head_measurement import compare_heads, measure_head
from components.evaluation.head_rows import split_by_head
from components.evaluation.labelled_texts import LabelledTexts
from components.evaluation.limits import ChangeThresholds, QualityThresholds
from components.evaluation.measurement import write_json
from components.evaluation.scoring import Answers
from components.evaluation.slice_measurement import slice_table
from components.evaluation.slices import length_slices
from components.evaluation.thresholds import tune_thresholds
from components.evaluation.worst_errors import worst_errors
from components.modeling.heads import Head
from pipeline.local_runner import RunResult, StageResult
from pipeline.metadata.records import State
from tests.pipeline.report import data_sample, evaluation_sample

LABELS = (
    "admiration",
    "amusement",
    "anger",
    "annoyance",
    "approval",
    "caring",
    "confusion",
    "curiosity",
    "desire",
    "disappointment",
    "disapproval",
    "disgust",
    "embarrassment",
    "excitement",
    "fear",
    "gratitude",
    "grief",
    "joy",
    "love",
    "nervousness",
    "optimism",
    "pride",
    "realization",
    "relief",
    "remorse",
    "sadness",
    "surprise",
    "neutral",
)
_LONG_TEXT = (
    "He said he'd be here. He wasn't. I waited for two hours in the rain and then walked home alone, past the bakery "
    "where we used to go on Sundays, and I am not even angry any more 😞"
)
_TEXTS = (
    "I can't believe how kind everyone was today, thank you so much!",
    "ugh, the delivery is late again <b>and nobody answers</b>",
    "Why would anyone want this? Genuinely asking & not being rude.",
    "The meeting is at three.",
    _LONG_TEXT,
)

_READS = {
    "statistics_gen": {"examples": "example_gen.examples"},
    "example_validator": {"statistics": "statistics_gen.statistics", "examples": "example_gen.examples"},
    "transform": {
        "examples": "example_gen.examples",
        "example_validator.anomalies": "example_validator.anomalies",
    },
    "trainer": {
        "transformed": "transform.transformed",
        "transform_graph": "transform.transform_graph",
    },
    "evaluator": {
        "examples": "example_gen.examples",
        "model": "trainer.model",
        "baseline": "latest blessed trainer.model",
    },
    "saved_model_exporter": {"model": "trainer.model", "evaluator.blessing": "evaluator.blessing"},
    "tflite_exporter": {"model": "trainer.model", "evaluator.blessing": "evaluator.blessing"},
    "infra_validator": {
        "model": "trainer.model",
        "examples": "example_gen.examples",
        "saved_model": "saved_model_exporter.export",
        "tflite": "tflite_exporter.export",
    },
    "pusher": {
        "saved_model": "saved_model_exporter.export",
        "tflite": "tflite_exporter.export",
        "infra_validator.blessing": "infra_validator.blessing",
    },
}


@dataclass(frozen=True)
class Sample:
    """A run on disk."""

    root: Path
    result: RunResult


def sample_run(root: Path, *, blessed: bool = True, for_tests_only: bool = False) -> Sample:
    """A complete run, or one whose model is not blessed and whose later stages were refused."""
    writer = _Writer(root, np.random.default_rng(0))
    examples = writer.examples()
    statistics = writer.statistics()
    anomalies = writer.anomalies()
    graph, transformed = writer.transform()
    model = writer.model(for_tests_only)
    evaluation, blessing = writer.evaluation(blessed, for_tests_only)
    stages = [
        _stage(
            "example_gen", 2.1, {"train rows": 43410, "test rows": 5427, "dead letters": 3}, examples=examples
        ),
        _stage("statistics_gen", 3.4, {"rows": 54263}, statistics=statistics),
        _stage("example_validator", 0.2, {"anomalies": 1, "errors": 0}, anomalies=anomalies),
        _stage("transform", 4.0, {"truncated": 12}, transform_graph=graph, transformed=transformed),
        _stage("trainer", 1931.0, {"best_epoch": 3, "validation_metric": 0.523}, model=model),
        _stage(
            "evaluator",
            21.5,
            {"macro_f1": 0.512, "blessed": blessed},
            evaluation=evaluation,
            blessing=blessing,
        ),
    ]
    if blessed:
        saved_model, tflite = writer.exports()
        infra, pushed = writer.infra(), writer.pushed()
        stages += [
            _stage("saved_model_exporter", 9.3, {}, export=saved_model),
            _stage("tflite_exporter", 41.0, {}, export=tflite),
            _stage("infra_validator", 18.7, {"blessed": True}, blessing=infra),
            _stage("pusher", 0.4, {"version": 1795475000}, pushed=pushed),
        ]
    else:
        refusal = blessing.refusal() or ""
        names = ("saved_model_exporter", "tflite_exporter", "infra_validator", "pusher")
        stages += [StageResult(name, State.REFUSED, message=refusal) for name in names]
    state = State.COMPLETE if blessed else State.REFUSED
    return Sample(root, RunResult(7, state, {stage.name: stage for stage in stages}))


def refused_run(root: Path) -> Sample:
    """A run whose data did not fit the schema."""
    writer = _Writer(root, np.random.default_rng(0))
    anomalies = writer.anomalies(severity="ERROR")
    stages = [
        _stage("example_gen", 2.1, {"train rows": 43410}, examples=writer.examples()),
        _stage("example_validator", 0.2, {"errors": 1}, anomalies=anomalies),
    ]
    refusal = anomalies.refusal() or ""
    stages += [
        StageResult(name, State.REFUSED, message=refusal) for name in ("transform", "trainer", "evaluator")
    ]
    return Sample(root, RunResult(8, State.REFUSED, {stage.name: stage for stage in stages}))


def _stage(name: str, seconds: float, summary: dict[str, Any], **outputs: Artifact) -> StageResult:
    cached = name in ("statistics_gen", "example_validator")
    return StageResult(
        name,
        State.CACHED if cached else State.COMPLETE,
        summary,
        outputs,
        seconds,
        None if cached else 1200 + seconds,
        digests={output: hashlib.sha256(f"{name}.{output}".encode()).hexdigest() for output in outputs},
        reads=_READS.get(name, {}),
        ran_in=3 if cached else 7,
    )


class _Writer:
    def __init__(self, root: Path, rng: np.random.Generator) -> None:
        self._root = root
        self._rng = rng
        self._rates = np.clip(rng.pareto(1.2, len(LABELS)) * 0.02, 0.003, 0.3)

    def examples(self) -> artifacts.Examples:
        examples = artifacts.Examples(self._directory("examples"))
        self._json(examples.summary_path, data_sample.examples_summary(LABELS))
        data_sample.write_shards(examples, LABELS)
        examples.dead_letters_dir.mkdir()
        letters = [
            {
                "file": "data/train.tsv",
                "row": 17,
                "reason": "unknown label",
                "detail": "'hapy'",
                "content": "yay\thapy",
            },
            {
                "file": "data/train.tsv",
                "row": 88,
                "reason": "unknown label",
                "detail": None,
                "content": data_sample.HOSTILE,
            },
            {"file": "data/train.tsv", "row": 90, "reason": "empty text", "detail": "", "content": "\t27"},
        ]
        lines = "".join(json.dumps(letter) + "\n" for letter in letters)
        (examples.dead_letters_dir / "part-00000.jsonl").write_text(lines)
        return examples

    def statistics(self) -> artifacts.ExampleStatistics:
        statistics = artifacts.ExampleStatistics(self._directory("statistics"))
        splits = {
            split: data_sample.split_statistics(
                LABELS,
                data_sample.synthetic_targets(self._rng, self._rates, rows),
                self._rng,
                rated=split == "train",
            )
            for split, rows in data_sample.ROWS.items()
        }
        document = {"labels": LABELS, "tokenizer": {"encoder": "minilm"}, "splits": splits}
        self._json(statistics.json_path, document)
        data_sample.write_protos(statistics, splits)
        return statistics

    def anomalies(self, severity: str = "WARNING") -> artifacts.ExampleAnomalies:
        anomalies = artifacts.ExampleAnomalies(self._directory("anomalies"))
        self._json(anomalies.json_path, data_sample.anomalies(severity))
        return anomalies

    def transform(self) -> tuple[artifacts.TransformGraph, artifacts.TransformedExamples]:
        graph = artifacts.TransformGraph(self._directory("transform_graph"))
        transformed = artifacts.TransformedExamples(self._directory("transformed"))
        lengths = np.clip(self._rng.gamma(3.2, 5, 43410), 3, 64).astype(int)
        counts = {str(length): int((lengths == length).sum()) for length in np.unique(lengths)}
        self._json(graph.lengths_path, {"train": counts})
        self._json(transformed.summary_path, {"splits": {"train": {"rows": 43410, "truncated": 12}}})
        return graph, transformed

    def model(self, for_tests_only: bool) -> artifacts.Model:
        model = artifacts.Model(self._directory("model"))
        self._json(
            model.config_path,
            {
                "encoder": "minilm",
                "labels": LABELS,
                "for_tests_only": for_tests_only,
                "training": {"precision": "mixed_bfloat16"},
            },
        )
        curve = [
            (1, 0.1312, 0.0921, 0.482),
            (2, 0.0874, 0.0858, 0.512),
            (3, 0.0741, 0.0866, 0.523),
            (4, 0.0668, 0.0889, 0.519),
        ]
        names = ("epoch", "loss", "validation_loss", "validation_metric")
        epochs = [dict(zip(names, figures, strict=True)) for figures in curve]
        self._json(model.history_path, {"epochs": epochs, "best_epoch": 3, "examples_per_second": 86.2})
        return model

    def evaluation(
        self, blessed: bool, for_tests_only: bool
    ) -> tuple[artifacts.ModelEvaluation, artifacts.ModelBlessing]:
        rows = 5427
        targets = (self._rng.random((rows, len(LABELS))) < self._rates).astype(np.float32)
        quality = np.linspace(1.5, 3.5, len(LABELS))
        logits = self._rng.normal(np.log(self._rates) + quality * targets, 1.0)
        scores = (1 / (1 + np.exp(-logits))).astype(np.float32)
        texts = LabelledTexts(
            ids=[f"row-{row}" for row in range(rows)],
            texts=[_TEXTS[row % len(_TEXTS)] for row in range(rows)],
            targets=targets,
            slices={},
        )
        thresholds = tune_thresholds(scores, targets)
        heads = (Head(outputs=LABELS),)
        (part,) = split_by_head(heads, Answers(scores, scores >= thresholds), targets, thresholds.tolist())
        measured = measure_head(part, resamples=200, seed=0)
        document: dict[str, Any] = {
            "head": "emotion",
            "task": "multi_label",
            **measured.headline(),
            **measured.tables(),
            "slices": slice_table(
                length_slices(texts, (5, 10, 20)), part, min_rows=30, resamples=200, seed=0
            ),
            "worst_slice": {"slice": "text length: 21 words and more", "value": 0.471, "support": 1086},
            "worst_errors": [
                {
                    **error,
                    "explained_label": error["label"],
                    "tokens": evaluation_sample.token_values(error["text"], self._rng),
                }
                for error in worst_errors(texts, part, limit=6)
            ],
            **evaluation_sample.more_of_labels(targets, part.decisions),
            "threshold_sweep": evaluation_sample.sweep(LABELS, scores, targets),
            "co_occurrence": {
                "labels": LABELS,
                "counts": (targets.T @ targets).astype(int).tolist(),
                "given": (targets.T @ part.decisions).astype(int).tolist(),
            },
            "calibration": evaluation_sample.calibration(LABELS, scores, targets),
            "baseline": {"note": "first model, there is nothing to compare with yet"},
        }
        if not blessed:
            plain = part.answered(Answers(scores, scores >= 0.5), slice(None), [0.5] * len(LABELS))
            document["baseline"] = compare_heads(measured, part, plain, bins=10, resamples=200, seed=0)
        for row in document["labels"]:
            row["auroc"] = 0.5 + row["average_precision"] / 2
        about = {"split": "test", "encoder": "minilm", "for_tests_only": for_tests_only}
        about |= evaluation_sample.behaviour()
        about |= {
            "size": {"parameters": 22_724_252, "bytes": 90_897_008},
            "latency": {"texts": 200, "tokens": 24, "median_ms": 6.1, "p95_ms": 9.8},
        }
        evaluation = artifacts.ModelEvaluation(self._directory("evaluation"))
        write_json(evaluation.metrics_path, {**about, **document, "heads": [document]})
        blessing = artifacts.ModelBlessing(self._directory("blessing"))
        lowest = QualityThresholds(macro_f1=0.1 if blessed else 0.9, micro_f1=0.1)
        limits = EvaluatorConfig(thresholds=lowest, change=ChangeThresholds(max_label_f1_drop=None))
        verdict = judge({"heads": [document]}, scores, limits)
        verdict.write(blessing.verdict_path)
        return evaluation, blessing

    def exports(self) -> tuple[artifacts.SavedModelExport, artifacts.TFLiteExport]:
        saved_model = artifacts.SavedModelExport(self._directory("saved_model"))
        self._json(saved_model.export_path, {"size_bytes": 91_823_114, "signatures": ["serving_default"]})
        tflite = artifacts.TFLiteExport(self._directory("tflite"))
        self._json(
            tflite.export_path,
            {
                "float32": {"file": "emotion_float32.tflite", "size_bytes": 90_512_300},
                "int8": {"file": "emotion_int8.tflite", "size_bytes": 23_102_555},
            },
        )
        return saved_model, tflite

    def infra(self) -> artifacts.InfraBlessing:
        blessing = artifacts.InfraBlessing(self._directory("infra"))
        figures = {
            "saved_model": (2e-6, 1.0, 6.2, 91_823_114),
            "tflite_float32": (7e-6, 1.0, 8.3, 90_512_300),
            "tflite_int8": (0.021, 0.9971, 2.7, 23_102_555),
        }
        parity = {
            name: {
                "rows": 1060,
                "latency_ms_p50": latency,
                "size_bytes": size,
                "max_score_difference": difference,
                "decision_agreement": agreement,
                "worst": [{"text": _TEXTS[0], "difference": difference}],
            }
            for name, (difference, agreement, latency, size) in figures.items()
        }
        self._json(blessing.parity_path, parity)
        message = "scores differ from the Keras model's by at most 2.0e-06, at most 1.0e-03 is allowed"
        agreement = "99.71 % of the decisions are the Keras model's, at least 98 % are required"
        Verdict(
            (
                Check.at_most("saved_model.max_score_difference", 2e-6, 1e-3, message),
                Check.at_least("tflite_int8.decision_agreement", 0.9971, 0.98, agreement),
            )
        ).write(blessing.verdict_path)
        return blessing

    def pushed(self) -> artifacts.PushedModel:
        pushed = artifacts.PushedModel(self._directory("pushed"))
        where = "/srv/models/emotion/1795475000"
        self._json(
            pushed.pushed_path, {"version": 1795475000, "saved_model": where, "tflite": f"{where}-tflite"}
        )
        return pushed

    def _directory(self, name: str) -> Path:
        path = self._root / name
        path.mkdir(parents=True)
        return path

    @staticmethod
    def _json(path: Path, document: Any) -> None:
        path.write_text(json.dumps(document), encoding="utf-8")

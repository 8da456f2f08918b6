"""InfraValidator: proves that every export answers as the Keras model does, before anything is pushed."""

import json
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import Field

from components.core.artifacts import Examples, InfraBlessing, Model, SavedModelExport, TFLiteExport
from components.core.component import Output, Summary, component
from components.core.config import Config
from components.core.progress import NO_PROGRESS, Progress
from components.core.verdict import Check, Verdict

if TYPE_CHECKING:
    from components.infra.answers import Answers
    from components.infra.judgement import Limits, Reference

__all__ = ["InfraValidatorConfig", "infra_validator"]

_log = logging.getLogger(__name__)

_GRPC_ROWS = 64
_TIMED_TEXTS = 50


class InfraValidatorConfig(Config):
    """What the exports are asked, and how far they may be from the Keras model."""

    rows: int = Field(default=1000, ge=1, le=1_000_000)
    """Texts of the test split (of the validation split where there is none) that are asked, besides about 60 hard ones
    that are built in. 1,000 through all exports of MiniLM take about a minute on 2 cores."""

    max_score_difference: float = Field(default=1e-3, gt=0, le=1)
    """Largest difference of a probability for the SavedModel and the float32 .tflite file. Rounding alone gives about
    1e-5; a wrong vocabulary, order or weight gives 1e-2 and more."""

    min_int8_agreement: float = Field(default=0.98, ge=0, le=1)
    """Lowest share of label decisions of the int8 .tflite file that are the Keras model's, 0-1."""

    max_int8_score_difference: float | None = Field(default=None, gt=0, le=1)
    """Largest difference of a probability for the int8 .tflite file; not checked by default, as a single far score
    that changes no decision does no harm."""

    max_latency_ms: float | None = Field(default=None, gt=0)
    """Largest median time of one text in milliseconds, for each export on this machine, one thread for .tflite; not
    checked by default, as a shared build machine measures nothing that a phone or a server would."""

    server_binary: str = "tensorflow_model_server"
    """Name on PATH or path of TensorFlow Serving's executable. Where it is not found, the embedded server takes its
    place: the same API over the same files."""


@component()
def infra_validator(
    *,
    config: InfraValidatorConfig,
    model: Model,
    examples: Examples,
    saved_model: SavedModelExport,
    tflite: TFLiteExport,
    blessing: Output[InfraBlessing],
    progress: Progress = NO_PROGRESS,
) -> Summary:
    """Asks every export the same texts as the Keras model and holds the answers against each other.

    1. Takes texts of the data and hard ones, scores them with the Keras model, and tokenizes them in pure Python.
    2. Asks the SavedModel in this process, and for a sample through a model server over gRPC.
    3. Asks every .tflite file.
    4. Checks labels, thresholds, token ids, scores, decisions and latency: the verdict.
    5. Writes verdict and comparison.

    An export that is broken, missing or different is not blessed; it does not fail the stage.

    Raises:
        DataError: the examples have no texts to ask.
        StageError: the trained model itself cannot be loaded.
    """
    from components.infra.probe_texts import HARD_TEXTS, read_rows

    rows = read_rows(examples, config.rows)
    exports = _exports(config, saved_model, tflite, timed=rows[:_TIMED_TEXTS])
    progress.update("asking the Keras model", completed=0, total=len(exports) + 2)
    reference = _ask_keras(model, [*rows, *HARD_TEXTS])

    checks = [_has_tflite_files(tflite)]
    parity: dict[str, dict[str, Any]] = {}
    for number, export in enumerate(exports, start=1):
        progress.update(f"asking {export.name}", completed=number, total=len(exports) + 2)
        found, parity[export.name] = _prove(export, reference)
        checks += found
    progress.update("asking a model server", completed=len(exports) + 1, total=len(exports) + 2)
    found, parity["saved_model"]["grpc"] = _prove_over_grpc(config, saved_model, reference)

    verdict = Verdict([*checks, *found])
    verdict.write(blessing.verdict_path)
    document = json.dumps(parity, ensure_ascii=False, indent=2)
    blessing.parity_path.write_text(document + "\n", encoding="utf-8")
    failed = sum(not check.passed for check in verdict.checks)
    return {
        "blessed": verdict.blessed,
        "texts": len(reference.texts),
        "checks": len(verdict.checks),
        "failed": failed,
    }


@dataclass(frozen=True)
class _Export:
    """One export: its name in the verdict, how it is asked, and what it must keep."""

    name: str
    ask: Callable[[Sequence[str]], "Answers"]
    limits: "Limits"


def _ask_keras(model: Model, texts: Sequence[str]) -> "Reference":
    from components.infra.judgement import Reference
    from components.modeling.classifier import load_model
    from tflite.host_tokenizer import HostTokenizer

    loaded = load_model(model)
    tokenizer = HostTokenizer(loaded.tokenizer)
    return Reference(
        texts=texts,
        labels=loaded.config.labels,
        thresholds=loaded.config.thresholds,
        scores=loaded.scores(texts),
        token_ids=[tokenizer.encode(text) for text in texts],
    )


def _exports(
    config: InfraValidatorConfig, saved_model: SavedModelExport, tflite: TFLiteExport, *, timed: Sequence[str]
) -> list[_Export]:
    from components.infra.answers import ask_saved_model, ask_tflite
    from components.infra.judgement import Limits

    exact = Limits(max_score_difference=config.max_score_difference, max_latency_ms=config.max_latency_ms)
    quantized = Limits(
        max_score_difference=config.max_int8_score_difference,
        min_decision_agreement=config.min_int8_agreement,
        max_latency_ms=config.max_latency_ms,
    )
    found = [
        _Export("saved_model", partial(ask_saved_model, saved_model.saved_model_dir, timed=timed), exact)
    ]
    for variant in tflite.variants():
        ask = partial(ask_tflite, tflite.model_path(variant), timed=timed)
        found.append(_Export(f"tflite_{variant}", ask, exact if variant == "float32" else quantized))
    return found


def _prove(export: _Export, reference: "Reference") -> tuple[list[Check], dict[str, Any]]:
    """Checks and comparison of one export; whatever is wrong with it becomes a failed check."""
    from components.infra.judgement import judge, report

    try:
        answers = export.ask(reference.texts)
        checks, parity = judge(export.name, answers, reference, export.limits)
        return checks, report(answers, parity, reference)
    except Exception as err:
        _log.exception("%s cannot be asked", export.name)
        return [_broken(export.name, err)], {"error": str(err)}


def _prove_over_grpc(
    config: InfraValidatorConfig, saved_model: SavedModelExport, reference: "Reference"
) -> tuple[list[Check], dict[str, Any]]:
    """Asks a model server for the hard texts and some rows: what a client gets is what the SavedModel says."""
    from components.infra.model_server import ask_over_grpc, running_server
    from components.infra.probe_texts import HARD_TEXTS
    from tflite.parity import compare

    count = len(reference.texts)
    sample = {*range(min(_GRPC_ROWS, count)), *range(count - len(HARD_TEXTS), count)}
    rows = sorted(sample, key=lambda row: len(reference.texts[row]))
    try:
        with running_server(saved_model.saved_model_dir, binary=config.server_binary) as (server, address):
            scores = ask_over_grpc(address, [reference.texts[row] for row in rows])
        parity = compare(reference.scores[rows], scores, reference.thresholds)
    except Exception as err:
        _log.exception("the SavedModel cannot be served")
        return [_broken("saved_model.grpc", err)], {"error": str(err)}
    difference = parity.max_abs_difference
    check = Check.at_most(
        "saved_model.grpc.max_score_difference",
        difference,
        config.max_score_difference,
        f"saved_model over gRPC ({server}): scores differ from the Keras model's by at most {difference:.2g} on "
        f"{len(rows)} texts (limit {config.max_score_difference:g})",
    )
    shown = difference if math.isfinite(difference) else None
    return [check], {"server": server, "rows": len(rows), "max_score_difference": shown}


def _broken(name: str, err: Exception) -> Check:
    reason = " ".join(str(err).split())[:500] or type(err).__name__
    return Check(
        f"{name}.answers", None, None, False, f"{name}: gives no answers ({reason}); export the model again"
    )


def _has_tflite_files(tflite: TFLiteExport) -> Check:
    count = len(tflite.variants())
    message = f"the TFLite export holds {count} models"
    if count == 0:
        message = f"{tflite.path}: holds no emotion_*.tflite file; export the model again"
    return Check.at_least("tflite.files", count, 1, message)

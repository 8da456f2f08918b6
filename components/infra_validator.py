"""InfraValidator: proves that every export answers as the Keras model does, before anything is pushed."""

import json
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from components.core.artifacts import Examples, InfraBlessing, Model, SavedModelExport, TFLiteExport
from components.core.component import Output, Summary, component
from components.core.config import Config, NameOrPath
from components.core.progress import NO_PROGRESS, Progress
from components.core.verdict import Check, Verdict

if TYPE_CHECKING:
    from components.infra.answers import Answers
    from components.infra.judgement import Limits, Reference
    from components.infra.probe_texts import ProbeTexts
    from components.modeling.classifier import LoadedModel

__all__ = ["InfraValidatorConfig", "infra_validator"]

_log = logging.getLogger(__name__)

_GRPC_ROWS = 64
_GRPC_CHECKS = ("max_score_difference", "examples.max_score_difference")
_TIMED_TEXTS = 50
_TARGET_SLOPE = 4.0
"""A probability moves by a quarter of what its logit does, at most; a number moves as its own does."""


class InfraValidatorConfig(Config):
    """What the exports are asked, and how far they may be from the Keras model."""

    rows: int = Field(default=1000, ge=1, le=1_000_000)
    """Texts of the test split (of the validation split where there is none) that are asked, besides about 60 hard ones
    that are built in. 1,000 through all exports of MiniLM take about a minute on 2 cores."""

    max_score_difference: float = Field(default=1e-3, gt=0, le=1)
    """Largest difference for the float32 SavedModel and .tflite file, of a probability, or of a regression target in
    its standard deviations. Rounding alone gives about 1e-5; a wrong vocabulary, order or weight gives 1e-2 and
    more."""

    max_bfloat16_score_difference: float = Field(default=0.02, gt=0, le=1)
    """Largest difference of a probability for a SavedModel in bfloat16, whose 8 bits round each step by up to 0.2 %:
    0.008 on GoEmotions with MiniLM, a root mean square of 0.0005. A regression target may move four times as far, in
    its standard deviations, as a logit does whose probability moves so."""

    max_int8_weights_score_difference: float = Field(default=0.06, gt=0, le=1)
    """The same for a SavedModel with int8 weights, which are off by up to 0.4 % of the largest one in their row or
    column: 0.03 on GoEmotions with MiniLM, a root mean square of 0.002."""

    min_saved_model_agreement: float = Field(default=0.995, ge=0, le=1)
    """Lowest share of decisions of a SavedModel in bfloat16 or int8 that are the Keras model's, counted as for the int8
    .tflite file: 0.9998 and 0.9993 on GoEmotions with MiniLM."""

    min_int8_agreement: float = Field(default=0.98, ge=0, le=1)
    """Lowest share of decisions of the int8 .tflite file that are the Keras model's, 0-1: of every label of a
    multi-label head, and of the one label that another head gives a text."""

    max_int8_score_difference: float | None = Field(default=None, gt=0, le=1)
    """Largest difference for the int8 .tflite file, measured likewise; not checked by default, as a single far score
    that changes no decision does no harm."""

    max_int8_target_difference: float = Field(default=0.1, gt=0, le=1)
    """Largest root mean square difference of a regression target for the int8 .tflite file, in the target's standard
    deviations: 0.1 alone would cost a perfect model less than 0.01 of its correlation."""

    max_unknown_added: float = Field(default=0.005, ge=0, le=1)
    """Largest share of a .tflite file's tokens that are [UNK] beyond those that training has, 0-1. 0 is what a whole
    vocabulary adds; a smaller one adds about 0.001 and loses the words that it does not know."""

    max_latency_ms: float | None = Field(default=None, gt=0)
    """Largest median time of one text in milliseconds, for each export on this machine, one thread for .tflite; not
    checked by default, as a shared build machine measures nothing that a phone or a server would."""

    server_binary: NameOrPath = "tensorflow_model_server"
    """Name on PATH, or path from the configuration file, of TensorFlow Serving's executable. Where there is none of
    that name, the embedded server takes its place: the same API over the same files."""


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

    1. Takes texts of the data and hard ones (behind a context, if the model reads one), scores them with the Keras
       model, and tokenizes them in pure Python.
    2. Asks the SavedModel in this process, and for a sample through a model server over gRPC.
    3. Asks every .tflite file, and has the guards look at it once more.
    4. Checks names, tasks, thresholds, token ids, scores, decisions and latency: the verdict.
    5. Writes verdict and comparison.

    An export that is broken, missing or different is not blessed; it does not fail the stage.

    Raises:
        DataError: the examples have no texts to ask.
        StageError: the trained model itself cannot be loaded.
    """
    from components.infra.probe_texts import hard_texts, read_rows
    from components.modeling.classifier import load_model

    loaded = load_model(model)
    segments = loaded.tokenizer.segments
    rows = read_rows(examples, config.rows, segments=segments)
    timed = rows.pick(range(min(_TIMED_TEXTS, len(rows))))
    exports = _exports(config, loaded, saved_model, tflite, timed=timed)
    progress.update("asking the Keras model", completed=0, total=len(exports) + 2)
    reference = _ask_keras(loaded, rows + hard_texts(segments))

    checks = [_has_tflite_files(tflite)]
    parity: dict[str, dict[str, Any]] = {}
    for number, export in enumerate(exports, start=1):
        progress.update(f"asking {export.name}", completed=number, total=len(exports) + 2)
        found, parity[export.name] = _prove(export, _expected(export, reference, loaded))
        checks += found
    progress.update("asking a model server", completed=len(exports) + 1, total=len(exports) + 2)
    found, parity["saved_model"]["grpc"] = _prove_over_grpc(config, exports[0].limits, saved_model, reference)

    verdict = Verdict([*checks, *found])
    verdict.write(blessing.verdict_path)
    document = json.dumps(parity, ensure_ascii=False, indent=2)
    blessing.parity_path.write_text(document + "\n", encoding="utf-8")
    failed = sum(not check.passed for check in verdict.checks)
    return {
        "blessed": verdict.blessed,
        "texts": len(reference.probes),
        "checks": len(verdict.checks),
        "failed": failed,
    }


@dataclass(frozen=True)
class _Export:
    """One export: its name in the verdict, how it is asked, and what it must keep."""

    name: str
    ask: Callable[["ProbeTexts"], "Answers"]
    limits: "Limits"
    device_file: Path | None = None
    """The .tflite file, whose vocabulary may be a part of the model's."""


def _ask_keras(loaded: "LoadedModel", probes: "ProbeTexts") -> "Reference":
    from components.infra.answers import share_of
    from components.infra.judgement import Reference
    from tflite.heads import Head
    from tflite.host_tokenizer import HostTokenizer

    tokenizer = HostTokenizer(loaded.tokenizer)
    contexts = probes.contexts or [""] * len(probes)
    tokens = [
        tokenizer.encode_pair(text, context) for text, context in zip(probes.texts, contexts, strict=True)
    ]
    return Reference(
        probes=probes,
        heads=tuple(Head(**dict(head)) for head in loaded.config.heads),
        thresholds=loaded.config.thresholds,
        scores=loaded.scores(probes.texts, contexts=probes.contexts),
        tokens=tokens,
        unknown_share=share_of(loaded.tokenizer.unknown_id, tokens),
    )


def _exports(
    config: InfraValidatorConfig,
    loaded: "LoadedModel",
    saved_model: SavedModelExport,
    tflite: TFLiteExport,
    *,
    timed: "ProbeTexts",
) -> list[_Export]:
    from components.edge.guard import expected_file
    from components.edge.variants import VariantSpec
    from components.infra.answers import ask_saved_model, ask_tflite
    from components.infra.judgement import Limits

    exact = Limits(max_score_difference=config.max_score_difference, max_latency_ms=config.max_latency_ms)
    exact_tflite = replace(exact, max_unknown_added=config.max_unknown_added)
    quantized = Limits(
        max_score_difference=config.max_int8_score_difference,
        min_decision_agreement=config.min_int8_agreement,
        max_target_rms_difference=config.max_int8_target_difference,
        max_unknown_added=config.max_unknown_added,
        max_latency_ms=config.max_latency_ms,
    )
    found = [
        _Export(
            "saved_model",
            partial(ask_saved_model, saved_model.saved_model_dir, timed=timed),
            _saved_model_limits(config, saved_model.precision(), loaded),
        )
    ]
    for variant in tflite.variants():
        spec = VariantSpec.parse(variant)
        expected = partial(expected_file, loaded, spec)
        ask = partial(ask_tflite, tflite.model_path(variant), timed=timed, expected=expected)
        limits = exact_tflite if spec.weights == "float32" and spec.coverage is None else quantized
        found.append(_Export(f"tflite_{variant}", ask, limits, tflite.model_path(variant)))
    return found


def _saved_model_limits(config: InfraValidatorConfig, precision: str, model: "LoadedModel") -> "Limits":
    from components.infra.judgement import Limits

    if precision == "float32":
        return Limits(max_score_difference=config.max_score_difference, max_latency_ms=config.max_latency_ms)
    difference = config.max_bfloat16_score_difference
    if precision == "int8":
        difference = config.max_int8_weights_score_difference
    has_targets = any(head.task == "regression" for head in model.config.heads)
    return Limits(
        max_score_difference=difference * (_TARGET_SLOPE if has_targets else 1),
        min_decision_agreement=config.min_saved_model_agreement,
        max_latency_ms=config.max_latency_ms,
    )


def _expected(export: _Export, reference: "Reference", loaded: "LoadedModel") -> "Reference":
    """What the export must answer: the model's token ids, or those that its own, smaller vocabulary gives."""
    from components.infra.device_tokens import device_tokens

    if export.device_file is None:
        return reference
    tokens = device_tokens(export.device_file, loaded.tokenizer, reference.probes)
    return reference if tokens is None else replace(reference, tokens=tokens)


def _prove(export: _Export, reference: "Reference") -> tuple[list[Check], dict[str, Any]]:
    """Checks and comparison of one export; whatever is wrong with it becomes a failed check."""
    from components.infra.judgement import judge, report

    try:
        answers = export.ask(reference.probes)
        checks, parity = judge(export.name, answers, reference, export.limits)
        return checks, report(answers, parity, reference)
    except Exception as err:
        _log.exception("%s cannot be asked", export.name)
        return [_broken(export.name, err)], {"error": str(err)}


def _prove_over_grpc(
    config: InfraValidatorConfig, limits: "Limits", saved_model: SavedModelExport, reference: "Reference"
) -> tuple[list[Check], dict[str, Any]]:
    """Asks a model server for the hard texts and some rows: what a client gets is what the SavedModel says."""
    from components.infra.grpc_scores import example_scores, predict_scores
    from components.infra.model_server import running_server
    from components.infra.probe_texts import hard_texts
    from tflite.parity import compare

    probes = reference.probes
    count, hard = len(probes), len(hard_texts(1 if probes.contexts is None else 2))
    sample = {*range(min(_GRPC_ROWS, count)), *range(count - hard, count)}
    rows = sorted(sample, key=lambda row: len(probes.texts[row]))
    asked, expected = probes.pick(rows), reference.scores[rows]
    try:
        with running_server(saved_model.saved_model_dir, binary=config.server_binary) as (server, address):
            answers = {
                "Predict": predict_scores(address, asked),
                "Classify and Regress": example_scores(address, asked, reference.heads),
            }
        differences = {
            calls: compare(reference.heads, expected, scores, reference.thresholds).max_abs_difference
            for calls, scores in answers.items()
        }
    except Exception as err:
        _log.exception("the SavedModel cannot be served")
        return [_broken("saved_model.grpc", err)], {"error": str(err)}
    limit = limits.max_score_difference
    assert limit is not None
    checks = [
        Check.at_most(
            f"saved_model.grpc.{name}",
            difference,
            limit,
            f"saved_model over gRPC ({server}): scores by {calls} differ from the Keras model's by at most "
            f"{difference:.2g} on {len(rows)} texts (limit {limit:g})",
        )
        for name, (calls, difference) in zip(_GRPC_CHECKS, differences.items(), strict=True)
    ]
    largest = max(differences.values())
    shown = largest if math.isfinite(largest) else None
    return checks, {"server": server, "rows": len(rows), "max_score_difference": shown}


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

"""Holds what an export answers against what the Keras model answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.core.verdict import Check
from components.infra.answers import Answers
from components.infra.probe_texts import ProbeTexts
from tflite.heads import Head, columns, decide
from tflite.parity import Parity, compare

__all__ = ["Limits", "Reference", "judge", "report"]

_WORST_TEXTS = 5
_SHOWN_CHARACTERS = 200
_RUNTIME_ROUNDING = 0.02
"""How far two runtimes were seen apart in a score of one int8 file: each rounds activations its own way."""


@dataclass(frozen=True)
class Reference:
    """What is right by definition: the Keras model, in float32, behind the host tokenizer.

    Attributes:
        probes: what is asked.
        heads: what the scores are.
        thresholds: by output, probability 0-1 from which a label of a multi-label head applies.
        scores: float32 [rows, outputs].
        tokens: token ids and segment ids of each text by the tokenizer in pure Python.
        unknown_share: share of [UNK] among them, 0-1.
    """

    probes: ProbeTexts
    heads: tuple[Head, ...]
    thresholds: tuple[float, ...]
    scores: NDArray[np.float32]
    tokens: Sequence[tuple[list[int], list[int]]]
    unknown_share: float

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of all outputs, in the order of the scores."""
        return tuple(name for head in self.heads for name in head.outputs)


@dataclass(frozen=True)
class Limits:
    """What one export must keep; None = not checked."""

    max_score_difference: float | None = None
    min_decision_agreement: float | None = None
    max_target_rms_difference: float | None = None
    max_unknown_added: float | None = None
    max_latency_ms: float | None = None


def judge(
    name: str, answers: Answers, reference: Reference, limits: Limits
) -> tuple[list[Check], Parity | None]:
    """Checks one export.

    Returns:
        the checks, and the comparison of the scores; None if the export has another number of outputs.
    """
    checks = [
        _same_labels(name, answers, reference),
        _same_heads(name, answers, reference),
        _same_thresholds(name, answers, reference),
        _same_tokens(name, answers, reference),
        *_guarded(name, answers),
    ]
    if answers.scores.shape != reference.scores.shape:
        return checks, None
    parity = compare(
        reference.heads, reference.scores, answers.scores, reference.thresholds, worst=_WORST_TEXTS
    )
    checks.append(_decisions_follow(name, answers, reference))
    checks += _unknown_tokens(name, answers, reference, limits)
    checks += _within_limits(name, answers, parity, limits)
    return checks, parity


def report(answers: Answers, parity: Parity | None, reference: Reference) -> dict[str, Any]:
    """The export's entry in `parity.json`; null where nothing could be compared."""
    facts = {
        "rows": len(answers.scores),
        "latency_ms_p50": round(answers.latency_ms_p50, 3),
        "size_bytes": answers.size_bytes,
        "unknown_share": answers.unknown_share,
    }
    if answers.refusal is not None:
        facts["near_threshold"] = _near_threshold(answers)
    if parity is None:
        nothing = dict.fromkeys(("max_score_difference", "decision_agreement", "target_rms_difference"))
        return {**facts, **nothing, "worst": []}
    return {
        **facts,
        "max_score_difference": _finite(parity.max_abs_difference),
        "decision_agreement": parity.decision_agreement,
        "target_rms_difference": _finite(parity.target_rms_difference),
        "worst": [
            {**_shown(reference.probes, row), "difference": _finite(difference)}
            for row, difference in parity.worst
        ],
    }


def _near_threshold(answers: Answers) -> int:
    """Decisions that another runtime could make otherwise, of a file whose activations are quantized."""
    distances = np.abs(answers.scores - np.asarray(answers.thresholds, np.float32))
    own = [place for head, place in columns(answers.heads) if head.task == "multi_label"]
    return sum(int((distances[:, one] <= _RUNTIME_ROUNDING).sum()) for one in own)


def _shown(probes: ProbeTexts, row: int) -> dict[str, str]:
    shown = {"text": probes.texts[row][:_SHOWN_CHARACTERS]}
    if probes.contexts is not None:
        shown["context"] = probes.contexts[row][-_SHOWN_CHARACTERS:]
    return shown


def _same_labels(name: str, answers: Answers, reference: Reference) -> Check:
    pairs = list(zip(answers.labels, reference.labels, strict=False))
    wrong = [f"{got!r} in place of {expected!r}" for got, expected in pairs if got != expected]
    if len(answers.labels) != len(reference.labels):
        wrong.insert(0, f"{len(answers.labels)} labels in place of {len(reference.labels)}")
    message = f"{name}: the labels are the model's, in its order"
    if wrong:
        message = f"{name}: the labels are not the model's ({'; '.join(wrong[:3])}); export the model again"
    return Check.at_most(f"{name}.labels", len(wrong), 0, message)


def _same_thresholds(name: str, answers: Answers, reference: Reference) -> Check:
    same = len(answers.thresholds) == len(reference.thresholds) and np.allclose(
        answers.thresholds, reference.thresholds, rtol=0, atol=1e-6
    )
    message = f"{name}: the thresholds are the model's"
    if not same:
        message = f"{name}: the thresholds differ from the model's; export the model again"
    return Check.at_most(f"{name}.thresholds", 0 if same else 1, 0, message)


def _same_heads(name: str, answers: Answers, reference: Reference) -> Check:
    wrong = [
        expected.name
        for got, expected in zip_longest(answers.heads, reference.heads)
        if expected is not None and got != expected
    ]
    wrong += [head.name for head in answers.heads[len(reference.heads) :]]
    message = f"{name}: the tasks of its outputs are the model's"
    if wrong:
        message = (
            f"{name}: what it says of head {wrong[0]} (outputs, task, mean and deviation) is not what the model says; "
            "export the model again"
        )
    return Check.at_most(f"{name}.heads", len(wrong), 0, message)


def _same_tokens(name: str, answers: Answers, reference: Reference) -> Check:
    texts = reference.probes.texts
    rows = zip(answers.tokens, reference.tokens, texts, strict=True)
    wrong = [text for got, expected, text in rows if got != expected]
    message = f"{name}: all {len(texts)} texts get the token ids of the training tokenizer"
    if wrong:
        message = (
            f"{name}: {len(wrong)} of {len(texts)} texts get other token ids than in training, such as "
            f"{wrong[0][:60]!r}; the vocabulary or the cleaning rules differ: export the model again"
        )
    return Check.at_most(f"{name}.token_ids", len(wrong), 0, message)


def _guarded(name: str, answers: Answers) -> list[Check]:
    if answers.refusal is None:
        return []
    message = f"{name}: the guards find nothing to refuse"
    if answers.refusal:
        message = f"{name}: {answers.refusal}; export the model again"
    return [Check.at_most(f"{name}.guards", 1 if answers.refusal else 0, 0, message)]


def _decisions_follow(name: str, answers: Answers, reference: Reference) -> Check:
    expected = decide(reference.heads, answers.scores, reference.thresholds)
    wrong = int((answers.decisions != expected).any(axis=1).sum())
    message = f"{name}: every decision follows from scores and thresholds"
    if wrong:
        message = (
            f"{name}: in {wrong} of {len(expected)} texts a decision is not what scores and thresholds say; "
            "export the model again"
        )
    return Check.at_most(f"{name}.decisions", wrong, 0, message)


def _unknown_tokens(name: str, answers: Answers, reference: Reference, limits: Limits) -> list[Check]:
    if answers.unknown_share is None or limits.max_unknown_added is None:
        return []
    message = (
        f"{name}: {answers.unknown_share:.2%} of the tokens are [UNK], {reference.unknown_share:.2%} in training "
        f"(limit {limits.max_unknown_added:.2%} more)"
    )
    added = answers.unknown_share - reference.unknown_share
    return [Check.at_most(f"{name}.unknown_tokens_added", max(0.0, added), limits.max_unknown_added, message)]


def _within_limits(name: str, answers: Answers, parity: Parity, limits: Limits) -> list[Check]:
    checks = []
    if limits.max_score_difference is not None:
        checks.append(
            Check.at_most(
                f"{name}.max_score_difference",
                parity.max_abs_difference,
                limits.max_score_difference,
                f"{name}: scores differ from the Keras model's by at most {parity.max_abs_difference:.2g} on "
                f"{parity.rows} texts (limit {limits.max_score_difference:g}); parity.json names the worst texts",
            )
        )
    if limits.min_decision_agreement is not None and parity.decision_agreement is not None:
        checks.append(
            Check.at_least(
                f"{name}.decision_agreement",
                parity.decision_agreement,
                limits.min_decision_agreement,
                f"{name}: {parity.decision_agreement:.2%} of the decisions are the Keras model's on "
                f"{parity.rows} texts (limit {limits.min_decision_agreement:.2%}); parity.json names the worst texts",
            )
        )
    if limits.max_target_rms_difference is not None and parity.target_rms_difference is not None:
        checks.append(
            Check.at_most(
                f"{name}.target_rms_difference",
                parity.target_rms_difference,
                limits.max_target_rms_difference,
                f"{name}: numbers differ from the Keras model's by {parity.target_rms_difference:.2g} of a target's "
                f"standard deviation (root mean square) on {parity.rows} texts "
                f"(limit {limits.max_target_rms_difference:g}); parity.json names the worst texts",
            )
        )
    if limits.max_latency_ms is not None:
        checks.append(
            Check.at_most(
                f"{name}.latency_ms_p50",
                answers.latency_ms_p50,
                limits.max_latency_ms,
                f"{name}: the median text takes {answers.latency_ms_p50:.1f} ms (limit {limits.max_latency_ms:g} ms); "
                "choose a smaller encoder, or run again on an idle machine",
            )
        )
    return checks


def _finite(value: float | None) -> float | None:
    """JSON knows no infinity."""
    return None if value is None or not np.isfinite(value) else value

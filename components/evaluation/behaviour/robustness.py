"""Behavioural tests after CheckList (Ribeiro et al., 2020): what fails, how often, and on which texts.

Invariance: a harmless change of a text must flip no decision. Directional: negation must lower the score of what is
negated. Minimum functionality: plain sentences must get their label.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.core.errors import DataError
from components.evaluation.behaviour.ask import Ask
from components.evaluation.behaviour.behaviour_config import RobustnessConfig
from components.evaluation.behaviour.changed_texts import changed_texts
from components.evaluation.behaviour.failure_rates import failure_rates
from components.evaluation.behaviour.probes import Answer, Failure, Judge, Probe
from components.evaluation.behaviour.skipped import Skipped
from components.evaluation.behaviour.written_cases import written_cases
from components.evaluation.labelled_texts import LabelledTexts
from components.evaluation.scoring import Answers

__all__ = ["measure_robustness"]


@dataclass(frozen=True)
class _Judged:
    """A case with what came of it."""

    probe: Probe
    before: Answer
    after: Answer | None
    failure: Failure | None


def measure_robustness(
    config: RobustnessConfig,
    ask: Ask,
    texts: LabelledTexts,
    answers: Answers,
    *,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Tries the model on changed texts of the split and on cases from files.

    Args:
        config: what is tried.
        ask: the model.
        texts: of the split.
        answers: what the model says of them.
        resamples: of the bootstrap.
        seed: of the bootstrap and of the changes.

    Returns:
        `tests`, each with `name`, `kind`, `what`, `cases`, `failed`, `failure_rate` and `examples`; `failure_rate` over
        all cases, null if there is none; `skipped`, each with `name` and `why`.

    Raises:
        DataError: a line of `config.cases` is no case, or a test has cases of two kinds.
    """
    skipped = Skipped()
    probes = [
        *changed_texts(config, ask.model, texts, answers, seed=seed, skipped=skipped),
        *written_cases(config, ask.model, texts, skipped=skipped),
    ]
    _require_one_kind(probes)
    judged = _judge(config, ask, answers, probes)
    tried = {case.probe.test for case in judged}
    for name in dict.fromkeys(probe.test for probe in probes if probe.test not in tried):
        skipped.add(name, "the model gives none of these texts the label that the change takes away")
    return {**_document(judged, config.examples, resamples, seed), "skipped": skipped.rows()}


def _require_one_kind(probes: Sequence[Probe]) -> None:
    kinds: dict[str, str] = {}
    for probe in probes:
        if (kind := kinds.setdefault(probe.test, probe.kind)) != probe.kind:
            raise DataError(
                f"evaluator.robustness.cases: the test {probe.test!r} has cases of {kind} and of {probe.kind}; give "
                "each kind of cases a `test` of its own"
            )


def _judge(config: RobustnessConfig, ask: Ask, answers: Answers, probes: Sequence[Probe]) -> list[_Judged]:
    """Scores all that has no score yet in one pass, and says what fails; cases that cannot fail are left out."""
    asked = [(probe.before, probe.context) for probe in probes if probe.row is None]
    asked += [(probe.after, probe.context) for probe in probes if probe.after is not None]
    scored = ask.about(asked, message="trying changed texts and plain cases")
    judge = Judge(
        ask.model.config.heads,
        tolerance=config.tolerance,
        regression_tolerance=config.regression_tolerance,
    )
    judged = []
    for probe in probes:
        if probe.row is None:
            before = scored[probe.before, probe.context]
        else:
            before = Answer(answers.scores[probe.row], answers.decisions[probe.row])
        after = None if probe.after is None else scored[probe.after, probe.context]
        if judge.applies(probe, before):
            judged.append(_Judged(probe, before, after, judge.failure(probe, before, after)))
    return judged


def _document(judged: Sequence[_Judged], examples: int, resamples: int, seed: int) -> dict[str, Any]:
    if not judged:
        return {"tests": [], "failure_rate": None}
    by_test: dict[str, list[_Judged]] = {}
    for case in judged:
        by_test.setdefault(case.probe.test, []).append(case)
    positions = {test: position for position, test in enumerate(by_test)}
    rates, overall = failure_rates(
        [positions[case.probe.test] for case in judged],
        [case.probe.unit for case in judged],
        [case.failure is not None for case in judged],
        resamples=resamples,
        seed=seed,
    )
    tests = [
        {
            "name": name,
            "kind": cases[0].probe.kind,
            "what": cases[0].probe.what,
            "cases": len(cases),
            "failed": sum(case.failure is not None for case in cases),
            "failure_rate": rate,
            "examples": _examples(cases, examples),
        }
        for (name, cases), rate in zip(by_test.items(), rates, strict=True)
    ]
    return {"tests": tests, "failure_rate": overall}


def _examples(cases: Sequence[_Judged], limit: int) -> list[Mapping[str, Any]]:
    """The worst failures, the worst first; ties in the order of the cases."""
    failures = [(case, case.failure) for case in cases if case.failure is not None]
    failures.sort(key=lambda pair: -pair[1].size)
    return [
        {
            "before": case.probe.before,
            "after": case.probe.after,
            **({"context": case.probe.context} if case.probe.context else {}),
            "label": failure.label,
            "score_before": float(case.before.scores[failure.output]),
            "score_after": None if case.after is None else float(case.after.scores[failure.output]),
            "why": failure.why,
        }
        for case, failure in failures[:limit]
    ]

"""The split's texts, changed: the cases of invariance and of negation."""

import random
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from components.evaluation.behaviour.behaviour_config import RobustnessConfig
from components.evaluation.behaviour.negation import negate
from components.evaluation.behaviour.output_names import find_outputs
from components.evaluation.behaviour.perturbations import Perturbation, invariances
from components.evaluation.behaviour.probes import Probe
from components.evaluation.behaviour.skipped import Skipped
from components.evaluation.labelled_texts import LabelledTexts
from components.evaluation.scoring import Answers
from serving.scripts import dominant_script

if TYPE_CHECKING:
    from components.modeling.classifier import LoadedModel

__all__ = ["changed_texts"]

_NEGATED = "negated"
_NO_FEELING = "no text says in one word what the model gives it a label for"


def changed_texts(
    config: RobustnessConfig,
    model: "LoadedModel",
    texts: LabelledTexts,
    answers: Answers,
    *,
    seed: int,
    skipped: Skipped,
) -> Iterator[Probe]:
    """The cases of each change: on the first texts of one shuffle that it applies to.

    Args:
        config: which changes, and how many texts.
        model: whose vocabulary says which words exist.
        texts: of the split; only those in Latin script are changed, as the changes are those of English.
        answers: what the model says of them.
        seed: of the shuffle and of the changes.
        skipped: takes the changes that apply to no text.
    """
    order = np.random.default_rng(seed).permutation(len(texts.texts)).tolist()
    rows = [row for row in order if dominant_script(texts.texts[row]) == "Latin"]
    for name, change in _changes(model, texts, answers, seed):
        if config.perturbations is not None and name not in config.perturbations:
            continue
        found = list(islice((probe for row in rows if (probe := change(row))), config.sample_size))
        if not found:
            reason = _NO_FEELING if name == _NEGATED else "it applies to no text of the split"
            skipped.add(name, reason if rows else "no text is in Latin script", 0)
        yield from found


def _changes(
    model: "LoadedModel", texts: LabelledTexts, answers: Answers, seed: int
) -> Iterator[tuple[str, Callable[[int], Probe | None]]]:
    """By name, what makes a case of a row, if it applies to it."""
    vocabulary = frozenset(model.tokenizer.vocabulary)
    for perturbation in invariances(vocabulary.__contains__):
        yield perturbation.name, _Harmless(perturbation, texts, seed)
    yield _NEGATED, _Negated(model.config.labels, texts, answers)


class _Harmless:
    """Changes what a text does not express."""

    def __init__(self, perturbation: Perturbation, texts: LabelledTexts, seed: int) -> None:
        self._perturbation, self._texts, self._seed = perturbation, texts, seed

    def __call__(self, row: int) -> Probe | None:
        text, name = self._texts.texts[row], self._perturbation.name
        changed = self._perturbation.change(text, random.Random(f"{self._seed} {name} {text}"))
        if changed is None:
            return None
        return _probe(self._texts, row, name, self._perturbation.what, changed)


class _Negated:
    """Negates what the model says that a text expresses."""

    def __init__(self, labels: tuple[str, ...], texts: LabelledTexts, answers: Answers) -> None:
        self._labels, self._texts, self._answers = labels, texts, answers

    def __call__(self, row: int) -> Probe | None:
        negated = negate(self._texts.texts[row])
        if negated is None:
            return None
        changed, names = negated
        outputs = dict.fromkeys(output for name in names for output in find_outputs(name, self._labels))
        given = tuple(output for output in outputs if self._answers.decisions[row, output])
        what = "The word that expresses a feeling is negated: its label must lose score."
        return _probe(self._texts, row, _NEGATED, what, changed, falls=given) if given else None


def _probe(
    texts: LabelledTexts, row: int, name: str, what: str, changed: str, *, falls: tuple[int, ...] = ()
) -> Probe:
    context = "" if texts.contexts is None else texts.contexts[row]
    return Probe(
        test=name,
        what=what,
        before=texts.texts[row],
        after=changed,
        context=context,
        row=row,
        unit=f"row {row}",
        falls=falls,
    )

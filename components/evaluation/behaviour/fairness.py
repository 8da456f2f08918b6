"""Whether a model's scores depend on who a sentence is about (counterfactual fairness: Garg et al., 2019)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.evaluation.behaviour.ask import Ask
from components.evaluation.behaviour.behaviour_config import SHIPPED_TEMPLATES, FairnessConfig
from components.evaluation.behaviour.skipped import Skipped
from components.evaluation.behaviour.templates import (
    Sentence,
    SentenceFile,
    fill,
    read_sentences,
    sentences_of,
)
from components.evaluation.behaviour.written_cases import is_latin
from components.evaluation.bootstrap import resample_sums, simultaneous_intervals
from components.evaluation.labelled_texts import LabelledTexts
from components.evaluation.measurement import Estimate
from components.modeling.heads import Head

__all__ = ["AttributeGaps", "attribute_gaps", "measure_fairness"]


@dataclass(frozen=True)
class AttributeGaps:
    """How far each group's scores lie from those of all groups of the attribute.

    Attributes:
        attribute: what the groups are groups of.
        groups: names.
        cases: by group, its sentences.
        gaps: float64 [groups, outputs].
        samples: float64 [resamples, groups, outputs], of resampled templates.
    """

    attribute: str
    groups: Sequence[str]
    cases: Sequence[int]
    gaps: NDArray[np.float64]
    samples: NDArray[np.float64]


def measure_fairness(
    config: FairnessConfig,
    ask: Ask,
    texts: LabelledTexts,
    *,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Scores sentences that differ only in who they are about.

    Args:
        config: which sentences.
        ask: the model.
        texts: of the split: the shipped sentences are English, and are no test of a model for another script.
        resamples: of the bootstrap.
        seed: of the bootstrap, and of the draw of sentences.

    Returns:
        `groups`, each with `attribute`, `group`, `output`, `cases` and `gap`; `largest_gap`, the largest that is no
        accident (or of all, if every one may be), whose bounds hold for all gaps at once, null if there is none;
        `comparisons`, how many gaps it was chosen from; `sentences`; `skipped`. Gaps of numbers are in standard
        deviations of the training's target.

    Raises:
        DataError: a line of `config.templates` is none.
    """
    skipped = Skipped()
    sentences = _sentences(config, texts, seed, skipped)
    pairs = [(sentence.text, "") for sentence in sentences]
    scored = ask.about(pairs, message="swapping identities")
    units = _units(ask.model.config.heads)
    scores = np.array([scored[pair].scores for pair in pairs], np.float64)
    found = [
        attribute_gaps(
            attribute,
            [sentences[row] for row in rows],
            scores[rows] / units,
            resamples=resamples,
            seed=seed,
        )
        for attribute, rows in _by_attribute(sentences).items()
    ]
    outputs = ask.model.config.labels
    return {
        "groups": [row for gaps in found for row in _rows(gaps, outputs)],
        "largest_gap": _largest(found, outputs),
        "comparisons": sum(gaps.gaps.size for gaps in found),
        "sentences": len(sentences),
        "skipped": skipped.rows(),
    }


def _sentences(config: FairnessConfig, texts: LabelledTexts, seed: int, skipped: Skipped) -> list[Sentence]:
    shipped = read_sentences(str(SHIPPED_TEMPLATES))
    own = SentenceFile() if config.templates is None else read_sentences(config.templates)
    terms = [*shipped.terms, *own.terms]
    found = [*fill(own.templates, terms, limit=None, seed=seed), *sentences_of(own.filled, terms)]
    if config.shipped_templates and is_latin(texts.texts):
        found += fill(shipped.templates, terms, limit=config.sentences, seed=seed)
    elif config.shipped_templates:
        skipped.add(
            "shipped sentences", "they are English, and most texts of the split are in another script", 0
        )
    return found


def _units(heads: Sequence[Head]) -> NDArray[np.float64]:
    """What the gap of each output is measured in, float64 [outputs]: 1 for scores, a standard deviation for numbers."""
    return np.concatenate(
        [head.std if head.task == "regression" else np.ones(len(head.outputs)) for head in heads]
    )


def _by_attribute(sentences: Sequence[Sentence]) -> dict[str, list[int]]:
    """Rows by attribute, for those that have two groups to compare."""
    rows: dict[str, list[int]] = {}
    for row, sentence in enumerate(sentences):
        rows.setdefault(sentence.attribute, []).append(row)
    return {
        attribute: own for attribute, own in rows.items() if len({sentences[row].group for row in own}) > 1
    }


def attribute_gaps(
    attribute: str,
    sentences: Sequence[Sentence],
    scores: NDArray[np.float64],
    *,
    resamples: int,
    seed: int,
) -> AttributeGaps:
    """The gaps of an attribute's groups: a group's score minus the mean over all terms in the same sentence.

    What is drawn is a template with all its sentences and groups, so that the comparison is paired.

    Args:
        attribute: what the identities of all these sentences are one of.
        sentences: of at least two groups.
        scores: float64 [sentences, outputs].
        resamples: of the bootstrap.
        seed: of the draws.
    """
    names = sorted({sentence.group for sentence in sentences})
    groups = _positions([sentence.group for sentence in sentences], names)
    frames = _positions([sentence.frame for sentence in sentences])
    templates = _positions([sentence.template for sentence in sentences])

    means = _sums(scores, frames) / np.bincount(frames)[:, np.newaxis]
    cells = templates * len(names) + groups
    shape = (templates.max() + 1, len(names), scores.shape[1] + 1)
    # By template and group: what its scores are off in sum, and how many sentences there are.
    off = np.column_stack([scores - means[frames], np.ones(len(scores))])
    sums = _sums(off, cells, rows=shape[0] * shape[1]).reshape(shape)
    totals = sums.sum(axis=0)
    drawn = resample_sums(sums.reshape(shape[0], -1), resamples=resamples, seed=seed).reshape(-1, *shape[1:])
    gaps = totals[:, :-1] / totals[:, -1:]
    # A group whose templates were not drawn says nothing new.
    samples = np.where(drawn[..., -1:] > 0, drawn[..., :-1] / np.maximum(drawn[..., -1:], 1), gaps)
    return AttributeGaps(attribute, names, totals[:, -1].astype(int).tolist(), gaps, samples)


def _positions(values: Sequence[str], names: Sequence[str] | None = None) -> NDArray[np.int64]:
    """The position of each value among the names, or in the order in which they come."""
    places = {name: place for place, name in enumerate(names or dict.fromkeys(values))}
    return np.array([places[value] for value in values], np.int64)


def _sums(values: NDArray[np.float64], cells: NDArray[np.int64], rows: int = 0) -> NDArray[np.float64]:
    """What the rows of each cell add up to, float64 [cells, columns]."""
    sums = np.zeros((max(rows, int(cells.max()) + 1), values.shape[1]))
    np.add.at(sums, cells, values)
    return sums


def _rows(gaps: AttributeGaps, outputs: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {
            "attribute": gaps.attribute,
            "group": group,
            "output": output,
            "cases": gaps.cases[row],
            "gap": asdict(Estimate.of(float(gaps.gaps[row, column]), gaps.samples[:, row, column])),
        }
        for row, group in enumerate(gaps.groups)
        for column, output in enumerate(outputs)
    ]


def _largest(found: Sequence[AttributeGaps], outputs: Sequence[str]) -> dict[str, Any] | None:
    """The gap farthest from 0 of those that exclude it, with bounds that hold for all gaps at once; else of all.

    The largest of a thousand gaps is large by chance alone, and its own interval would not say so. A gap that is no
    number comes before all others: it must not be overlooked.
    """
    if not found:
        return None
    values = np.concatenate([gaps.gaps.ravel() for gaps in found])
    samples = np.concatenate([gaps.samples.reshape(len(gaps.samples), -1) for gaps in found], axis=1)
    low, high = simultaneous_intervals(values, samples)
    names = [
        {"attribute": gaps.attribute, "group": group, "output": output}
        for gaps in found
        for group in gaps.groups
        for output in outputs
    ]
    candidates = np.isnan(values) | (low > 0) | (high < 0)
    place = int(np.where(candidates | ~candidates.any(), np.abs(values), -1.0).argmax())
    return {
        **names[place],
        "value": float(values[place]),
        "low": float(low[place]),
        "high": float(high[place]),
    }

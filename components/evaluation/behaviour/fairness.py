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
from components.evaluation.bootstrap import CONFIDENCE
from components.evaluation.labelled_texts import LabelledTexts
from components.evaluation.measurement import Estimate
from components.evaluation.student import student_quantile
from components.modeling.heads import Head

__all__ = ["AttributeGaps", "attribute_gaps", "largest_gap", "measure_fairness"]


@dataclass(frozen=True)
class AttributeGaps:
    """How far each group's scores lie from those of all groups of the attribute.

    Attributes:
        attribute: what the groups are groups of.
        groups: names.
        cases: by group, its sentences.
        templates: by group, those with a sentence of it, at least two.
        gaps: float64 [groups, outputs].
        errors: float64 [groups, outputs], standard errors over templates.
    """

    attribute: str
    groups: Sequence[str]
    cases: Sequence[int]
    templates: Sequence[int]
    gaps: NDArray[np.float64]
    errors: NDArray[np.float64]

    def bounds(self, tail: float, errors: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        """Below and above which a gap truly lies with the probability `tail` each, float64 [groups, outputs]."""
        quantiles = np.array([student_quantile(tail, count - 1) for count in self.templates])
        widths = quantiles.reshape(-1, 1) * errors
        return self.gaps - widths, self.gaps + widths

    def cautious_errors(self) -> NDArray[np.float64]:
        """The standard errors, none below what the spread of all groups together makes of its templates.

        Of many groups there is one whose few templates agree by chance, most of all where scores are skewed: rarely
        high, and not so in the sentences that were written. Where nothing depends on the group, all spread alike.
        """
        if not self.groups:
            return self.errors
        templates = np.array(self.templates).reshape(-1, 1)
        spread = np.average(self.errors**2 * templates, axis=0, weights=templates[:, 0] - 1)
        cautious: NDArray[np.float64] = np.maximum(self.errors, np.sqrt(spread / templates))
        return cautious


def measure_fairness(
    config: FairnessConfig,
    ask: Ask,
    texts: LabelledTexts,
    *,
    seed: int,
) -> dict[str, Any]:
    """Scores sentences that differ only in who they are about.

    Args:
        config: which sentences.
        ask: the model.
        texts: of the split: the shipped sentences are English, and are no test of a model for another script.
        seed: of the draw of sentences.

    Returns:
        `groups`, each with `attribute`, `group`, `output`, `cases` and `gap`; `largest_gap`, the largest that is no
        accident (or of all, if every one may be), whose bounds hold for all gaps at once, null if there is none;
        `comparisons`, how many gaps it was chosen from; `sentences`; `skipped`, also groups that stand in one template
        alone. Gaps of numbers are in standard deviations of the training's target.

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
        attribute_gaps(attribute, [sentences[row] for row in rows], scores[rows] / units, skipped)
        for attribute, rows in _by_attribute(sentences).items()
    ]
    outputs = ask.model.config.labels
    return {
        "groups": [row for gaps in found for row in _rows(gaps, outputs)],
        "largest_gap": largest_gap(found, outputs),
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
    attribute: str, sentences: Sequence[Sentence], scores: NDArray[np.float64], skipped: Skipped
) -> AttributeGaps:
    """The gaps of an attribute's groups: a group's score minus the mean over all terms in the same sentence.

    The comparison is paired, and its unit is a template with all its sentences, which are no independent evidence.

    Args:
        attribute: what the identities of all these sentences are one of.
        sentences: of at least two groups.
        scores: float64 [sentences, outputs].
        skipped: takes the groups of a single template, of which nobody knows what another one would say.
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
    counts = np.count_nonzero(sums[..., -1], axis=0)
    totals = sums.sum(axis=0)
    for group in np.flatnonzero(counts == 1):
        skipped.add(f"{attribute}: {names[group]}", _ONE_TEMPLATE, int(totals[group, -1]))
    kept = np.flatnonzero(counts > 1)
    return AttributeGaps(
        attribute,
        [names[group] for group in kept],
        totals[kept, -1].astype(int).tolist(),
        counts[kept].tolist(),
        (totals[:, :-1] / totals[:, -1:])[kept],
        _standard_errors(sums[:, kept]),
    )


_ONE_TEMPLATE = "its sentences are of one template, so that what is chance cannot be told"


def _standard_errors(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far the gaps are off by chance, float64 [groups, outputs]: the jackknife over a group's templates.

    Tukey, 1958, "Bias and confidence in not quite large samples": what an estimate without each unit scatters. Where
    one template holds most sentences, the gap without it is far off, and the error as large as it should be.

    Args:
        sums: float64 [templates, groups, outputs + 1]: what scores are off, and numbers of sentences.
    """
    rest = sums.sum(axis=0) - sums
    without = rest[..., :-1] / rest[..., -1:]
    present = sums[..., -1:] > 0
    counts = present.sum(axis=0)
    mean = np.where(present, without, 0.0).sum(axis=0) / counts
    squares = np.where(present, (without - mean) ** 2, 0.0).sum(axis=0)
    errors: NDArray[np.float64] = np.sqrt(squares * (counts - 1) / counts)
    return errors


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
    low, high = gaps.bounds((1 - CONFIDENCE) / 2, gaps.errors)
    return [
        {
            "attribute": gaps.attribute,
            "group": group,
            "output": output,
            "cases": gaps.cases[row],
            "gap": asdict(
                Estimate(float(gaps.gaps[row, column]), float(low[row, column]), float(high[row, column]))
            ),
        }
        for row, group in enumerate(gaps.groups)
        for column, output in enumerate(outputs)
    ]


def largest_gap(found: Sequence[AttributeGaps], outputs: Sequence[str]) -> dict[str, Any] | None:
    """The gap farthest from 0 of those that exclude it, with bounds that hold for all gaps at once; else of all.

    None if there is no gap.

    The largest of a thousand gaps is large by chance alone, and its own interval would not say so: each has its share
    of the error probability (Bonferroni; Dunn, 1961, "Multiple comparisons among means"), which holds however gaps go
    together, and for the few templates of one as for the many of another, where the tails of Student's t differ. A gap
    that is no number comes before all others: it must not be overlooked.
    """
    names = [
        {"attribute": gaps.attribute, "group": group, "output": output}
        for gaps in found
        for group in gaps.groups
        for output in outputs
    ]
    if not names:
        return None
    tail = (1 - CONFIDENCE) / 2 / len(names)
    bounds = [gaps.bounds(tail, gaps.cautious_errors()) for gaps in found]
    values = np.concatenate([gaps.gaps.ravel() for gaps in found])
    low, high = (np.concatenate([each.ravel() for each in side]) for side in zip(*bounds, strict=True))
    candidates = np.isnan(values) | (low > 0) | (high < 0)
    place = int(np.where(candidates | ~candidates.any(), np.abs(values), -1.0).argmax())
    return {
        **names[place],
        "value": float(values[place]),
        "low": float(low[place]),
        "high": float(high[place]),
    }

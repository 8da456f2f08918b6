"""How long a text takes."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from components.evaluation.labelled_texts import LabelledTexts
from components.modeling.classifier import LoadedModel

__all__ = ["measure_latency"]

_ROUNDS = 5
"""How often each text is timed; its fastest time counts, which no other program made longer."""


def measure_latency(
    model: LoadedModel, baseline: LoadedModel | None, texts: LabelledTexts, *, count: int
) -> dict[str, Any]:
    """Times texts of the split, one at a time, from the text to its scores, after each was scored once.

    Args:
        model: is timed.
        baseline: is timed in turns with it, if there is one.
        texts: of the split.
        count: texts that are timed, spread evenly over the split; all of them if there are fewer.

    Returns:
        `texts` (how many), `tokens` (median number, the special ones included), `median_ms`, `p95_ms`, and, with a
        baseline, `baseline_median_ms` and `ratio` (of the medians).
    """
    chosen = np.unique(np.linspace(0, len(texts.texts) - 1, count).astype(int)).tolist()
    models = [model] if baseline is None else [model, baseline]
    times = np.full((len(models), _ROUNDS + 1, len(chosen)), np.inf)
    for turn in range(_ROUNDS + 1):
        for column, row in enumerate(chosen):
            for number, timed in enumerate(models):
                times[number, turn, column] = _milliseconds(timed, texts, row)
    fastest = times[:, 1:].min(axis=1)
    medians = np.median(fastest, axis=1).tolist()
    return {
        "texts": len(chosen),
        "tokens": int(np.median(_token_counts(model, [texts.texts[row] for row in chosen]))),
        "median_ms": medians[0],
        "p95_ms": float(np.quantile(fastest[0], 0.95)),
        **({} if baseline is None else {"baseline_median_ms": medians[1], "ratio": medians[0] / medians[1]}),
    }


def _milliseconds(model: LoadedModel, texts: LabelledTexts, row: int) -> float:
    contexts = None if texts.contexts is None else [texts.contexts[row]]
    start = time.perf_counter()
    model.scores([texts.texts[row]], batch_size=1, contexts=contexts)
    return (time.perf_counter() - start) * 1000


def _token_counts(model: LoadedModel, texts: Sequence[str]) -> list[int]:
    from components.modeling.tokenization import token_rows

    return [len(row) for row in token_rows(model.in_graph_tokenizer, texts)]

"""Asking a model about all texts of a part of the evaluation at once."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from components.core.progress import NO_PROGRESS, Progress
from components.evaluation.behaviour.probes import Answer

if TYPE_CHECKING:
    from components.modeling.classifier import LoadedModel

__all__ = ["Ask", "Pair"]

Pair: TypeAlias = tuple[str, str]
"""A text, and what was said before it ("" for nothing)."""

_PAIRS_BETWEEN_REPORTS = 1024


@dataclass(frozen=True)
class Ask:
    """Asks one model.

    Attributes:
        model: what is asked.
        batch_size: texts scored at a time.
        progress: told how far it is.
    """

    model: "LoadedModel"
    batch_size: int = 64
    progress: Progress = NO_PROGRESS

    def about(self, pairs: Iterable[Pair], *, message: str) -> dict[Pair, Answer]:
        """What the model says of each text; equal ones are scored once, and those of like length together.

        Args:
            pairs: texts with their contexts.
            message: what is being done, for a person.
        """
        unique = sorted(dict.fromkeys(pairs), key=lambda pair: len(pair[0]) + len(pair[1]))
        answers: dict[Pair, Answer] = {}
        for start in range(0, len(unique), _PAIRS_BETWEEN_REPORTS):
            self.progress.update(message, completed=start, total=len(unique))
            chunk = unique[start : start + _PAIRS_BETWEEN_REPORTS]
            texts, contexts = zip(*chunk, strict=True)
            scores = self.model.scores(texts, batch_size=self.batch_size, contexts=contexts)
            found = map(Answer, scores, self.model.decide(scores))
            answers.update(zip(chunk, found, strict=True))
        self.progress.update(message, completed=len(unique), total=len(unique))
        return answers

"""The last blessed model on the same rows: what a new one is compared with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from components.core.artifacts import Model
from components.core.progress import Progress
from components.evaluation.head_rows import HeadRows
from components.evaluation.labelled_texts import LabelledTexts
from components.evaluation.scoring import score_texts
from components.modeling.classifier import LoadedModel, load_model
from components.modeling.heads import Head, columns

__all__ = ["Baseline"]

_FIRST_MODEL = "first model, there is nothing to compare with yet"
_OTHER_LABELS = "the last blessed model answers other labels and cannot be compared"


@dataclass(frozen=True)
class Baseline:
    """What is known of the last blessed model.

    Attributes:
        model: it; None if there is none.
        note: why a head that is not in `heads` cannot be compared.
        heads: the same rows as it answered them, by those of the new model's heads that it has.
    """

    model: LoadedModel | None
    note: str
    heads: Mapping[str, HeadRows] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        model: Model | None,
        parts: Sequence[HeadRows],
        texts: LabelledTexts,
        *,
        batch_size: int,
        progress: Progress,
    ) -> "Baseline":
        """Asks it about the texts, if it has any of these heads."""
        if model is None:
            return cls(None, _FIRST_MODEL)
        loaded = load_model(model)
        theirs = {head.name: head for head in loaded.config.heads}
        shared = [part for part in parts if _answer_alike(part.head, theirs.get(part.head.name))]
        if not shared:
            return cls(loaded, _OTHER_LABELS)
        message = "scoring the last blessed model"
        answers = score_texts(loaded, texts, batch_size=batch_size, progress=progress, message=message)
        places, thresholds = columns(loaded.config.heads), loaded.config.thresholds
        answered = {}
        for part in shared:
            own = places[part.head.name]
            answered[part.head.name] = part.answered(answers, own, thresholds[own])
        return cls(loaded, _OTHER_LABELS, answered)


def _answer_alike(head: Head, other: Head | None) -> bool:
    """Whether two heads answer the same, so that they can be compared."""
    return other is not None and (head.task, head.outputs) == (other.task, other.outputs)

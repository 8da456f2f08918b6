"""What a client gets back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from serving.errors import InternalError

__all__ = ["Answer", "Prediction", "prediction"]


@dataclass(frozen=True)
class Answer:
    """What the model says of one text.

    Attributes:
        scores: probability 0-1 of each label, number of each regression target, in the model's order.
        predicted: the labels that apply, the likeliest first.
    """

    scores: Mapping[str, float]
    predicted: tuple[str, ...]


@dataclass(frozen=True)
class Prediction(Sequence[Answer]):
    """The answers to a request, in the order of its texts.

    Attributes:
        answers: one a text.
        model: its name.
        version: that answered. None over REST from a server that does not say it, as TensorFlow Serving, if the request
            did not name one.
    """

    answers: tuple[Answer, ...]
    model: str
    version: int | None

    def __len__(self) -> int:
        return len(self.answers)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        return self.answers[index]


def prediction(
    columns: Mapping[str, Sequence[Sequence[object]]], *, texts: int, model: str, version: int | None
) -> Prediction:
    """The answers in the outputs of `serving_default`: scores, labels and predicted, a row a text.

    Raises:
        InternalError: they are no such outputs.
    """
    try:
        rows = zip(columns["labels"], columns["scores"], columns["predicted"], strict=True)
        answers = tuple(_answer(*row) for row in rows)
    except (KeyError, TypeError, ValueError) as err:
        raise InternalError(
            f"model {model} answered {sorted(columns)} and not labels, scores and predicted of each text; "
            "is it an export of emotion-pipeline?"
        ) from err
    if len(answers) != texts:
        raise InternalError(f"model {model} gave {len(answers)} answers to {texts} texts")
    return Prediction(answers, model, version)


def _answer(labels: Sequence[object], scores: Sequence[object], predicted: Sequence[object]) -> Answer:
    names = [str(label) for label in labels]
    by_name = {name: float(score) for name, score in zip(names, scores, strict=True)}  # type: ignore[arg-type]
    applying = [name for name, applies in zip(names, predicted, strict=True) if applies]
    return Answer(by_name, tuple(sorted(applying, key=lambda name: -by_name[name])))

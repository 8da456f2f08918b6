"""Which of a model's outputs an emotion's name means."""

from collections.abc import Mapping, Sequence

__all__ = ["find_outputs"]

_SAME: Mapping[str, str] = {
    "happiness": "joy",
    "happy": "joy",
    "joyful": "joy",
    "sad": "sadness",
    "angry": "anger",
    "mad": "anger",
    "afraid": "fear",
    "scared": "fear",
    "disgusted": "disgust",
    "surprised": "surprise",
    "thankfulness": "gratitude",
    "excited": "excitement",
    "nervous": "nervousness",
    "anxiety": "nervousness",
    "no emotion": "neutral",
    "none": "neutral",
    "pos": "positive",
    "neg": "negative",
}
"""One name for what corpora call differently."""


def find_outputs(name: str, outputs: Sequence[str]) -> tuple[int, ...]:
    """Positions of the outputs that a name means: the one of exactly this name, or those of the same emotion.

    `joy` finds `Joy`, `happiness` and `emotion/joy`; empty if the model has none.
    """
    if name in outputs:
        return (outputs.index(name),)
    wanted = _plain(name)
    return tuple(position for position, output in enumerate(outputs) if _plain(output) == wanted)


def _plain(name: str) -> str:
    last = name.rpartition("/")[2].replace("_", " ").replace("-", " ").strip().lower()
    return _SAME.get(last, last)

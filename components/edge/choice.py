"""Chooses among measured .tflite files: the smallest or the fastest that keeps all limits."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from components.core.errors import ExportError
from components.edge.choice_config import ChoiceConfig
from components.edge.measurement import Measured

__all__ = ["Choice", "NothingFitsError", "Row", "choose"]


@dataclass(frozen=True)
class Row:
    """A candidate.

    Attributes:
        name: of the variant.
        measured: None if the target cannot run it, which is known beforehand.
        refusal: why it was not taken; None for the one that was, and for those that lost by size or time alone.
    """

    name: str
    measured: Measured | None
    refusal: str | None


@dataclass(frozen=True)
class Choice:
    """What was chosen, and from what.

    Attributes:
        config: the limits.
        reference_quality: the Keras model's macro-F1 on the sample.
        texts: how many were asked.
        rows: candidates in their order.
        chosen: name of the variant; None if nothing keeps the limits.
    """

    config: ChoiceConfig
    reference_quality: float
    texts: int
    rows: tuple[Row, ...]
    chosen: str | None

    def write(self, path: Path) -> None:
        """Writes `document` as JSON."""
        path.write_text(json.dumps(self.document(), indent=2) + "\n", encoding="utf-8")

    def document(self) -> dict[str, Any]:
        """Limits, reference and one object a candidate."""
        return {
            "chosen": self.chosen,
            "limits": self.config.model_dump(exclude={"candidates"}),
            "texts": self.texts,
            "keras_quality": self.reference_quality,
            "candidates": [
                {
                    "name": row.name,
                    "refusal": row.refusal,
                    **({} if row.measured is None else {**asdict(row.measured), "name": row.name}),
                }
                for row in self.rows
            ],
        }


class NothingFitsError(ExportError):
    """No candidate keeps the limits.

    Attributes:
        choice: what was tried.
    """

    def __init__(self, choice: Choice) -> None:
        super().__init__(_nearest(choice))
        self.choice = choice


def choose(
    config: ChoiceConfig,
    candidates: Sequence[tuple[str, Measured | str]],
    *,
    reference_quality: float,
    texts: int,
) -> Choice:
    """Chooses the candidate that `config.prefer` names among those within the limits.

    Args:
        config: the limits.
        candidates: each with what was measured of it, or with the reason why it was not.
        reference_quality: of the Keras model on the same texts.
        texts: how many they were.
    """
    rows = tuple(
        Row(name, None, found) if isinstance(found, str) else Row(name, found, _refusal(config, found))
        for name, found in candidates
    )
    able = [row.measured for row in rows if row.measured is not None and row.refusal is None]
    best = min(able, key=lambda one: _cost(config, one), default=None)
    return Choice(config, reference_quality, texts, rows, None if best is None else best.name)


def _cost(config: ChoiceConfig, measured: Measured) -> tuple[float, float]:
    cost = (float(measured.size_bytes), measured.latency_ms)
    return cost if config.prefer == "smallest" else (cost[1], cost[0])


def _refusal(config: ChoiceConfig, measured: Measured) -> str | None:
    reasons = []
    size_mb = measured.size_bytes / 1e6
    if config.max_size_mb is not None and size_mb > config.max_size_mb:
        reasons.append(f"{size_mb:.1f} MB, more than {config.max_size_mb:g}")
    if not measured.drop <= config.max_f1_drop:
        reasons.append(f"loses {measured.drop:.4f}, more than {config.max_f1_drop:g}")
    return "; ".join(reasons) or None


def _nearest(choice: Choice) -> str:
    config = choice.config
    limits = f"a loss of {config.max_f1_drop:g}"
    if config.max_size_mb is not None:
        limits = f"{config.max_size_mb:g} MB and {limits}"
    measured = [row for row in choice.rows if row.measured is not None]
    if not measured:
        return (
            f"{config.target} can run none of the candidates {', '.join(row.name for row in choice.rows)}; "
            "name others in `candidates`"
        )
    nearest = min(measured, key=lambda row: _excess(config, row.measured))
    return (
        f"no variant for {config.target} is within {limits}; the nearest is {nearest.name}: {nearest.refusal}. "
        "Allow more, or name other candidates (a smaller `_vocab` for size, a larger one for quality)"
    )


def _excess(config: ChoiceConfig, measured: Measured | None) -> float:
    """How far beyond the limits, in shares of them; the steps of a loss are of 0.005 at least."""
    assert measured is not None
    size = 0.0 if config.max_size_mb is None else max(0.0, measured.size_bytes / 1e6 / config.max_size_mb - 1)
    return size + max(0.0, measured.drop - config.max_f1_drop) / max(config.max_f1_drop, 0.005)

"""Settings of the behavioural tests."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from components.core.config import Config, InputPath

__all__ = [
    "SHIPPED_CASES",
    "SHIPPED_TEMPLATES",
    "FairnessConfig",
    "PerturbationName",
    "RobustnessConfig",
    "shipped_versions",
]

SHIPPED_CASES = Path(__file__).parent / "cases.jsonl"
"""Plain sentences by emotion, and pairs of a sentence and its negation; English."""

SHIPPED_TEMPLATES = Path(__file__).parent / "templates.jsonl"
"""Identity terms by attribute, and sentences about persons; English."""

PerturbationName = Literal[
    "letters_swapped",
    "letter_dropped",
    "upper_case",
    "lower_case",
    "full_stop_removed",
    "full_stop_added",
    "emoji_added",
    "emoji_removed",
    "contractions_expanded",
    "words_contracted",
    "sentence_added",
    "url_added",
    "user_name_added",
    "identity_swapped",
    "negated",
]


class RobustnessConfig(Config):
    """Behavioural tests after CheckList (Ribeiro et al., 2020): changes of the split's texts, and cases from files."""

    perturbations: tuple[PerturbationName, ...] | None = None
    """Changes of the split's texts that are tested; None = all, () = none."""

    sample_size: int = Field(default=80, ge=1, le=100_000)
    """Texts that each change is tried on: with 80 the 95 % interval of a failure rate of 10 % is 14 points wide, and
    all changes together cost a small encoder about three seconds."""

    tolerance: float = Field(default=0.1, ge=0, lt=1)
    """What a score (0-1) may move without meaning anything: a decision that flips by less is no failure, a score that
    falls by less has not fallen."""

    regression_tolerance: float = Field(default=0.5, ge=0)
    """Likewise for numbers, in standard deviations of the training's target: half of one is what a reader would call a
    small difference (Cohen's medium effect)."""

    shipped_cases: bool = True
    """Whether the cases that come with the project are tried, as far as the model has their labels."""

    cases: InputPath | None = None
    """JSON Lines with cases of your own; `docs/evaluation.md` describes the keys."""

    examples: int = Field(default=5, ge=0, le=1000)
    """Failures of each test that are written down, the largest first."""


class FairnessConfig(Config):
    """Counterfactual sentences that differ only in who they are about."""

    shipped_templates: bool = True
    """Whether the sentences that come with the project are used; own sentences need its identity terms or their own."""

    sentences: int = Field(default=48, ge=1)
    """Shipped sentences (a template with one of its words) drawn, each filled with every identity term: 48 hold every
    template at least once, and cost a small encoder about three seconds."""

    templates: InputPath | None = None
    """JSON Lines with templates, identity terms or filled sentences of your own, all of which are used;
    `docs/evaluation.md` describes the keys."""


def shipped_versions(
    robustness: RobustnessConfig | None, fairness: FairnessConfig | None
) -> Mapping[str, str]:
    """SHA-256 (hex) by name of the shipped files that are read, wherever the project is installed."""
    read = []
    if robustness is not None and robustness.shipped_cases:
        read.append(SHIPPED_CASES)
    if fairness is not None:
        read.append(SHIPPED_TEMPLATES)
    return {f"shipped {path.name}": hashlib.sha256(path.read_bytes()).hexdigest() for path in read}

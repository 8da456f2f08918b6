"""What a .tflite file must be able to, and what it may cost."""

from typing import Literal

from pydantic import Field

from components.core.config import Config
from components.edge.variants import CANDIDATES, VariantName

__all__ = ["ChoiceConfig"]


class ChoiceConfig(Config):
    """What the file must be able to, and what it may cost."""

    target: Literal["mediapipe", "mediapipe-0.10", "bertnl", "litert", "litert-with-tokenizer"] = "mediapipe"
    """What reads the file: `mediapipe` (TextClassifier from 1.0 on), `mediapipe-0.10`, `bertnl` (the older Task
    Library), `litert` (an interpreter under the app's own code) or `litert-with-tokenizer` (one linked with TensorFlow
    Text's operators, which takes the text itself)."""

    max_size_mb: float | None = Field(default=None, gt=0)
    """Largest file, in 10^6 bytes; None for any size."""

    max_f1_drop: float = Field(default=0.005, ge=0, le=1)
    """Largest loss of macro-F1 (of a regression head: of concordance) against the Keras model on the same texts. The
    default is about what another seed of the training makes."""

    prefer: Literal["smallest", "fastest"] = "smallest"
    """Which one of those within the limits."""

    candidates: tuple[VariantName, ...] = Field(default=CANDIDATES, min_length=1)
    """Variants that are tried: float32, float16, int8, int8_per_tensor, int8_weights, int8_int4 or int4, each with
    `_vocab99` behind it for a vocabulary that covers 99 % of the pieces of the training texts, and `_fixed` for a fixed
    length or `_text` for the tokenizer inside. The target litert-with-tokenizer takes all of them with `_text`."""

    split: str = Field(default="validation", min_length=1)
    """Split of the examples that the loss is measured on; the test split is for what was chosen."""

    sample: int = Field(default=2000, ge=10, le=1_000_000)
    """Texts of it that every candidate is asked: 2,000 take some seconds each, and tell a loss of 0.01 from none."""

    def variants(self) -> tuple[str, ...]:
        """The candidates as the target can take them."""
        if self.target != "litert-with-tokenizer":
            return self.candidates
        return tuple(f"{name.removesuffix('_text').removesuffix('_fixed')}_text" for name in self.candidates)

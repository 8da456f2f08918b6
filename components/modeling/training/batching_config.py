"""How examples become batches, as configured; `components.modeling.training.batching` makes them."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, field_validator

from components.core.config import Config

__all__ = ["NEEDS_STATIC_SHAPES", "BatchingConfig", "PadTo"]

NEEDS_STATIC_SHAPES = (
    "a TPU compiles every new shape; set `pad_to` to a list of lengths such as [32, 64, 128] and `last_batch` to "
    "`drop` or `pad`"
)

_Length = Annotated[int, Field(ge=1)]

PadTo: TypeAlias = Literal["longest"] | _Length | Annotated[tuple[_Length, ...], Field(min_length=1)]
"""`longest`, a number of which lengths are made multiples, or the lengths that there may be."""


class BatchingConfig(Config):
    """The shape of training batches. Texts of like length stand together, so that little is padded."""

    max_tokens_per_batch: int | None = Field(default=None, ge=1)
    """Tokens of a batch, padding included, in place of `trainer.batch_size`: many short texts or few long ones. None by
    default: with a fixed number of texts the learning rate means the same at every step."""

    long_batch_tokens: int | None = Field(default=None, ge=1)
    """Most tokens of a batch, padding included: where `trainer.batch_size` texts have more, the batch takes fewer. The
    few batches of the longest texts decide how much memory a training takes; None does not bound it."""

    gradient_accumulation: int = Field(default=1, ge=1)
    """Batches whose gradients are added up before one update: a larger batch in the memory of a small one."""

    pad_to: PadTo = "longest"
    """To what texts are padded: the longest of their batch, which computes least; a multiple of a number (8 suits GPUs'
    tensor cores); or the next of a list such as [16, 32, 64, 128], which a TPU or XLA compiles once each."""

    last_batch: Literal["keep", "drop", "pad"] = "keep"
    """What becomes of a batch that is not full: it is kept as it is, dropped, or filled with texts of weight 0. One of
    the latter two, and a list in `pad_to`, make all shapes static."""

    @field_validator("pad_to")
    @classmethod
    def _check_ascending(cls, value: PadTo) -> PadTo:
        if isinstance(value, tuple) and list(value) != sorted(set(value)):
            raise ValueError(f"lengths must ascend, not {list(value)}")
        return value

    @property
    def has_static_shapes(self) -> bool:
        """Whether only as many shapes occur as `pad_to` has lengths."""
        return isinstance(self.pad_to, tuple) and self.last_batch != "keep"

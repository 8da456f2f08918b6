"""`tiny-random`: an encoder for tests, which exercises every part and knows nothing."""

import string
from typing import Any

__all__ = ["TINY_VOCABULARY", "tiny_backbone"]

_WORDS = """
a about after again all always am amazing an and angry annoyed any are as at awful bad be beautiful
because been best better but by can car cat come could day did do dog don even ever excited feel for
friend from fun funny game get give glad go good got great had happy hate have he help her here him his
home hope how hurt i if in is it just know laugh life like little lol look lost love mad make man me miss
more much my need never new nice no not now of off oh ok on one only or other our out people please proud
really right sad said same scared see she should so some sorry still stop such sure take terrible than
thank thanks that the their them then there they thing think this time to today too try up us very want
was way we well went were what when where which who why will wish with wonder worried worse would wow
yeah yes you your
"""

_PIECES = "s ed ing ly er est ness ful less able ion y t re ll ve m d n"

TINY_VOCABULARY: tuple[str, ...] = (
    "[PAD]",
    *(f"[unused{number}]" for number in range(8)),
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    *sorted({*string.ascii_lowercase, *string.digits, *string.punctuation, *_WORDS.split()}),
    *sorted({f"##{piece}" for piece in (*string.ascii_lowercase, *string.digits, *_PIECES.split())}),
    *(f"[unused{number}]" for number in range(8, 64)),
)
"""Lower-case English: common words, and letters to spell the others; 64 free rows."""

_SEED = 20261123
_STANDARD_DEVIATION = 0.05


def tiny_backbone(dtype: str, *, dropout: float | None = None) -> Any:
    """A `BertBackbone` of 2 layers, 32 wide, up to 512 tokens; always the same random weights."""
    import keras_hub
    import numpy as np

    backbone = keras_hub.models.BertBackbone(
        vocabulary_size=len(TINY_VOCABULARY),
        num_layers=2,
        num_heads=2,
        hidden_dim=32,
        intermediate_dim=64,
        max_sequence_length=512,
        dropout=0.1 if dropout is None else dropout,
        dtype=dtype,
    )
    random = np.random.default_rng(_SEED)
    for weight in backbone.weights:
        if len(weight.shape) > 1:
            weight.assign(random.normal(0, _STANDARD_DEVIATION, weight.shape).astype(np.float32))
    return backbone

"""What the guards of `tflite` must find in the file of a variant."""

from components.edge.variants import VariantSpec
from components.modeling.classifier import LoadedModel
from tflite.converter import BYTES_PER_PARAMETER
from tflite.guards import Expected
from tflite.heads import Head

__all__ = ["device_heads", "expected_file"]


def device_heads(loaded: LoadedModel) -> tuple[Head, ...]:
    """The model's heads as the files have them."""
    return tuple(Head(**dict(head)) for head in loaded.config.heads)


def expected_file(loaded: LoadedModel, spec: VariantSpec, vocabulary_size: int) -> Expected:
    """What the guards must find in the file of a variant, whose vocabulary may be smaller than the model's."""
    rows_left_out = len(loaded.tokenizer.vocabulary) - vocabulary_size
    unread = _unread_positions(loaded) + rows_left_out * _embedding_width(loaded)
    return Expected(
        parameters=int(loaded.network.count_params()) - unread,
        bytes_per_parameter=BYTES_PER_PARAMETER[spec.weights],
        heads=device_heads(loaded),
        max_tokens=loaded.config.max_tokens,
        vocabulary_size=vocabulary_size,
        separator_id=loaded.tokenizer.end_id,
        fixed_length=spec.fixed_length,
        takes_text=spec.takes_text,
    )


def _unread_positions(loaded: LoadedModel) -> int:
    """Parameters of positions that no text reaches: `tflite.tables.drop_positions` leaves them out."""
    longest = loaded.config.max_tokens
    shapes = [
        weight.shape
        for weight in loaded.network.weights
        if "position_embedding" in weight.path and len(weight.shape) == 2
    ]
    return sum(max(0, int(shape[0]) - longest) * int(shape[1]) for shape in shapes)


def _embedding_width(loaded: LoadedModel) -> int:
    """Parameters of one row, of all tables of the vocabulary together."""
    size = len(loaded.tokenizer.vocabulary)
    shapes = [weight.shape for weight in loaded.network.weights]
    return sum(int(shape[1]) for shape in shapes if len(shape) == 2 and shape[0] == size)

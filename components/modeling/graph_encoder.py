"""The encoder that a TransformGraph's vocabulary belongs to, wherever its files are now."""

from components.core.artifacts import TransformGraph
from components.core.errors import EncoderError
from components.core.filesystem import content_digest
from components.modeling.encoder import Encoder, resolve_encoder

__all__ = ["encoder_of"]


def encoder_of(graph: TransformGraph, configured: str | None = None) -> Encoder:
    """Finds the encoder and checks that it is still the one that Transform read.

    Args:
        graph: what Transform wrote, perhaps on another machine or before the encoder's directory was moved.
        configured: what it is called here; None for what it was called there.

    Raises:
        EncoderError: it cannot be had, or it is another one.
    """
    encoder = resolve_encoder(configured or graph.encoder())
    digest = graph.encoder_digest()
    if digest is None:
        is_same = encoder.name == graph.encoder()
    else:
        is_same = encoder.directory is not None and content_digest(str(encoder.directory)) == digest
    if not is_same:
        raise EncoderError(
            f"encoder {encoder.name!r} is not the one whose vocabulary Transform took ({graph.encoder()!r}), or has "
            "changed since; run Transform again, or name that one"
        )
    return encoder

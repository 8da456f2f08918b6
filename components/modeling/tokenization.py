"""The in-graph tokenizer of a specification."""

from serving.tokenizer import InGraphTokenizer
from tflite.host_tokenizer import TokenizerSpec

__all__ = ["in_graph_tokenizer"]


def in_graph_tokenizer(spec: TokenizerSpec) -> InGraphTokenizer:
    """The TensorFlow tokenizer that gives the token ids of `HostTokenizer(spec)`."""
    return InGraphTokenizer(
        spec.vocabulary,
        lowercase=spec.rules.lowercase,
        strip_accents=spec.rules.strip_accents,
        special_tokens=spec.rules.special_tokens,
        characters=spec.rules.characters,
        max_tokens=spec.max_tokens,
    )

"""The in-graph tokenizer of a specification."""

from components.core.errors import ExportError
from serving.tokenizer import InGraphTokenizer
from tflite.host_tokenizer import TokenizerSpec

__all__ = ["in_graph_tokenizer", "require_one_segment"]


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


def require_one_segment(spec: TokenizerSpec) -> None:
    """Checks that a model reads texts alone, as the exports do.

    Raises:
        ExportError: it was trained on texts with what was said before them.
    """
    if spec.segments != 1:
        raise ExportError(
            "models of two segments cannot be exported yet: servers and phones are given texts alone; set "
            "transform.segments to 1, or run without exports: emotion run --to evaluator"
        )

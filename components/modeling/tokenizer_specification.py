"""From an encoder's name to the tokenizer of its vocabulary, without TensorFlow for those with plain files."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import Field

from components.core.errors import EncoderError
from components.modeling.emoji_policy import EmojiPolicy
from components.modeling.encoder import Encoder

if TYPE_CHECKING:
    from tflite.host_tokenizer import ContextPosition, TokenizerSpec

__all__ = ["Casing", "SpecialToken", "tokenizer_specification", "vocabulary_files"]

_VOCABULARY_FILES = (
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
    "assets/tokenizer/vocabulary.txt",
)

Casing: TypeAlias = Literal["auto", "uncased", "cased"]
"""`uncased` lower-cases and strips accents, `cased` does neither; `auto` does as in pretraining."""

SpecialToken: TypeAlias = Annotated[str, Field(min_length=1, max_length=64)]
"""A string that is one token, matched exactly."""


def tokenizer_specification(
    encoder: Encoder,
    *,
    special_tokens: Sequence[str],
    casing: Casing,
    emoji: EmojiPolicy = "keep",
    max_tokens: int,
    segments: int = 1,
    context_position: "ContextPosition" = "before",
) -> "TokenizerSpec":
    """The tokenizer that an encoder's vocabulary, the special tokens and the casing make.

    Args:
        encoder: a resolved encoder.
        special_tokens: strings that are one token each.
        casing: how text is cleaned.
        emoji: what becomes of emoji.
        max_tokens: longest sequence, with [CLS] and [SEP].
        segments: 2 if a context goes with the text.
        context_position: where it stands.

    Raises:
        EncoderError: the vocabulary cannot be had, is no WordPiece vocabulary, or has no room for the special tokens.
    """
    from components.modeling.emoji_policy import emoji_rules
    from components.modeling.vocabulary import place_special_tokens, read_vocabulary
    from tflite.host_tokenizer import TokenizerSpec
    from tflite.text import CleaningRules

    vocabulary = read_vocabulary(encoder)
    tokens, words = place_special_tokens(vocabulary.tokens, special_tokens, encoder=encoder.name)
    pretrained = (vocabulary.lowercase, vocabulary.strip_accents)
    choices = {"auto": pretrained, "uncased": (True, True), "cased": (False, False)}
    lowercase, strip_accents = choices[casing]
    rules = CleaningRules(
        lowercase=lowercase,
        strip_accents=strip_accents,
        special_tokens=words,
        characters=emoji_rules(emoji),
    )
    try:
        return TokenizerSpec(
            vocabulary=tokens,
            rules=rules,
            max_tokens=max_tokens,
            segments=segments,
            context_position=context_position,
        )
    except ValueError as err:
        raise EncoderError(f"encoder {encoder.name!r}: {err}") from err


def vocabulary_files(encoder: Encoder) -> tuple[Path, ...]:
    """The files of a local encoder that its vocabulary and casing are read from: a small part of it."""
    if encoder.directory is None:
        return ()
    files = (encoder.directory / name for name in _VOCABULARY_FILES)
    return tuple(file for file in files if file.is_file())

"""The WordPiece vocabulary of an encoder, and the rows that special tokens take in it."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.core.errors import EncoderError
from components.modeling.encoder import Encoder, unavailable, unsupported

__all__ = ["EncoderVocabulary", "free_rows", "place_special_tokens", "read_vocabulary"]

_UNUSED = re.compile(r"\[unused\d+\]")


@dataclass(frozen=True)
class EncoderVocabulary:
    """What an encoder was pretrained with.

    Attributes:
        tokens: token by id.
        lowercase: it was pretrained on lower-cased text.
        strip_accents: it was pretrained on text without accents.
    """

    tokens: tuple[str, ...]
    lowercase: bool
    strip_accents: bool


def read_vocabulary(encoder: Encoder) -> EncoderVocabulary:
    """Reads the vocabulary and casing from an encoder's files.

    A Hugging Face directory has them in `vocab.txt` or `tokenizer.json`, and `tokenizer_config.json`; where the
    casing is not said, a vocabulary without capital letters is uncased. An uncased BERT strips accents unless its
    files say otherwise.

    Raises:
        EncoderError: the files cannot be had, or hold no WordPiece vocabulary.
    """
    if encoder.for_tests_only:
        from components.modeling.tiny_encoder import TINY_VOCABULARY

        return EncoderVocabulary(TINY_VOCABULARY, lowercase=True, strip_accents=True)
    encoder.verify()
    if encoder.directory is not None and "model_type" in _json(encoder.directory / "config.json"):
        return _read_hugging_face(encoder, encoder.directory)
    return _read_keras_hub(encoder)


def place_special_tokens(
    tokens: Sequence[str], special_tokens: Sequence[str], *, encoder: str
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Gives each special token an `[unusedN]` row, renamed to a plain word.

    A plain word needs no support for special tokens: every WordPiece implementation keeps it whole.

    Args:
        tokens: the encoder's vocabulary.
        special_tokens: `[NAME]`, …
        encoder: its name, for the message.

    Returns:
        The vocabulary with the rows renamed, and the vocabulary word by special token (`{"[NAME]": "xxname"}`).

    Raises:
        EncoderError: the vocabulary has too few `[unusedN]` rows.
    """
    renamed = list(tokens)
    free = free_rows(tokens)
    if len(free) < len(special_tokens):
        raise EncoderError(
            f"encoder {encoder!r} has {len(free)} free vocabulary rows ([unusedN]) for {len(special_tokens)} special "
            "tokens; shorten transform.special_tokens or take another encoder"
        )
    words: dict[str, str] = {}
    taken = set(tokens)
    for token, row in zip(special_tokens, free, strict=False):
        word = "xx" + re.sub(r"[^a-z0-9]", "", token.lower())
        while word in taken:
            word = "x" + word
        taken.add(word)
        renamed[row] = words[token] = word
    return tuple(renamed), words


def free_rows(tokens: Sequence[str]) -> list[int]:
    """The rows of a vocabulary that hold `[unusedN]`, in order."""
    return [row for row, token in enumerate(tokens) if _UNUSED.fullmatch(token)]


def _read_hugging_face(encoder: Encoder, directory: Path) -> EncoderVocabulary:
    tokenizer = _json(directory / "tokenizer.json")
    if (directory / "vocab.txt").is_file():
        # Split at line feeds alone: a multilingual vocabulary may hold other line separators as tokens.
        lines = (directory / "vocab.txt").read_bytes().decode().removesuffix("\n").split("\n")
        tokens = tuple(line.removesuffix("\r") for line in lines)
    elif tokenizer.get("model", {}).get("type") == "WordPiece":
        ids = tokenizer["model"]["vocab"]
        tokens = tuple(sorted(ids, key=ids.__getitem__))
    else:
        raise unsupported(encoder, "a directory without vocab.txt or a WordPiece tokenizer.json")
    normalizer = tokenizer.get("normalizer") or {}
    config = _json(directory / "tokenizer_config.json")
    lowercase = _first(config.get("do_lower_case"), normalizer.get("lowercase"), _is_uncased(tokens))
    strip_accents = _first(config.get("strip_accents"), normalizer.get("strip_accents"), lowercase)
    return EncoderVocabulary(tokens, bool(lowercase), bool(strip_accents))


def _read_keras_hub(encoder: Encoder) -> EncoderVocabulary:
    import keras_hub

    try:
        tokenizer = keras_hub.models.Tokenizer.from_preset(encoder.source)
    except Exception as err:  # whatever the download clients and converters raise
        raise unavailable(encoder, err) from err
    if not isinstance(tokenizer, keras_hub.tokenizers.WordPieceTokenizer):
        raise unsupported(encoder, f"an encoder with a {type(tokenizer).__name__}")
    lowercase = bool(tokenizer.lowercase)
    # KerasHub's own tokenizer never strips accents, but the models were pretrained on text without them.
    return EncoderVocabulary(tuple(tokenizer.vocabulary), lowercase, lowercase)


def _is_uncased(tokens: Sequence[str]) -> bool:
    return not any(re.search("[A-Z]", token) for token in tokens if not token.startswith("["))


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _json(path: Path) -> dict[str, Any]:
    """The object in a JSON file, {} if there is no such file."""
    if not path.is_file():
        return {}
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as err:
        raise EncoderError(f"{path}: not valid JSON ({err}); copy the encoder again") from err
    return document if isinstance(document, dict) else {}

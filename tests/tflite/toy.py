"""A toy classifier for the tests of this package: random weights, a vocabulary of letters and a few words."""

import string
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import keras
import keras_hub
import numpy as np

from tflite.converter import Variant, convert
from tflite.heads import Head
from tflite.host_tokenizer import TokenizerSpec
from tflite.metadata import ModelMetadata, attach_metadata
from tflite.text import CleaningRules
from tflite.text_input import take_text, tokenizer_graph

LABELS = ("anger", "joy", "love", "sadness", "neutral")
THRESHOLDS = (0.3, 0.45, 0.5, 0.55, 0.7)
HEADS = (Head("emotion", "multi_label", LABELS),)
SEVERAL_HEADS = (
    Head("emotion", "multi_label", ("anger", "joy")),
    Head("sentiment", "single_label", ("bad", "neutral", "good")),
    Head("strength", "ordinal", ("none", "some", "much")),
    Head("affect", "regression", ("valence", "arousal"), (3.0, -2.5), (0.5, 2.0)),
)
SEVERAL_THRESHOLDS = (0.3, 0.6) + (0.0,) * 8
MAX_TOKENS = 16
TEXTS = (
    "i am so happy today",
    "Café naïve — that made me ANGRY!",
    "[NAME] left and i miss her",
    "",
    "thank you",
    "words and words and words " * 40,
)


@cache
def spec() -> TokenizerSpec:
    """An uncased vocabulary that covers every ASCII word."""
    words = [
        "happy",
        "thank",
        "you",
        "i",
        "am",
        "so",
        "and",
        "made",
        "me",
        "miss",
        "her",
        "xxname",
        "caf",
        "word",
    ]
    letters = list(string.ascii_lowercase + string.digits)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    tokens = dict.fromkeys(special + words + letters + [f"##{letter}" for letter in letters] + list(".,!?-'"))
    rules = CleaningRules(lowercase=True, strip_accents=True, special_tokens={"[NAME]": "xxname"})
    return TokenizerSpec(vocabulary=tuple(tokens), rules=rules, max_tokens=MAX_TOKENS)


def network(
    *, dtype: str = "float32", dropout: float = 0.1, width: int = 32, heads: tuple[Head, ...] = HEADS
) -> keras.Model:
    """A BERT of two layers with masked mean pooling; its scores spread over what the heads allow."""
    keras.utils.set_random_seed(7)
    backbone = keras_hub.models.BertBackbone(
        vocabulary_size=len(spec().vocabulary),
        num_layers=2,
        num_heads=2,
        hidden_dim=width,
        intermediate_dim=2 * width,
        dropout=dropout,
        max_sequence_length=2 * MAX_TOKENS,
        dtype=dtype,
    )
    return classifier(backbone, heads)


def classifier(backbone: keras.Model, heads: tuple[Head, ...]) -> keras.Model:
    """Masked mean pooling and heads whose random weights give scores from all that is possible."""
    names = ("token_ids", "segment_ids", "padding_mask")
    inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in names}
    sequence = backbone(inputs)["sequence_output"]
    mask = keras.ops.expand_dims(keras.ops.cast(inputs["padding_mask"], sequence.dtype), -1)
    pooled = keras.ops.sum(sequence * mask, axis=1) / keras.ops.maximum(keras.ops.sum(mask, axis=1), 1.0)
    scores = [activated(head, pooled) for head in heads]
    return keras.Model(inputs, scores[0] if len(scores) == 1 else keras.layers.Concatenate()(scores))


def activated(head: Head, pooled: keras.KerasTensor) -> keras.KerasTensor:
    """The scores of one head. Levels come from a softmax here, not from cumulative logits: they are probabilities."""
    logits = keras.layers.Dense(
        len(head.outputs), kernel_initializer=keras.initializers.RandomNormal(stddev=0.5), dtype="float32"
    )(pooled)
    if head.is_regression:
        return logits * np.float32(head.std) + np.float32(head.mean)
    return keras.ops.sigmoid(logits) if head.task == "multi_label" else keras.ops.softmax(logits)


def keras_scores(
    network: keras.Model, ids: Sequence[int], segment_ids: Sequence[int] | None = None
) -> np.ndarray:
    """What the Keras network itself says: float32 [1, outputs]."""
    row = np.asarray([ids], np.int32)
    segments = np.zeros_like(row) if segment_ids is None else np.asarray([segment_ids], np.int32)
    inputs = {"token_ids": row, "segment_ids": segments, "padding_mask": np.ones_like(row)}
    return keras.ops.convert_to_numpy(network(inputs, training=False))


@cache
def shared_network() -> keras.Model:
    """One network for all tests that do not change it."""
    return network()


@cache
def network_of_several_heads() -> keras.Model:
    """Likewise, with `SEVERAL_HEADS`."""
    return network(heads=SEVERAL_HEADS)


@cache
def files() -> dict[Variant, bytes]:
    """The converted variants of the shared network, without metadata."""
    return convert(shared_network(), max_tokens=MAX_TOKENS, separator_id=spec().end_id)


@cache
def files_of_several_heads() -> dict[Variant, bytes]:
    """The converted variants of `network_of_several_heads`, without metadata."""
    return convert(network_of_several_heads(), max_tokens=MAX_TOKENS, separator_id=spec().end_id)


def metadata_of_several_heads() -> ModelMetadata:
    """What a file of `SEVERAL_HEADS` and two segments says of itself."""
    return replace(
        metadata(suppress_undecided=False),
        heads=SEVERAL_HEADS,
        thresholds=SEVERAL_THRESHOLDS,
        tokenizer=replace(spec(), segments=2),
    )


def metadata(*, suppress_undecided: bool = True) -> ModelMetadata:
    return ModelMetadata(
        name="Toy emotions",
        description="Random weights; for tests only.",
        version="1.2.3",
        author="emotion-pipeline",
        license="Apache-2.0",
        heads=HEADS,
        thresholds=THRESHOLDS,
        tokenizer=spec(),
        suppress_undecided=suppress_undecided,
    )


@cache
def complete_file(variant: Variant, *, suppress_undecided: bool = True) -> bytes:
    """A variant with its metadata, as it is shipped."""
    return attach_metadata(files()[variant], metadata(suppress_undecided=suppress_undecided))


@cache
def file_with_tokenizer(variant: Variant = "int8") -> bytes:
    """A variant that takes text, without metadata."""
    return take_text(files()[variant], tokenizer_graph(spec()))


def complete_file_with_tokenizer(variant: Variant = "int8") -> bytes:
    """The same with its metadata."""
    return attach_metadata(file_with_tokenizer(variant), metadata())

"""A training that starts from an earlier model starts with its answers, whatever became of labels and vocabulary."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from components.core.artifacts import Model
from components.core.errors import ConfigError
from components.modeling.classifier import BackboneConfig, ModelConfig, build_network, save_model
from components.modeling.encoder import load_backbone, resolve_encoder
from components.modeling.heads import Head, output_names
from components.modeling.pruning import PruningConfig, prune
from components.modeling.scorer import Scorer
from components.modeling.tiny_encoder import TINY_VOCABULARY
from components.modeling.training.warm_start import start_from_model
from tflite.host_tokenizer import TokenizerSpec
from tflite.text import CleaningRules

TEXTS = ("[CLS]", "i", "am", "happy", "today", "[SEP]")

Build = Callable[..., tuple[keras.Model, ModelConfig, TokenizerSpec]]


def build(
    *heads: Head,
    seed: int,
    vocabulary: Sequence[str] = TINY_VOCABULARY,
    encoder_dropout: float | None = None,
    attention_heads: int | None = None,
    **changes: Any,
) -> tuple[keras.Model, ModelConfig, TokenizerSpec]:
    keras.utils.set_random_seed(seed)
    backbone = load_backbone(
        resolve_encoder("tiny-random"), dtype="float32", load_weights=False, dropout=encoder_dropout
    )
    if attention_heads is not None:
        backbone = prune(backbone, PruningConfig(heads=attention_heads))
    config = ModelConfig(
        heads=heads,
        thresholds=(0.5,) * len(output_names(heads)),
        max_tokens=12,
        encoder="tiny-random",
        backbone=BackboneConfig.of(backbone),
        **changes,
    )
    rules = CleaningRules(lowercase=True, strip_accents=True)
    network = build_network(config, backbone=backbone)
    for variable in network.variables:  # zeros and ones would hide what is not copied
        noise = np.random.default_rng(seed).normal(0, 0.1, variable.shape)
        if "seed" not in variable.path:
            variable.assign_add(noise.astype(variable.dtype))
    return network, config, TokenizerSpec(vocabulary=tuple(vocabulary), rules=rules, max_tokens=12)


def earlier(directory: Path, *heads: Head, **changes: Any) -> tuple[keras.Model, Model]:
    network, config, tokenizer = build(*heads, seed=1, **changes)
    model = Model(directory)
    save_model(model, network=network, config=config, tokenizer=tokenizer)
    return network, model


def scores(
    network: keras.Model, heads: Sequence[Head], vocabulary: Sequence[str] = TINY_VOCABULARY
) -> dict[str, NDArray[np.float32]]:
    """By output, what the network says of one text."""
    row = np.array([[list(vocabulary).index(token) for token in TEXTS]], np.int32)
    found = Scorer(network, tuple(heads), {}).scores([row[0]], segments=None, batch_size=1)
    return dict(zip(output_names(heads), found[0], strict=True))


@pytest.mark.parametrize(
    "changes",
    [{"pooling": "label_attention"}, {"pooling": "attention", "hidden_units": 6}, {"pooling": "mean"}],
    ids=["label_attention", "attention and hidden layer", "mean"],
)
def test_labels_that_stay_are_answered_as_before(tmp_path: Path, changes: dict[str, Any]) -> None:
    old_head, head = Head(outputs=("anger", "fear", "joy")), Head(outputs=("joy", "pride", "anger"))
    old, model = earlier(tmp_path, old_head, **changes)
    network, config, tokenizer = build(head, seed=2, **changes)
    pride = scores(network, [head])["pride"]
    told = start_from_model(network, config, tokenizer, model)
    before, now = scores(old, [old_head]), scores(network, [head])
    assert now["joy"] == pytest.approx(before["joy"], abs=1e-6)
    assert now["anger"] == pytest.approx(before["anger"], abs=1e-6)
    assert now["pride"] not in (pytest.approx(before["fear"], abs=1e-4), pytest.approx(pride, abs=1e-9))
    assert told == f"starts from the model of {tmp_path}; new outputs: pride; outputs that are gone: fear"


def test_tokens_keep_their_embeddings_when_their_rows_change(tmp_path: Path) -> None:
    head = Head(outputs=("anger", "joy"))
    old, model = earlier(tmp_path, head)
    vocabulary = list(TINY_VOCABULARY)
    first, second = vocabulary.index("happy"), vocabulary.index("today")
    vocabulary[first], vocabulary[second] = "today", "happy"
    vocabulary[-1] = "newcomer"
    network, config, tokenizer = build(head, seed=2, vocabulary=vocabulary)
    told = start_from_model(network, config, tokenizer, model)
    before, now = scores(old, [head]), scores(network, [head], vocabulary)
    assert now["joy"] == pytest.approx(before["joy"], abs=1e-6)
    assert told.endswith("new tokens: 1")


def test_several_heads_go_by_name_and_numbers_keep_their_unit(tmp_path: Path) -> None:
    stars = Head(name="stars", task="regression", outputs=("valence", "arousal"), mean=(3, 2), std=(1, 2))
    level = Head(name="level", task="ordinal", outputs=("low", "mid", "high"))
    old_heads = (Head(name="mood", outputs=("anger", "joy")), stars, level)
    old, model = earlier(tmp_path, *old_heads, pooling="label_attention")
    moved = stars.model_copy(
        update={"outputs": ("arousal", "valence"), "mean": (2.5, 3.5), "std": (1.5, 0.5)}
    )
    heads = (level, moved, Head(name="mood", outputs=("joy", "anger")))
    network, config, tokenizer = build(*heads, seed=2, pooling="label_attention")
    start_from_model(network, config, tokenizer, model)
    before, now = scores(old, old_heads), scores(network, heads)
    assert now == {name: pytest.approx(before[name], abs=1e-5) for name in now}


@pytest.mark.parametrize(("before", "now"), [(0.0, 0.2), (0.2, 0.0)])
def test_dropout_in_the_encoder_may_come_and_go(tmp_path: Path, before: float, now: float) -> None:
    """A rate above 0 brings random states of its own."""
    head = Head(outputs=("anger", "joy"))
    old, model = earlier(tmp_path, head, encoder_dropout=before)
    network, config, tokenizer = build(head, seed=2, encoder_dropout=now)
    start_from_model(network, config, tokenizer, model)
    assert scores(network, [head]) == {
        name: pytest.approx(score, abs=1e-6) for name, score in scores(old, [head]).items()
    }


def test_a_head_of_another_task_starts_afresh(tmp_path: Path) -> None:
    _, model = earlier(tmp_path, Head(outputs=("anger", "joy")))
    network, config, tokenizer = build(Head(task="single_label", outputs=("anger", "joy")), seed=2)
    assert "new outputs: anger, joy" in start_from_model(network, config, tokenizer, model)


def test_another_architecture_is_named(tmp_path: Path) -> None:
    _, model = earlier(tmp_path, Head(outputs=("anger", "joy")))
    network, config, tokenizer = build(Head(outputs=("anger", "joy")), seed=2, pooling="cls")
    with pytest.raises(ConfigError, match="the last blessed model has pooling 'mean', this one 'cls'"):
        start_from_model(network, config, tokenizer, model)
    network, config, tokenizer = build(Head(outputs=("anger", "joy")), seed=2, attention_heads=1)
    with pytest.raises(ConfigError, match="the last blessed model has num_heads 2, this one 1"):
        start_from_model(network, config, tokenizer, model)

import gzip
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.core.artifacts import Examples, Model, PretrainedEncoder, TransformedExamples, TransformGraph
from components.core.component import Scratch
from components.core.errors import ConfigError, DataError
from components.modeling.classifier import load_model
from components.modeling.encoder import load_backbone, resolve_encoder
from components.pretrainer import PretrainerConfig, pretrainer
from components.trainer import TrainerConfig, trainer
from pipeline.config import parse_config
from pipeline.emotion import build_graph
from tests.components.progress import Recorder
from tests.components.toy_corpus import run_transform, toy_examples

Prepared = tuple[Examples, TransformGraph, TransformedExamples]

QUICK = {"epochs": 3, "batch_size": 16, "learning_rate": 5e-3, "precision": "float32", "held_out": 0.1}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    directory = tmp_path_factory.mktemp("prepared")
    examples = toy_examples(directory)
    return examples, *run_transform(directory, examples)


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Texts that keep to one of four subjects, of four words each."""
    generator = random.Random(4)
    subjects = ("happy glad great fun", "sad hurt lost miss", "dog cat car home", "you we they he")
    lines = []
    for _ in range(500):
        words = generator.choice(subjects).split()
        lines.append(" ".join(generator.choices(words, k=generator.randint(6, 9))))
    path = tmp_path_factory.mktemp("texts") / "domain.txt.gz"
    path.write_bytes(gzip.compress("\n".join([*lines, "", "  "]).encode()))
    return path


def _pretrain(directory: Path, prepared: Prepared, **settings: Any) -> tuple[PretrainedEncoder, Any]:
    _, graph, transformed = prepared
    directory.mkdir(parents=True, exist_ok=True)
    pretrained = PretrainedEncoder(directory)
    config = PretrainerConfig.model_validate({**QUICK, **settings})
    summary = pretrainer(config=config, transformed=transformed, transform_graph=graph, pretrained=pretrained)
    return pretrained, summary


@pytest.fixture(scope="module")
def pretrained(prepared: Prepared, texts: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    directory = tmp_path_factory.mktemp("pretrained")
    return _pretrain(directory, prepared, texts=str(texts), train_split=False, epochs=5)


def test_perplexity_falls_on_texts_that_were_held_out(pretrained: Any):
    """16 is what it is for those who know how often each word occurs, 4 for those who see the subject."""
    artifact, summary = pretrained
    document = json.loads(artifact.history_path.read_text(encoding="utf-8"))
    perplexities = [epoch["perplexity"] for epoch in document["epochs"]]
    assert len(perplexities) == 6
    assert perplexities[0] > 12
    assert perplexities[-1] < 8
    assert summary["perplexity"] == pytest.approx(perplexities[-1], abs=0.01)
    assert not summary["published head"]


def test_the_trainer_starts_from_what_was_learnt(pretrained: Any, prepared: Prepared, tmp_path: Path):
    """A learning rate of nothing: what the Trainer writes is what it started from."""
    artifact, _ = pretrained
    _, graph, transformed = prepared
    config = TrainerConfig(epochs=1, learning_rate=1e-12, precision="float32", weight_decay=0)
    trainer(
        config=config,
        transformed=transformed,
        transform_graph=graph,
        pretrained=artifact,
        model=Model(tmp_path),
    )
    network = load_model(Model(tmp_path)).network
    found = next(layer for layer in network.layers if hasattr(layer, "token_embedding"))
    original = load_backbone(resolve_encoder("tiny-random"))
    expected = load_backbone(resolve_encoder("tiny-random"), load_weights=False)
    expected.load_weights(artifact.weights_path)
    changed = 0
    for own, learnt, before in zip(
        found.get_weights(), expected.get_weights(), original.get_weights(), strict=True
    ):
        np.testing.assert_allclose(own, learnt, atol=1e-7)
        changed += np.abs(learnt - before).max() > 1e-3
    assert changed > 20


def test_reads_the_training_split_and_a_column_of_a_table(prepared: Prepared, tmp_path: Path):
    table = tmp_path / "more.jsonl"
    lines = [json.dumps({"body": f"we love the dog {number}"}) for number in range(50)]
    table.write_text(
        "\n".join([*lines, lines[0], '{"body": " "}', '{"other": 1}', "broken"]), encoding="utf-8"
    )
    options = {"texts": str(table), "text_column": "body", "epochs": 1, "precision": "mixed_bfloat16"}
    _, both = _pretrain(tmp_path / "both", prepared, **options)
    _, alone = _pretrain(tmp_path / "alone", prepared, **options, train_split=False)
    assert alone["texts"] == 50 - 10
    assert np.isfinite(alone["perplexity"])
    examples, _, _ = prepared
    assert 200 < both["texts"] <= examples.summary()["splits"]["train"]["rows"] + 50


def test_the_same_seed_gives_the_same_encoder(prepared: Prepared, tmp_path: Path):
    one, other = (_pretrain(tmp_path / name, prepared, epochs=1)[0] for name in ("one", "other"))
    weights = []
    for artifact in (one, other):
        backbone = load_backbone(resolve_encoder("tiny-random"))
        backbone.load_weights(artifact.weights_path)
        weights.append(np.concatenate([value.ravel() for value in backbone.get_weights()]))
    np.testing.assert_array_equal(*weights)


def test_an_interrupted_pretraining_goes_on_where_it_was(prepared: Prepared, tmp_path: Path):
    """Stopped within the second epoch, it ends with the weights of the one that was not."""

    class Stop(Recorder):
        def update(self, message: str, *, completed: float | None = None, total: float | None = None) -> None:
            if message.startswith("epoch 2/2"):
                raise KeyboardInterrupt

    told = Recorder()
    _, graph, transformed = prepared
    options = {**QUICK, "epochs": 2, "batch_size": 8, "checkpoints": {"every_steps": 3}}
    arguments = {
        "config": PretrainerConfig.model_validate(options),
        "transformed": transformed,
        "transform_graph": graph,
    }
    found = []
    scratch = Scratch(tmp_path / "scratch")
    for name, settings in (
        ("whole", {}),
        ("stopped", {"scratch": scratch, "progress": Stop()}),
        ("resumed", {"scratch": scratch, "progress": told}),
    ):
        artifact = PretrainedEncoder(tmp_path / name)
        artifact.path.mkdir()
        if name == "stopped":
            with pytest.raises(KeyboardInterrupt):
                pretrainer(**arguments, **settings, pretrained=artifact)
            continue
        pretrainer(**arguments, **settings, pretrained=artifact)
        backbone = load_backbone(resolve_encoder("tiny-random"))
        backbone.load_weights(artifact.weights_path)
        found.append(np.concatenate([value.ravel() for value in backbone.get_weights()]))
    assert told.lines[0].startswith("goes on after step")
    np.testing.assert_allclose(*found, atol=1e-6)


def test_too_few_texts_are_refused(prepared: Prepared, tmp_path: Path):
    path = tmp_path / "few.txt"
    path.write_text("one text\nanother\n", encoding="utf-8")
    with pytest.raises(DataError, match="found 2 different texts"):
        _pretrain(tmp_path / "out", prepared, texts=str(path), train_split=False)


def test_a_column_that_is_not_there_is_told(prepared: Prepared, tmp_path: Path):
    path = tmp_path / "texts.csv"
    path.write_text("body\nhello\n", encoding="utf-8")
    with pytest.raises(DataError, match="no column 'text'"):
        _pretrain(tmp_path / "out", prepared, texts=str(path))


def test_nothing_to_read_is_refused():
    with pytest.raises(ConfigError, match="nothing to read"):
        parse_config({"name": "x", "example_gen": {"source": "x.csv"}, "pretrainer": {"train_split": False}})


def test_it_is_a_stage_only_if_configured():
    document = {"name": "x", "example_gen": {"source": "x.csv"}}
    assert "pretrainer" not in build_graph(parse_config(document)).nodes
    graph = build_graph(parse_config({**document, "pretrainer": {}}))
    assert "pretrainer" in graph.nodes["trainer"].predecessors()

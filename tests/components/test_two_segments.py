"""A model that reads what was said before: from Transform over training to the scores that the Evaluator takes."""

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from components.core.artifacts import Examples, Model
from components.core.progress import NO_PROGRESS
from components.evaluation.labelled_texts import read_labelled_texts
from components.evaluation.metrics import Counts
from components.evaluation.scoring import score_texts
from components.modeling.calibration_config import CalibrationConfig
from components.modeling.classifier import LoadedModel, load_model
from components.trainer import TrainerConfig, trainer
from tests.components.toy_corpus import run_transform, write_examples
from tflite.host_tokenizer import HostTokenizer

CUES = {"joy": ["happy", "glad", "great"], "anger": ["mad", "angry", "hate"]}


def _rows(count: int, *, seed: int) -> list[dict[str, Any]]:
    """The label is in what was said before; the text itself says nothing."""
    generator = random.Random(seed)
    rows = []
    for number in range(count):
        label = generator.choice(list(CUES))
        rows.append(
            {
                "id": f"{seed}-{number}",
                "text": " ".join(
                    generator.choices(["we", "to", "it", "was", "and", "my", "friend", "today"], k=3)
                ),
                "context": f"i am {generator.choice(CUES[label])}",
                "labels": [label],
            }
        )
    return rows


@pytest.fixture(scope="module", params=["before", "after"])
def trained(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Examples, Model]:
    directory = tmp_path_factory.mktemp("pairs")
    splits = {"train": _rows(400, seed=1), "validation": _rows(100, seed=2), "test": _rows(200, seed=3)}
    examples = write_examples(directory, splits, labels=tuple(CUES))
    graph, transformed = run_transform(directory, examples, segments=2, context_position=request.param)
    model = Model(directory / "model")
    model.path.mkdir()
    plain = CalibrationConfig(method="none")
    config = TrainerConfig(
        epochs=4, batch_size=16, learning_rate=3e-3, precision="float32", calibration=plain
    )
    trainer(config=config, transformed=transformed, transform_graph=graph, model=model)
    return examples, model


@pytest.fixture(scope="module")
def loaded(trained: tuple[Examples, Model]) -> LoadedModel:
    return load_model(trained[1])


def test_the_model_reads_what_was_said_before(trained: tuple[Examples, Model], loaded: LoadedModel) -> None:
    texts = read_labelled_texts(trained[0], "test", loaded.config.heads)

    def macro_f1(contexts: Any) -> float:
        asked = replace(texts, contexts=contexts)
        answers = score_texts(loaded, asked, batch_size=64, progress=NO_PROGRESS, message="")
        return Counts.of(answers.decisions, texts.targets).macro_f1

    assert macro_f1(texts.contexts) > 0.95
    assert macro_f1([""] * len(texts.texts)) < 0.8


def test_pairs_are_scored_as_they_were_tokenized_for_training(loaded: LoadedModel) -> None:
    texts, contexts = ["so it was", "today"], ["i am mad", ""]
    host = HostTokenizer(loaded.tokenizer)
    scores = loaded.scores(texts, contexts=contexts)
    for text, context, found in zip(texts, contexts, scores, strict=True):
        ids, segments = (np.array([row], np.int32) for row in host.encode_pair(text, context))
        logits = loaded.network(
            {"token_ids": ids, "segment_ids": segments, "padding_mask": np.ones_like(ids)}
        )
        np.testing.assert_allclose(1 / (1 + np.exp(-logits.numpy()[0])), found, atol=1e-6)
    np.testing.assert_allclose(loaded.scores(texts[1:]), scores[1:], atol=1e-6)

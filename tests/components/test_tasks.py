"""Every task from the source file to the verdict: one model with a head for each."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.core.artifacts import Examples, Model, ModelBlessing, ModelEvaluation
from components.core.errors import ConfigError, DataError
from components.evaluator import EvaluatorConfig, evaluator
from components.trainer import TrainerConfig, trainer
from tests.components.data_stages import generate, write
from tests.components.toy_corpus import run_transform

CUES = {
    "joy": ["happy", "glad", "fun"],
    "sadness": ["sad", "hurt", "lost"],
    "anger": ["mad", "hate", "awful"],
}
STRENGTHS = {"weak": "it", "middle": "we", "strong": "was"}
VALENCE = {"joy": 5.0, "sadness": 2.0, "anger": 1.0}
HEADS = {
    "emotion": {"task": "multi_label", "outputs": ["joy", "sadness", "anger"]},
    "polarity": {"task": "single_label", "outputs": ["polarity/*"]},
    "strength": {"task": "ordinal", "outputs": ["strength/*"]},
    "vad": {"task": "regression", "outputs": ["valence"]},
}


def rows(count: int, *, seed: int) -> list[dict[str, Any]]:
    """A cue for the emotion and one for its strength; in every fifth row something is not known."""
    generator = random.Random(seed)
    found = []
    for number in range(count):
        label = generator.choice(list(CUES))
        strength = generator.choice(list(STRENGTHS))
        words = generator.choices(["i", "am", "so", "the", "dog", "today"], k=3)
        words += [generator.choice(CUES[label]), STRENGTHS[strength]]
        generator.shuffle(words)
        row: dict[str, Any] = {
            "text": " ".join(words),
            "labels": [label],
            "polarity": "good" if label == "joy" else "bad",
            "strength": strength,
            "valence": VALENCE[label] + 0.2 * list(STRENGTHS).index(strength),
        }
        if number % 5 == 0:
            del row[["polarity", "strength", "valence"][number // 5 % 3]]
        found.append(row)
    return found


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Examples, Model]:
    directory = tmp_path_factory.mktemp("tasks")
    splits = {"train": rows(400, seed=1), "validation": rows(90, seed=2), "test": rows(150, seed=3)}
    files = {
        split: write(directory / f"{split}.jsonl", "".join(json.dumps(row) + "\n" for row in content))
        for split, content in splits.items()
    }
    strength = {"column": "strength", "names": ["weak", "middle", "strong"]}
    columns = {
        "labels": "labels",
        "more_labels": {"polarity": "polarity", "strength": strength},
        "targets": ["valence"],
    }
    examples = generate(directory, splits=files, columns=columns, duplicates={"policy": "off"})
    graph, transformed = run_transform(directory, examples)
    model = Model(directory / "model")
    model.path.mkdir()
    settings = {"epochs": 8, "batch_size": 16, "learning_rate": 5e-3, "precision": "float32", "heads": HEADS}
    trainer(
        config=TrainerConfig.model_validate(settings),
        transformed=transformed,
        transform_graph=graph,
        model=model,
    )
    return examples, model


class Judged:
    """What the Evaluator left."""

    def __init__(self, directory: Path, trained: tuple[Examples, Model], **settings: Any) -> None:
        self.evaluation = ModelEvaluation(directory / "evaluation")
        self.blessing = ModelBlessing(directory / "blessing")
        for artifact in (self.evaluation, self.blessing):
            artifact.path.mkdir(parents=True)
        baseline = settings.pop("baseline", None)
        self.summary = evaluator(
            config=EvaluatorConfig.model_validate({"bootstrap_resamples": 100, **settings}),
            examples=trained[0],
            model=trained[1],
            baseline=baseline,
            evaluation=self.evaluation,
            blessing=self.blessing,
        )
        self.checks = {check.name: check for check in self.blessing.verdict().checks}
        self.heads = {document["head"]: document for document in self.evaluation.metrics()["heads"]}


@pytest.fixture(scope="module")
def judged(trained: tuple[Examples, Model], tmp_path_factory: pytest.TempPathFactory) -> Judged:
    limits = {"macro_f1": 0.6, "pearson": 0.8, "quadratic_kappa": 0.5, "max_mae": 1.0}
    own = {"emotion": {"micro_f1": 0.9}}
    return Judged(
        tmp_path_factory.mktemp("judged"),
        trained,
        thresholds=limits,
        head_thresholds=own,
        baseline=trained[1],
    )


def test_every_head_learns_its_task(judged: Judged) -> None:
    assert judged.heads["emotion"]["macro_f1"]["value"] > 0.9
    assert judged.heads["polarity"]["accuracy"]["value"] > 0.9
    assert judged.heads["strength"]["quadratic_kappa"]["value"] > 0.5
    assert judged.heads["vad"]["pearson"]["value"] > 0.9
    assert judged.blessing.verdict().blessed


def test_rows_of_which_nothing_is_known_are_not_judged(judged: Judged) -> None:
    assert {name: document["rows"] for name, document in judged.heads.items()} == {
        "emotion": 150,
        "polarity": 140,
        "strength": 140,
        "vad": 140,
    }
    stored = np.load(judged.evaluation.predictions_path("test"))
    outputs = stored["outputs"].tolist()
    assert outputs[3:5] == ["polarity/bad", "polarity/good"]
    assert outputs[5:] == ["strength/weak", "strength/middle", "strength/strong", "valence"]
    assert np.isnan(stored["targets"]).sum(axis=0).tolist() == [0, 0, 0, 10, 10, 10, 10, 10, 10]


def test_checks_are_named_by_head(judged: Judged) -> None:
    assert set(judged.checks) == {
        "finite_scores",
        "emotion.micro_f1",
        "emotion.macro_f1_drop",
        "emotion.label_f1_drop",
        "polarity.macro_f1",
        "polarity.macro_f1_drop",
        "polarity.label_f1_drop",
        "strength.macro_f1",
        "strength.quadratic_kappa",
        "strength.max_mae",
        "strength.macro_f1_drop",
        "strength.label_f1_drop",
        "vad.pearson",
        "vad.max_mae",
        "vad.pearson_drop",
    }
    assert judged.checks["vad.pearson_drop"].value == 0
    assert judged.summary["vad pearson"] == judged.heads["vad"]["pearson"]["value"]


def test_limits_of_a_head_that_is_not_there_are_a_mistake(
    trained: tuple[Examples, Model], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"names 'mood', but the heads of the model are emotion, polarity"):
        Judged(tmp_path, trained, head_thresholds={"mood": {"macro_f1": 0.5}})


def test_a_head_of_which_validation_knows_nothing_cannot_be_trained(tmp_path: Path) -> None:
    splits = {"train": rows(20, seed=1), "validation": rows(20, seed=2)}
    for row in splits["validation"]:
        row["polarity"] = None
    files = {
        split: write(tmp_path / f"{split}.jsonl", "".join(json.dumps(row) + "\n" for row in content))
        for split, content in splits.items()
    }
    columns = {"labels": "labels", "more_labels": {"polarity": "polarity"}}
    examples = generate(tmp_path, splits=files, columns=columns, duplicates={"policy": "off"})
    graph, transformed = run_transform(tmp_path, examples)
    model = Model(tmp_path / "model")
    model.path.mkdir()
    heads = {name: HEADS[name] for name in ("emotion", "polarity")}
    with pytest.raises(DataError, match="no row of the split 'validation' is labelled for head 'polarity'"):
        trainer(
            config=TrainerConfig.model_validate({"epochs": 1, "precision": "float32", "heads": heads}),
            transformed=transformed,
            transform_graph=graph,
            model=model,
        )


def test_data_that_know_nothing_of_a_head_cannot_judge_it(
    trained: tuple[Examples, Model], tmp_path: Path
) -> None:
    source = [{"text": "so happy", "labels": "joy", "polarity": "good", "strength": "weak", "valence": None}]
    strength = {"column": "strength", "names": ["weak", "middle", "strong"]}
    polarity = {"column": "polarity", "names": ["bad", "good"]}
    examples = generate(
        tmp_path,
        splits={"test": write(tmp_path / "a.jsonl", json.dumps(source[0]) + "\n")},
        columns={
            "labels": "labels",
            "more_labels": {"polarity": polarity, "strength": strength},
            "targets": ["valence"],
        },
        label_names=["joy", "sadness", "anger"],
    )
    with pytest.raises(DataError, match=r"no row of which the truth is known for head 'vad' \(valence"):
        Judged(tmp_path, (examples, trained[1]))

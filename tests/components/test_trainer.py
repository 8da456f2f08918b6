import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import text_format
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig
from tensorboard.util.tensor_util import make_ndarray

from components.core.artifacts import Examples, Model, TransformedExamples, TransformGraph
from components.core.errors import DataError, StageError
from components.data.records.tfrecord import read_records
from components.evaluation.metrics import Counts
from components.evaluation.platt import logit, sigmoid
from components.evaluation.reliability import uncalibrated
from components.evaluation.thresholds import tune_thresholds
from components.modeling.classifier import LoadedModel, load_model
from components.modeling.text_vectors import text_vectors
from components.trainer import TrainerConfig, trainer
from tests.components.data_stages import read_split
from tests.components.progress import Recorder
from tests.components.toy_corpus import (
    LABELS,
    examples_of,
    needs_minilm,
    run_transform,
    toy_examples,
    toy_rows,
    write_examples,
)

Prepared = tuple[Examples, TransformGraph, TransformedExamples]

QUICK = {"epochs": 2, "learning_rate": 5e-3, "precision": "float32"}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    directory = tmp_path_factory.mktemp("prepared")
    examples = toy_examples(directory)
    return examples, *run_transform(directory, examples)


def _train(
    directory: Path,
    graph: TransformGraph,
    transformed: TransformedExamples,
    progress: Any = None,
    **settings: Any,
) -> tuple[Model, Any]:
    model = Model(directory)
    directory.mkdir(parents=True, exist_ok=True)
    config = TrainerConfig.model_validate({**QUICK, **settings})
    options = {} if progress is None else {"progress": progress}
    summary = trainer(config=config, transformed=transformed, transform_graph=graph, model=model, **options)
    return model, summary


@pytest.fixture(scope="module")
def learned(
    prepared: Prepared, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Model, dict[str, Any], Recorder]:
    _, graph, transformed = prepared
    recorder = Recorder()
    directory = tmp_path_factory.mktemp("learned")
    model, summary = _train(
        directory,
        graph,
        transformed,
        recorder,
        epochs=5,
        batch_size=16,
        precision="mixed_bfloat16",
        early_stopping={"patience": None},
    )
    return model, summary, recorder


def _macro_f1(loaded: LoadedModel, rows: list[dict[str, Any]]) -> float:
    scores = loaded.scores([row["text"] for row in rows])
    targets = np.array([[label in row["labels"] for label in LABELS] for row in rows])
    return Counts.of(scores >= np.float32(loaded.config.thresholds), targets).macro_f1


def test_learns_what_can_be_learned(learned: Any) -> None:
    model, summary, _ = learned
    loaded = load_model(model)
    assert _macro_f1(loaded, toy_rows(200, seed=9)) > 0.9
    assert summary["validation macro-F1"] > 0.9
    assert summary["for tests only"] is True


def test_model_says_what_it_is(learned: Any) -> None:
    model, _, _ = learned
    config = load_model(model).config
    assert config.labels == LABELS
    assert config.encoder == "tiny-random"
    assert config.for_tests_only
    assert config.max_tokens == 32
    assert config.training is not None
    assert (config.training.precision, config.training.epochs) == ("mixed_bfloat16", 5)


def test_thresholds_are_those_of_the_served_scores_on_validation(learned: Any, prepared: Prepared) -> None:
    model, _, _ = learned
    examples, _, _ = prepared
    loaded = load_model(model)
    rows = read_split(examples, "validation")
    targets = np.array([[label in row["labels"] for label in LABELS] for row in rows], np.uint8)
    scores = loaded.scores([row["text"][0] for row in rows])
    calibration = loaded.config.calibration["emotion"]
    plain = uncalibrated(loaded.config.heads[0], calibration, scores)
    cuts = np.asarray(calibration.slopes) * logit(tune_thresholds(plain, targets)) + calibration.offsets
    np.testing.assert_allclose(loaded.config.thresholds, sigmoid(cuts), atol=1e-4)


def test_history_and_tensorboard_hold_the_curves(learned: Any) -> None:
    model, summary, _ = learned
    history = json.loads(model.history_path.read_text())
    assert [epoch["epoch"] for epoch in history["epochs"]] == [1, 2, 3, 4, 5]
    losses = [epoch["loss"] for epoch in history["epochs"]]
    assert losses[-1] < 0.5 * losses[0]
    best = max(epoch["validation_metric"] for epoch in history["epochs"])
    assert history["epochs"][history["best_epoch"] - 1]["validation_metric"] == best
    assert summary["best epoch"] == history["best_epoch"]
    events = EventAccumulator(str(model.logs_dir), size_guidance={"tensors": 0}).Reload()
    curves = {
        tag: [make_ndarray(event.tensor_proto) for event in events.Tensors(tag)]
        for tag in events.PluginTagToContent("scalars")
    }
    by_label = {f"f1/{label}" for label in LABELS}
    throughput = {"examples_per_second", "tokens_per_second", "input_share"}
    assert curves.keys() == by_label | throughput | {
        "loss",
        "learning_rate",
        "gradient_norm",
        "validation_loss",
        "validation_metric",
    }
    metrics = [epoch["validation_metric"] for epoch in history["epochs"]]
    np.testing.assert_allclose(curves["validation_metric"], metrics, rtol=1e-6)
    np.testing.assert_allclose(np.mean([curves[name] for name in by_label], axis=0), metrics, atol=1e-6)
    assert all(norm > 0 for norm in curves["gradient_norm"])
    assert set(events.PluginTagToContent("pr_curves")) == {f"pr_curves/{label}" for label in LABELS}
    assert len(events.Tensors("confusion")) == 5


def test_the_projector_shows_texts_of_the_validation_split(learned: Any) -> None:
    model, _, _ = learned
    logs = model.logs_dir
    config = text_format.Parse((logs / "projector_config.pbtxt").read_text(), ProjectorConfig())
    (embedding,) = config.embeddings
    vectors = np.loadtxt(logs / embedding.tensor_path, delimiter="\t")
    loaded = load_model(model)
    assert vectors.shape == (120, loaded.network.get_layer("dropout").input.shape[-1])
    header, *lines = (logs / embedding.metadata_path).read_text().splitlines()
    assert header == "text\tlabels"
    shown = [tuple(line.split("\t")) for line in lines]
    rows = _validation_rows()
    assert sorted(labels.replace(", ", " ") for _, labels in shown) == sorted(
        " ".join(label for label in LABELS if label in row["labels"]) for row in rows
    )
    # The tiny vocabulary cuts words into pieces, which stand together again.
    texts = {text for text, _ in shown}
    plain = [row["text"] for row in rows if "[NAME]" not in row["text"]]
    assert sum(text in texts for text in plain) > 0.9 * len(plain)
    # The vectors are those of the model that was kept.
    number = next(number for number, (text, _) in enumerate(shown) if text in plain)
    expected = text_vectors(loaded, [shown[number][0]])[0]
    np.testing.assert_allclose(vectors[number], expected, atol=1e-3)


def test_progress_counts_steps_over_all_epochs(learned: Any) -> None:
    _, _, recorder = learned
    counted = [(completed, total) for _, completed, total in recorder.updates if completed is not None]
    assert {total for _, total in counted} == {125}
    steps = [completed for completed, _ in counted]
    assert steps == sorted(steps)
    assert steps[-1] == 125
    assert any("loss" in message and "examples/s" in message for message, _, _ in recorder.updates)
    assert len([line for line in recorder.lines if line.startswith("epoch ")]) == 5


def test_weights_are_saved_in_float32(learned: Any) -> None:
    model, _, _ = learned
    loaded = load_model(model)
    assert {str(weight.dtype) for weight in loaded.network.weights} == {"float32"}
    # bfloat16 keeps 8 bits of the significand: trained float32 weights use more.
    kernel = loaded.network.get_layer("logits").kernel.numpy()
    bits = struct.unpack(f"{kernel.size}I", kernel.astype(np.float32).tobytes())
    assert any(value & 0xFFFF for value in bits)


def test_the_same_seed_gives_the_same_model(prepared: Prepared, tmp_path: Path) -> None:
    _, graph, transformed = prepared
    first, second, other = (
        _train(tmp_path / str(number), graph, transformed, seed=seed)[0]
        for number, seed in enumerate((5, 5, 6))
    )
    assert first.config_path.read_bytes() == second.config_path.read_bytes()
    weights = [
        [weight.numpy() for weight in load_model(model).network.weights] for model in (first, second, other)
    ]
    for one, same in zip(weights[0], weights[1], strict=True):
        np.testing.assert_array_equal(one, same)
    assert any((one != another).any() for one, another in zip(weights[0], weights[2], strict=True))


def test_stops_early_and_keeps_the_best_epoch(prepared: Prepared, tmp_path: Path) -> None:
    _, graph, transformed = prepared
    recorder = Recorder()
    # A learning rate that destroys the encoder: after some epoch nothing gets better.
    model, summary = _train(
        tmp_path,
        graph,
        transformed,
        recorder,
        epochs=40,
        learning_rate=0.9,
        early_stopping={"patience": 1},
        warmup=0,
    )
    history = json.loads(model.history_path.read_text())
    assert summary["epochs"] == len(history["epochs"]) == history["best_epoch"] + 1 < 40
    assert "stopped early" in recorder.lines[-1]
    best = history["epochs"][history["best_epoch"] - 1]["validation_metric"]
    assert _macro_f1(load_model(model), _validation_rows()) == pytest.approx(best, abs=1e-3)


def _validation_rows() -> list[dict[str, Any]]:
    return toy_rows(120, seed=2)


def test_weights_of_examples_count(tmp_path: Path) -> None:
    # Every text stands twice, with contradicting labels; only the weights say which is right.
    rows = toy_rows(300, seed=1)
    right = [{**row, "weight": 1} for row in rows]
    wrong = [{**row, "id": f"{row['id']}-w", "labels": ["anger"], "weight": 0} for row in rows]
    validation = [{**row, "weight": 1} for row in toy_rows(60, seed=2)]
    examples = examples_of(
        tmp_path, {"train": right + wrong, "validation": validation}, columns={"id": "id", "weight": "weight"}
    )
    graph, transformed = run_transform(tmp_path, examples)
    model, _ = _train(tmp_path / "model", graph, transformed, epochs=8, batch_size=16)
    scores = load_model(model).scores(["i am so happy today", "so sad"])
    assert scores[0].argmax() == LABELS.index("joy")
    assert scores[1].argmax() == LABELS.index("sadness")
    assert (scores[:, LABELS.index("anger")] < 0.3).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"distribution": "tpu"}, "batching: a TPU compiles every new shape; set `pad_to`"),
        (
            {"warm_start": "latest_blessed", "ensemble": {"combine": "average"}},
            "warm_start: the next training could not start from an average",
        ),
    ],
)
def test_settings_that_do_not_go_together_are_found_at_once(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrainerConfig.model_validate(settings)


def test_settings_that_go_together_are_taken() -> None:
    static = {"pad_to": [16, 32], "last_batch": "pad"}
    TrainerConfig.model_validate({"distribution": "tpu", "batching": static})
    TrainerConfig.model_validate({"warm_start": "latest_blessed", "ensemble": {"combine": "soup"}})


def test_no_validation_split_is_one_clear_line(tmp_path: Path) -> None:
    examples = toy_examples(tmp_path, train=20, validation=None)
    graph, transformed = run_transform(tmp_path, examples)
    with pytest.raises(DataError) as error:
        _train(tmp_path / "model", graph, transformed)
    message = str(error.value)
    assert "'validation'" in message
    assert "only: train" in message
    assert "example_gen.validation_share" in message
    assert "\n" not in message


def test_a_loss_that_is_no_number_stops_the_stage(prepared: Prepared, tmp_path: Path) -> None:
    _, graph, transformed = prepared
    broken = TransformedExamples(tmp_path / "broken")
    _copy_with_weight(transformed, broken, 1e38)  # finite, but the loss overflows
    with pytest.raises(StageError, match=r"epoch 1, step \d+: the loss is no longer a number; lower trainer"):
        _train(tmp_path / "model", graph, broken)


def _copy_with_weight(source: TransformedExamples, target: TransformedExamples, weight: float) -> None:
    from components.data.records.example_proto import decode_example, encode_example
    from components.data.records.tfrecord import write_records

    for split in source.splits():
        target.split_dir(split).mkdir(parents=True)
        for shard in source.shards(split):
            examples = [decode_example(record) for record in read_records(shard)]
            changed = [encode_example({**example, "weight": [weight]}) for example in examples]
            write_records(target.split_dir(split) / shard.name, changed)
    target.summary_path.write_bytes(source.summary_path.read_bytes())


def test_examples_that_all_weigh_nothing_are_refused(prepared: Prepared, tmp_path: Path) -> None:
    _, graph, transformed = prepared
    weightless = TransformedExamples(tmp_path / "weightless")
    _copy_with_weight(transformed, weightless, 0.0)
    with pytest.raises(DataError, match="every example of the split 'train' has weight 0"):
        _train(tmp_path / "model", graph, weightless)


def test_other_heads_train_too(prepared: Prepared, tmp_path: Path) -> None:
    _, graph, transformed = prepared
    settings = {"pooling": "cls", "encoder_dropout": 0.0, "epochs": 1}
    model, summary = _train(tmp_path, graph, transformed, **settings)
    config = load_model(model).config
    assert config.pooling == "cls"
    assert config.backbone.arguments["dropout"] == 0.0
    assert summary["precision"] == "float32"


@pytest.mark.slow
@needs_minilm
def test_minilm_trains(prepared: Prepared, tmp_path: Path) -> None:
    examples, _, _ = prepared
    graph, transformed = run_transform(tmp_path, examples, encoder="minilm")
    model, summary = _train(
        tmp_path / "model", graph, transformed, precision="auto", learning_rate=2e-4, epochs=3
    )
    assert summary["validation macro-F1"] > 0.9
    loaded = load_model(model)
    assert not loaded.config.for_tests_only
    assert _macro_f1(loaded, toy_rows(100, seed=9)) > 0.85


def test_added_tokens_start_from_what_they_replace(tmp_path: Path) -> None:
    rows = [
        {"id": str(number), "text": f"{text} 😂", "labels": ["joy"]}
        for number, text in enumerate(["happy", "so happy", "glad", "fun"] * 4)
    ]
    examples = write_examples(tmp_path, {"train": rows, "validation": rows[:4]})
    extension = {"min_count": 4, "min_pieces": 3}
    graph, transformed = run_transform(tmp_path, examples, vocabulary_extension=extension)
    ((row, origins),) = graph.added_tokens().items()
    # A learning rate of next to nothing leaves the embeddings where they start.
    model, _ = _train(
        tmp_path / "model", graph, transformed, epochs=1, learning_rate=1e-12, precision="float32"
    )
    loaded = load_model(model)
    (backbone,) = (layer for layer in loaded.network.layers if hasattr(layer, "token_embedding"))
    embeddings = backbone.token_embedding.embeddings.numpy()
    np.testing.assert_allclose(embeddings[row], embeddings[origins].mean(axis=0), atol=1e-6)
    assert loaded.tokenizer.vocabulary[row] == "😂"

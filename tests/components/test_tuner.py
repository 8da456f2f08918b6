import json
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2

from components.core.artifacts import (
    Hyperparameters,
    Model,
    TransformedExamples,
    TransformGraph,
    TuningStudy,
)
from components.core.component import Scratch
from components.core.errors import ConfigError, DataError
from components.modeling.dataset import TokenDataset
from components.trainer import TrainerConfig, trainer
from components.tuner import TunerConfig, tuner
from pipeline.config import parse_config
from pipeline.emotion import build_graph
from tests.components.progress import Recorder
from tests.components.toy_corpus import run_transform, toy_examples

Prepared = tuple[TransformGraph, TransformedExamples]

SPACE = {"learning_rate": {"log_uniform": [1e-4, 1e-2]}, "dropout": {"choice": [0.1, 0.3]}}
QUICK = {"epochs": 2, "learning_rate": 5e-3, "precision": "float32", "batch_size": 64}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    directory = tmp_path_factory.mktemp("prepared")
    return run_transform(directory, toy_examples(directory, train=200, validation=60))


def _tune(
    directory: Path,
    prepared: Prepared,
    *,
    scratch: Scratch | None = None,
    recorder: Recorder | None = None,
    **settings: Any,
) -> tuple[Hyperparameters, TuningStudy, Any, Recorder]:
    graph, transformed = prepared
    hyperparameters, study = Hyperparameters(directory / "best"), TuningStudy(directory / "study")
    hyperparameters.path.mkdir(parents=True)
    study.path.mkdir(parents=True)
    recorder = recorder or Recorder()
    config = TunerConfig.model_validate({"search_space": SPACE, "trials": 3, "trainer": QUICK, **settings})
    summary = tuner(
        config=config,
        transformed=transformed,
        transform_graph=graph,
        hyperparameters=hyperparameters,
        study=study,
        progress=recorder,
        scratch=scratch,
    )
    return hyperparameters, study, summary, recorder


class Killed(BaseException):
    pass


class Killer(Recorder):
    """Kills the search in its second trial."""

    def update(self, message: str, *, completed: float | None = None, total: float | None = None) -> None:
        super().update(message, completed=completed, total=total)
        if message.startswith("trial 2/3  epoch 2"):
            raise Killed


@pytest.fixture(scope="module")
def tuned(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A search of three trials that was killed in the second one, and went on."""
    directory = tmp_path_factory.mktemp("tuned")
    scratch = Scratch(directory / "scratch")
    scratch.path.mkdir()
    killed = Killer()
    with pytest.raises(Killed):
        _tune(directory / "killed", prepared, scratch=scratch, recorder=killed)
    hyperparameters, study, summary, recorder = _tune(directory / "again", prepared, scratch=scratch)
    assert [path.name for path in scratch.path.iterdir()] == ["study.db"]
    return hyperparameters, study, summary, killed, recorder


def test_the_best_trial_becomes_the_hyperparameters(tuned: Any) -> None:
    hyperparameters, study, summary, _, _ = tuned
    document = json.loads(study.study_path.read_text())
    best = max(document["trials"], key=lambda trial: trial["metric"] or 0.0)
    assert document["best"] == summary["best trial"] == best["number"]
    assert hyperparameters.values() == best["values"]
    assert summary["validation macro-F1"] == pytest.approx(best["metric"], abs=1e-4)
    # The second one was cut off, and its values were tried again.
    assert [trial["number"] for trial in document["trials"]] == [1, 3, 4]
    assert document["metric"] == "macro-F1"


def test_the_first_trial_has_the_configured_values(tuned: Any) -> None:
    _, study, _, _, _ = tuned
    first = json.loads(study.study_path.read_text())["trials"][0]
    assert first["values"] == {"learning_rate": pytest.approx(5e-3), "dropout": 0.1}


def test_a_trial_is_what_the_trainer_would_make(tuned: Any, prepared: Prepared, tmp_path: Path) -> None:
    hyperparameters, study, _, _, _ = tuned
    graph, transformed = prepared
    model = Model(tmp_path)
    trainer(
        config=TrainerConfig.model_validate({**QUICK, "learning_rate": 1e-5}),
        transformed=transformed,
        transform_graph=graph,
        hyperparameters=hyperparameters,
        model=model,
    )
    document = json.loads(study.study_path.read_text())
    best = next(trial for trial in document["trials"] if trial["number"] == document["best"])
    epochs = json.loads(model.history_path.read_text())["epochs"]
    assert [epoch["validation_metric"] for epoch in epochs] == pytest.approx(best["epochs"], abs=1e-6)


def test_tells_of_every_trial_and_of_the_best_so_far(tuned: Any) -> None:
    _, _, _, killed, recorder = tuned
    (line,) = killed.lines
    assert line.startswith("trial 1/3: macro-F1 0.")
    assert line.endswith("(best); learning_rate 0.005, dropout 0.1")
    assert len(recorder.lines) == 2
    counted = [(completed, total) for _, completed, total in killed.updates if completed is not None]
    assert {total for _, total in counted} == {3}
    assert [completed for completed, _ in counted] == sorted(completed for completed, _ in counted)
    later = [message for message, _, _ in killed.updates if message.startswith("trial 2/3")]
    assert any("epoch 1/2" in message and "· best 0." in message for message in later)


def test_tensorboard_shows_the_trials(tuned: Any) -> None:
    _, study, _, _, _ = tuned
    document = json.loads(study.study_path.read_text())
    experiment = EventAccumulator(str(study.logs_dir)).Reload()
    plugin = experiment.summary_metadata["_hparams_/experiment"].plugin_data.content
    infos = plugin_data_pb2.HParamsPluginData.FromString(plugin).experiment.hparam_infos
    assert [info.name for info in infos] == ["learning_rate", "dropout"]
    for trial in document["trials"]:
        events = EventAccumulator(str(study.logs_dir / f"trial-{trial['number']:04}")).Reload()
        start = events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
        values = plugin_data_pb2.HParamsPluginData.FromString(start).session_start_info.hparams
        assert values["learning_rate"].number_value == pytest.approx(trial["values"]["learning_rate"])
        curve = [float(_scalar(event)) for event in events.Tensors("validation_metric")]
        assert curve == pytest.approx(trial["epochs"])


def _scalar(event: Any) -> Any:
    from tensorboard.util.tensor_util import make_ndarray

    return make_ndarray(event.tensor_proto)


def test_a_trial_that_fails_is_recorded_and_shares_of_the_rows_are_drawn(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = []

    def sample(dataset: TokenDataset, share: float, *, seed: int) -> TokenDataset:
        drawn = all_of(dataset, share, seed=seed)
        rows.append(len(drawn))
        return drawn

    all_of = TokenDataset.sample
    monkeypatch.setattr(TokenDataset, "sample", sample)
    weights = {"name": "cross_entropy", "class_weights": {"zeal": 2.0}}
    _, study, summary, recorder = _tune(
        tmp_path,
        prepared,
        search_space={"loss": {"choice": [{"name": "auto"}, weights]}},
        sampler="grid",
        train_share=0.32,
        trainer={**QUICK, "epochs": 1},
    )
    assert (summary["trials"], summary["failed"]) == (2, 1)
    trials = json.loads(study.study_path.read_text())["trials"]
    (failed,) = (trial for trial in trials if trial["state"] == "failed")
    assert "zeal" in failed["error"]
    assert sum("failed: " in line for line in recorder.lines) == 1
    assert rows == [64, 64]


def test_data_without_validation_are_refused_at_once(tmp_path: Path) -> None:
    prepared = run_transform(tmp_path, toy_examples(tmp_path, train=20, validation=None))
    with pytest.raises(DataError, match="training needs the split 'validation'"):
        _tune(tmp_path / "tuned", prepared)


def _config(**sections: Any) -> Any:
    return parse_config({"name": "toy", "example_gen": {"source": "data.csv"}, **sections})


def test_the_stage_is_there_only_if_it_is_configured() -> None:
    without, with_it = (
        build_graph(_config(**sections)) for sections in ({}, {"tuner": {"search_space": SPACE}})
    )
    assert "tuner" not in without.nodes
    assert "hyperparameters" not in without.nodes["trainer"].inputs
    names = list(with_it.nodes)
    assert names.index("transform") < names.index("tuner") < names.index("trainer")
    assert str(with_it.nodes["trainer"].inputs["hyperparameters"]) == "tuner.hyperparameters"


def test_trials_start_from_the_trainers_section() -> None:
    config = _config(
        trainer={"epochs": 6, "weight_decay": 0.05},
        tuner={"search_space": SPACE, "trainer": {"epochs": 2}},
    )
    assert (config.tuner.trainer.epochs, config.tuner.trainer.weight_decay) == (2, 0.05)
    assert config.trainer.epochs == 6


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"search_space": {"learning_rat": {"uniform": [0.1, 0.2]}}}, "did you mean `learning_rate`"),
        ({"search_space": SPACE, "samplr": "tpe"}, "unknown key `tuner.samplr`; did you mean `sampler`"),
        ({"search_space": {"dropout": {"uniform": [0.1]}}}, "tuner.search_space.dropout.uniform"),
        ({"search_space": SPACE, "sampler": "grid"}, "`learning_rate` has no end of values"),
        (
            {"search_space": SPACE, "storage": "study.db"},
            "`tuner.storage`: expected a URL such as sqlite:///",
        ),
        ({"search_space": {}}, "tuner.search_space"),
        ({"search_space": SPACE, "trainer": {"ensemble": {"seeds": 2}}}, "trials train one network each"),
        (
            {"search_space": SPACE, "trainer": {"warm_start": "latest_blessed"}},
            "trials start from the encoder",
        ),
    ],
)
def test_mistakes_are_found_before_anything_runs(section: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        _config(tuner=section)
    assert message in str(error.value)


def test_what_is_searched_must_fit_the_trainers_own_section() -> None:
    space = {"loss.name": {"choice": ["cross_entropy", "focal"]}}
    loss = {"name": "asymmetric", "gamma_negative": 3}
    with pytest.raises(ConfigError, match=r"`tuner` beside `trainer`.*'cross_entropy' is not allowed"):
        _config(trainer={"loss": loss}, tuner={"search_space": space, "trainer": {"loss": {}}})


def test_a_warm_start_is_searched_for_only_if_trials_shall_not_have_it() -> None:
    with pytest.raises(ConfigError, match=r"`tuner`: trials start from the encoder"):
        _config(trainer={"warm_start": "latest_blessed"}, tuner={"search_space": SPACE})
    without = {"search_space": SPACE, "trainer": {"warm_start": None}}
    config = _config(trainer={"warm_start": "latest_blessed"}, tuner=without)
    assert config.tuner.trainer.warm_start is None
    assert config.trainer.warm_start == "latest_blessed"


def test_found_values_that_do_not_go_with_the_trainers_section_are_a_clear_error(
    prepared: Prepared, tmp_path: Path
) -> None:
    graph, transformed = prepared
    found = Hyperparameters(tmp_path)
    found.best_path.write_text(json.dumps({"loss.name": "focal"}))
    loss = {"name": "asymmetric", "gamma_negative": 3}
    with pytest.raises(
        ConfigError, match=r"what the Tuner found \(loss\.name\) does not go with this section"
    ):
        trainer(
            config=TrainerConfig.model_validate({"loss": loss}),
            transformed=transformed,
            transform_graph=graph,
            hyperparameters=found,
            model=Model(tmp_path),
        )


def test_a_password_is_not_written_down() -> None:
    config = _config(tuner={"search_space": SPACE, "storage": "postgresql://me:secret@host/optuna"})
    assert "secret" not in config.model_dump_json()
    assert config.tuner.storage == "postgresql://me:secret@host/optuna"

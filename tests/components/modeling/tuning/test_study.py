import math
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.core.errors import ConfigError, DataError, StageError, StoppedError
from components.modeling.tuning.search_space import Range
from components.modeling.tuning.study import Report, Study
from components.modeling.tuning.trials import Trial

SPACE = {
    "learning_rate": Range(log_uniform=(1e-6, 1e-1)),
    "loss": Range(choice=({"name": "good"}, {"name": "bad"})),
}


def fake_training(_number: int, values: Mapping[str, Any], report: Report) -> float:
    """Three epochs; best at a rate of 1e-3 with the good loss."""
    best = 1.0 - 0.1 * abs(math.log10(values["learning_rate"]) + 3) - 0.5 * (values["loss"]["name"] == "bad")
    for epoch in (1, 2, 3):
        report(epoch, best * epoch / 3)
    return best


def open_study(directory: Path, **changes: Any) -> Study:
    options: dict[str, Any] = {
        "name": "test",
        "url": f"sqlite:///{directory / 'study.db'}",
        "shared": False,
        "space": SPACE,
        "settings": {"rows": 10},
        "sampler": "tpe",
        "pruner": "none",
        "max_epochs": 3,
        "seed": 1,
    }
    return Study(**{**options, **changes})


def run(study: Study, trials: int, evaluate: Any = fake_training, **options: Any) -> list[Trial]:
    told: list[Trial] = []
    settings = {"first": None, "timeout_s": None, **options}
    study.run(evaluate, trials=trials, on_trial=told.append, **settings)
    return told


def test_finds_good_values(tmp_path: Path) -> None:
    study = open_study(tmp_path)
    first = {"learning_rate": 1e-5, "loss": {"name": "bad"}}
    told = run(study, 25, first=first)
    assert told == study.trials()
    assert [trial.number for trial in told] == list(range(1, 26))
    assert told[0].values == first
    assert told[0].epochs == pytest.approx([0.1, 0.2, 0.3])
    best = study.best()
    assert best.values["loss"] == {"name": "good"}
    assert 3e-4 < best.values["learning_rate"] < 3e-3
    assert best.metric == max(trial.metric for trial in told)
    importances = study.importances()
    assert importances.keys() == SPACE.keys()
    assert sum(importances.values()) == pytest.approx(1)


def test_a_stopped_study_goes_on_as_if_it_had_not_been_stopped(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    whole = run(open_study(tmp_path / "whole"), 12)
    parts = run(open_study(tmp_path / "parts"), 5) + run(open_study(tmp_path / "parts"), 12)
    assert [trial.values for trial in parts] == [trial.values for trial in whole]
    assert run(open_study(tmp_path / "parts"), 12) == []


def test_another_seed_tries_other_values(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    one, other = run(open_study(tmp_path), 2), run(open_study(tmp_path / "other", seed=2), 2)
    assert one[0].values != other[0].values


def test_what_fails_is_recorded_and_the_search_goes_on(tmp_path: Path) -> None:
    def evaluate(number: int, values: Mapping[str, Any], report: Report) -> float:
        if number == 2:
            raise RuntimeError("out of memory\nwith details")
        return float("nan") if number == 3 else fake_training(number, values, report)

    study = open_study(tmp_path)
    told = run(study, 5, evaluate)
    assert [trial.state for trial in told] == ["complete", "failed", "failed", "complete", "complete"]
    assert told[1].error == "RuntimeError: out of memory with details"
    assert told[2].error is not None
    assert "the validation metric is nan" in told[2].error
    assert told[1].metric is None
    # A failure is a result: it is not tried again.
    assert run(open_study(tmp_path), 5) == []


def test_no_trial_that_came_to_its_end_is_an_error_with_the_reason(tmp_path: Path) -> None:
    def evaluate(*_: Any) -> float:
        raise RuntimeError("no such layer")

    study = open_study(tmp_path)
    run(study, 2, evaluate)
    with pytest.raises(
        StageError, match="no trial of 2 came to its end; the first one failed: RuntimeError: no such"
    ):
        study.best()


def test_what_no_values_would_mend_ends_the_search(tmp_path: Path) -> None:
    def evaluate(*_: Any) -> float:
        raise DataError("no split 'validation'")

    with pytest.raises(DataError, match="no split 'validation'"):
        run(open_study(tmp_path), 5, evaluate)


@pytest.mark.parametrize("error", [StoppedError("told to stop"), KeyboardInterrupt()])
def test_a_trial_that_was_stopped_is_made_again(tmp_path: Path, error: BaseException) -> None:
    stopped: list[Mapping[str, Any]] = []

    def evaluate(number: int, values: Mapping[str, Any], report: Report) -> float:
        if number == 3:
            stopped.append(values)
            raise error
        return fake_training(number, values, report)

    with pytest.raises(type(error)):
        run(open_study(tmp_path), 5, evaluate)
    study = open_study(tmp_path)
    again = run(study, 5)
    assert again[0].values == stopped[0]
    assert len(study.trials()) == 5


def test_trials_that_are_behind_are_pruned(tmp_path: Path) -> None:
    study = open_study(tmp_path, pruner="median", sampler="random")
    told = run(study, 15)
    pruned = [trial for trial in told if trial.state == "pruned"]
    complete = [trial for trial in told if trial.state == "complete"]
    assert pruned
    assert {trial.number for trial in pruned}.isdisjoint(range(1, 5))
    assert all(1 <= len(trial.epochs) < 3 and trial.metric is None for trial in pruned)
    assert max(trial.epochs[0] for trial in pruned) < max(trial.epochs[0] for trial in complete)


def test_hyperband_prunes_by_brackets(tmp_path: Path) -> None:
    def evaluate(_number: int, values: Mapping[str, Any], report: Report) -> float:
        for epoch in range(1, 10):
            report(epoch, values["learning_rate"] * epoch)
        return 9 * float(values["learning_rate"])

    told = run(open_study(tmp_path, pruner="hyperband", max_epochs=9, sampler="random"), 20, evaluate)
    assert {len(trial.epochs) for trial in told if trial.state == "pruned"} <= {1, 3}
    assert any(trial.state == "pruned" for trial in told)


def test_a_grid_tries_every_combination_once(tmp_path: Path) -> None:
    space = {"epochs": Range(int_uniform=(1, 3)), "loss": SPACE["loss"]}
    study = open_study(tmp_path, sampler="grid", space=space)
    told = run(study, 50, lambda _number, values, _report: float(values["epochs"]))
    tried = [(trial.values["epochs"], trial.values["loss"]["name"]) for trial in told]
    assert sorted(tried) == [(epochs, name) for epochs in (1, 2, 3) for name in ("bad", "good")]


def test_a_setting_that_depends_on_another_is_searched_only_with_it(tmp_path: Path) -> None:
    space = {
        "kind": Range(choice=("a", "b")),
        "gamma": Range(uniform=(1, 2), when={"kind": "a"}),
    }
    told = run(
        open_study(tmp_path, space=space), 20, lambda _number, values, _report: values.get("gamma", 0.0)
    )
    assert {trial.values["kind"] for trial in told} == {"a", "b"}
    assert all(("gamma" in trial.values) == (trial.values["kind"] == "a") for trial in told)


def test_no_trial_begins_after_the_time_is_over(tmp_path: Path) -> None:
    study = open_study(tmp_path)
    assert run(study, 3, timeout_s=1e-9) == []
    with pytest.raises(StageError, match=r"no trial of 0 came to its end; raise tuner\.timeout_s"):
        study.best()


def test_other_settings_do_not_compare(tmp_path: Path) -> None:
    run(open_study(tmp_path), 1)
    with pytest.raises(ConfigError, match="'test' was made with another rows; its trials do not compare"):
        open_study(tmp_path, settings={"rows": 11})


@pytest.mark.parametrize("url", ["sqlite:////no/such/directory/study.db", "nosuchdb://user:secret@host/name"])
def test_a_database_that_cannot_be_opened_is_one_clear_line(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError) as error:
        open_study(tmp_path, url=url)
    assert "tuner.storage" in str(error.value)
    assert "secret" not in str(error.value)
    assert "\n" not in str(error.value)


_WORKER = """
import os, sys, time
from pathlib import Path
from tests.components.modeling.tuning.test_study import fake_training, open_study, run

directory, sharing, workers, endless = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])

def evaluate(number, values, report):
    print(number, flush=True)
    (directory / f"at-work-{os.getpid()}").touch()
    give_up = time.monotonic() + 100
    while len(list(directory.glob("at-work-*"))) < workers:
        assert time.monotonic() < give_up
        time.sleep(0.01)
    if number == endless:
        time.sleep(600)
    return fake_training(number, values, report)

study = open_study(directory, shared=sharing == "shared")
run(study, 12, evaluate, first={"learning_rate": 1e-5, "loss": {"name": "bad"}})
print("best", study.best().number, flush=True)
"""


def _worker(directory: Path, sharing: str, *, workers: int = 1, endless: int = 0) -> subprocess.Popen[str]:
    """Its trials wait until so many workers are at one; that of the number `endless` never ends."""
    command = [sys.executable, "-c", _WORKER, str(directory), sharing, str(workers), str(endless)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ})


def test_processes_share_a_study(tmp_path: Path) -> None:
    workers = [_worker(tmp_path, "shared", workers=2) for _ in range(2)]
    outputs = [worker.communicate(timeout=120)[0].split("\n") for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0]
    numbers = [[int(line) for line in lines if line.isdecimal()] for lines in outputs]
    # Every trial was made by one of them, both had a part in it, and both know the same best.
    assert sorted(numbers[0] + numbers[1]) == list(range(1, 13))
    assert numbers[0]
    assert numbers[1]
    assert outputs[0][-2] == outputs[1][-2]
    assert len(open_study(tmp_path, shared=True).trials()) == 12


def test_the_last_trial_is_made_once_though_two_processes_begin_it(tmp_path: Path) -> None:
    """While one looks how many there are, the other has begun the last: the later number gives way."""
    study = open_study(tmp_path, shared=True)
    other = open_study(tmp_path)
    asked = other._study.ask()
    made: list[int] = []

    def evaluate(number: int, values: Any, report: Any) -> float:
        made.append(number)
        return fake_training(number, values, report)

    study._make_trial(evaluate, lambda _: None, 1)
    assert made == []
    assert study.trials() == []
    other._study.tell(asked, 0.5)
    assert [trial.number for trial in study.trials()] == [1]


def test_what_a_killed_process_was_at_is_made_again(tmp_path: Path) -> None:
    with _worker(tmp_path, "own", endless=3) as worker:
        assert worker.stdout is not None
        assert "3\n" in worker.stdout
        worker.send_signal(signal.SIGKILL)
    study = open_study(tmp_path)
    assert len(study.trials()) == 2
    again = run(study, 12)
    assert len(study.trials()) == 12
    # The third trial's values, which were lost, are the first that are tried; then all goes as it would have gone.
    (tmp_path / "whole").mkdir()
    whole = run(open_study(tmp_path / "whole"), 3, first={"learning_rate": 1e-5, "loss": {"name": "bad"}})
    assert again[0].values == whole[2].values

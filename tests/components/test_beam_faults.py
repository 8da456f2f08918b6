"""What a Beam runner may do to a stage: fail and try again, lose elements, hand them over twice."""

from collections.abc import Callable
from pathlib import Path

import pytest

from components.core.artifacts import Examples
from components.core.errors import StageError
from components.core.filesystem import content_digest
from components.data.beam.beam_config import BeamConfig
from components.data.beam.beam_pipeline import running_on
from tests.components.data_stages import generate, profile, write
from tests.components.faulty_runners import DoublingRunner, LosingRunner, RetryingRunner
from tests.components.toy_corpus import run_transform, toy_rows

MODULE = "tests.components.faulty_runners"


def make_source(directory: Path) -> dict[str, object]:
    """Two files, one with dead letters, and the settings that read them into several shards."""
    for number in range(2):
        rows = [f"{row['text']},{'|'.join(row['labels'])}" for row in toy_rows(30, seed=number)]
        rows += ["no label,"] if number == 1 else []
        write(directory / "source" / f"texts-{number}.csv", "\n".join(["text,labels", *rows]) + "\n")
    return {
        "source": f"{directory}/source/*.csv",
        "separator": "|",
        "rows_per_shard": 20,
        "max_dead_letter_share": 0.1,
    }


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    return make_source(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory, settings: dict[str, object]) -> Examples:
    first = str(settings["source"]).replace("*", "texts-0")
    return generate(tmp_path_factory.mktemp("plain"), **{**settings, "source": first})


def run_example_gen(directory: Path, settings: dict[str, object], examples: Examples) -> list[Path]:
    return [generate(directory, **settings).path]


def run_statistics_gen(directory: Path, settings: dict[str, object], examples: Examples) -> list[Path]:
    return [profile(directory, examples).path]


def run_transform_stage(directory: Path, settings: dict[str, object], examples: Examples) -> list[Path]:
    return [artifact.path for artifact in run_transform(directory, examples)]


Stage = Callable[[Path, dict[str, object], Examples], list[Path]]

STAGES = {
    "example_gen": (run_example_gen, {"Plan", "Ingest", "Compare", "Distribute", "Hand over"}),
    "statistics_gen": (run_statistics_gen, {"Count", "Hand over"}),
    "transform": (run_transform_stage, {"Transform", "Hand over"}),
}


@pytest.mark.parametrize("scratch", [None, "memory://scratch"], ids=["same files", "through scratch"])
@pytest.mark.parametrize("stage", STAGES)
def test_bundles_that_fail_and_run_again_give_the_same_bytes(
    stage: str, scratch: str | None, tmp_path: Path, settings: dict[str, object], examples: Examples
) -> None:
    run, transforms = STAGES[stage]
    expected = run(tmp_path / "plain", settings, examples)
    RetryingRunner.failures.clear()
    with running_on(BeamConfig(runner=f"{MODULE}.RetryingRunner", scratch=scratch)):
        found = run(tmp_path / "retried", settings, examples)
    assert transforms <= RetryingRunner.failures.keys()
    assert RetryingRunner.failures.total() > len(transforms)
    assert list(map(_files, found)) == list(map(_files, expected))


def _files(directory: Path) -> dict[str, str]:
    """Digests of all files, hidden ones too, and the names of all directories."""
    return {
        str(entry.relative_to(directory)): content_digest(str(entry)) if entry.is_file() else "directory"
        for entry in directory.rglob("*")
    }


@pytest.mark.parametrize("stage", STAGES)
def test_work_done_twice_by_beams_own_means_gives_the_same_bytes(
    stage: str, tmp_path: Path, settings: dict[str, object], examples: Examples
) -> None:
    run, _ = STAGES[stage]
    expected = run(tmp_path / "plain", settings, examples)
    with running_on(BeamConfig(options={"direct_runner_bundle_repeat": 2})):
        found = run(tmp_path / "repeated", settings, examples)
    assert list(map(_files, found)) == list(map(_files, expected))


@pytest.mark.parametrize("runner", [LosingRunner, DoublingRunner])
@pytest.mark.parametrize(
    ("stage", "transform"),
    [
        ("example_gen", "Plan"),
        ("example_gen", "Ingest"),
        ("example_gen", "Compare"),
        ("example_gen", "Distribute"),
        ("statistics_gen", "Count"),
        ("transform", "Transform"),
        ("example_gen", "Gather/Gather/UnKey"),
        ("statistics_gen", "Gather/Gather/UnKey"),
        ("transform", "Gather/Gather/UnKey"),
    ],
)
def test_what_a_runner_loses_or_doubles_is_an_error(
    runner: type[LosingRunner | DoublingRunner],
    stage: str,
    transform: str,
    tmp_path: Path,
    settings: dict[str, object],
    examples: Examples,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runner, "at", transform)
    run, _ = STAGES[stage]
    with running_on(BeamConfig(runner=f"{MODULE}.{runner.__name__}")), pytest.raises(StageError):
        run(tmp_path / "faulty", settings, examples)
    assert runner.altered == transform

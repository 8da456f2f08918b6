"""Versions come and go without a lost request."""

import shutil
from pathlib import Path

import pytest

from serving.errors import NotFoundError, SavedModelError
from serving.predictor import Predictor
from serving.repository import ModelRepository, VersionState
from tests.serving.conftest import ToyModel


class CountedPredictor(Predictor):
    """A real predictor that tells when it is closed."""

    closed = False

    def close(self) -> None:
        self.closed = True
        super().close()


@pytest.fixture
def base_path(toy_model: ToyModel, tmp_path: Path) -> Path:
    publish(toy_model, tmp_path / "1")
    return tmp_path


def publish(toy_model: ToyModel, directory: Path) -> None:
    shutil.copytree(toy_model.directory, directory)


def states(repository: ModelRepository) -> dict[int, VersionState]:
    return {status.version: status.state for status in repository.statuses()}


def test_a_new_version_is_served_and_the_old_one_freed(toy_model: ToyModel, base_path: Path) -> None:
    repository = ModelRepository("emotion", base_path, load=CountedPredictor)
    assert repository.load_newest() == 1
    with repository.use() as (_, first):
        pass
    publish(toy_model, base_path / "2")
    repository.refresh()
    with repository.use() as (version, second):
        assert version == 2
        assert second is not first
    assert first.closed
    assert states(repository) == {2: VersionState.AVAILABLE, 1: VersionState.END}
    with (
        pytest.raises(NotFoundError, match=r"Servable not found for request: Specific\(emotion, 1\)"),
        repository.use(1),
    ):
        pass
    repository.close()
    assert second.closed


def test_a_running_call_keeps_its_version(toy_model: ToyModel, base_path: Path) -> None:
    repository = ModelRepository("emotion", base_path, load=CountedPredictor)
    repository.load_newest()
    with repository.use() as (_, running):
        publish(toy_model, base_path / "2")
        repository.refresh()
        assert states(repository)[1] is VersionState.UNLOADING
        assert not running.closed
        assert len(running.predict(["so sad"])) == 1
    assert running.closed
    assert states(repository)[1] is VersionState.END
    repository.close()


def test_a_broken_version_is_refused_and_the_old_one_goes_on(base_path: Path) -> None:
    repository = ModelRepository("emotion", base_path)
    repository.load_newest()
    (base_path / "2").mkdir()
    (base_path / "2" / "saved_model.pb").write_bytes(b"broken")
    repository.refresh()
    repository.refresh()
    with repository.use() as (version, predictor):
        assert version == 1
        assert predictor.predict(["so sad"])
    newest = repository.statuses()[0]
    assert (newest.version, newest.state) == (2, VersionState.END)
    assert "cannot be loaded" in newest.error
    repository.close()


def test_removing_the_newest_version_rolls_back(toy_model: ToyModel, base_path: Path) -> None:
    repository = ModelRepository("emotion", base_path)
    publish(toy_model, base_path / "2")
    assert repository.load_newest() == 2
    shutil.rmtree(base_path / "2")
    repository.refresh()
    with repository.use() as (version, _):
        assert version == 1
    assert states(repository) == {2: VersionState.END, 1: VersionState.AVAILABLE}
    repository.close()


def test_an_emptied_base_path_does_not_stop_the_service(base_path: Path) -> None:
    repository = ModelRepository("emotion", base_path)
    repository.load_newest()
    shutil.rmtree(base_path)
    repository.refresh()
    with repository.use() as (version, predictor):
        assert version == 1
        assert predictor.predict(["so sad"])
    repository.close()


def test_nothing_to_serve(tmp_path: Path) -> None:
    repository = ModelRepository("emotion", tmp_path)
    with pytest.raises(SavedModelError, match="holds no version"):
        repository.load_newest()
    with (
        pytest.raises(NotFoundError, match=r"Servable not found for request: Latest\(emotion\)"),
        repository.use(),
    ):
        pass

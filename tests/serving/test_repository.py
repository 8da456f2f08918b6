"""Versions come and go without a lost request."""

import shutil
from pathlib import Path

import pytest

from serving.errors import NotFoundError
from serving.model_config import ModelSettings
from serving.predictor import Predictor
from serving.repository import ModelRepository, Retries, VersionState
from serving.versions import VersionPolicy, all_versions, latest, specific
from tests.serving.conftest import publish, publish_broken


class CountedPredictor(Predictor):
    """A real predictor that tells when it is closed."""

    closed = False

    def close(self) -> None:
        self.closed = True
        super().close()


@pytest.fixture
def base_path(half_plus_two: Path, tmp_path: Path) -> Path:
    publish(half_plus_two, tmp_path / "model" / "1")
    return tmp_path / "model"


def repository_of(base_path: Path, policy: VersionPolicy | None = None, **retries: float) -> ModelRepository:
    settings = ModelSettings(name="half", base_path=base_path, policy=policy or latest())
    repository = ModelRepository(settings, load=CountedPredictor, retries=Retries(**retries))  # type: ignore[arg-type]
    repository.refresh()
    return repository


def states(repository: ModelRepository) -> dict[int, VersionState]:
    return {status.version: status.state for status in repository.statuses()}


def test_a_new_version_is_served_and_the_old_one_freed(half_plus_three: Path, base_path: Path) -> None:
    repository = repository_of(base_path)
    with repository.use() as (version, first):
        assert version == 1
    publish(half_plus_three, base_path / "2")
    repository.refresh()
    with repository.use() as (version, second):
        assert version == 2
        assert second is not first
    assert first.closed
    assert states(repository) == {2: VersionState.AVAILABLE, 1: VersionState.END}
    with (
        pytest.raises(NotFoundError, match=r"Servable not found for request: Specific\(half, 1\)"),
        repository.use(1),
    ):
        pass
    repository.close()
    assert second.closed
    repository.refresh()
    assert repository.available == (), "a poller that comes late brings nothing back"


def test_a_running_call_keeps_its_version(half_plus_three: Path, base_path: Path) -> None:
    repository = repository_of(base_path)
    with repository.use() as (_, running):
        publish(half_plus_three, base_path / "2")
        repository.refresh()
        assert states(repository)[1] is VersionState.UNLOADING
        assert not running.closed
    assert running.closed
    assert states(repository)[1] is VersionState.END
    repository.close()


def test_a_broken_version_is_refused_and_the_old_one_goes_on(base_path: Path) -> None:
    repository = repository_of(base_path)
    publish_broken(base_path / "2")
    repository.refresh()
    with repository.use() as (version, _):
        assert version == 1
    newest = repository.statuses()[0]
    assert (newest.version, newest.state) == (2, VersionState.END)
    assert "cannot be loaded" in newest.error
    assert (repository.available, repository.refused) == ((1,), (2,))
    shutil.rmtree(base_path / "2")
    repository.refresh()
    assert repository.refused == ()
    repository.close()


@pytest.mark.parametrize(("count", "served"), [(0, 1), (1, 2)])
def test_a_refused_version_is_tried_again(
    half_plus_three: Path, base_path: Path, count: int, served: int
) -> None:
    repository = repository_of(base_path, count=count, interval_seconds=0)
    publish_broken(base_path / "2")
    repository.refresh()
    shutil.copytree(half_plus_three, base_path / "2", dirs_exist_ok=True)
    repository.refresh()
    assert repository.available == (served,)
    repository.close()


def test_a_refused_version_is_left_alone_in_between(half_plus_three: Path, base_path: Path) -> None:
    repository = repository_of(base_path, count=5, interval_seconds=3600)
    publish_broken(base_path / "2")
    repository.refresh()
    shutil.copytree(half_plus_three, base_path / "2", dirs_exist_ok=True)
    repository.refresh()
    assert repository.available == (1,)
    repository.close()


def test_removing_the_newest_version_rolls_back(half_plus_three: Path, base_path: Path) -> None:
    publish(half_plus_three, base_path / "2")
    repository = repository_of(base_path)
    assert repository.available == (2,)
    shutil.rmtree(base_path / "2")
    repository.refresh()
    assert repository.available == (1,)
    assert states(repository) == {2: VersionState.END, 1: VersionState.AVAILABLE}
    repository.close()


@pytest.mark.parametrize(
    ("policy", "served"),
    [
        (latest(), (3,)),
        (latest(2), (2, 3)),
        (all_versions(), (1, 2, 3)),
        (specific(frozenset({1, 3, 9})), (1, 3)),
    ],
    ids=["latest", "latest 2", "all", "specific"],
)
def test_policies(
    half_plus_two: Path, base_path: Path, policy: VersionPolicy, served: tuple[int, ...]
) -> None:
    for version in ("2", "00000003"):
        publish(half_plus_two, base_path / version)
    repository = repository_of(base_path, policy)
    assert repository.available == served
    with repository.use() as (newest, _), repository.use(served[0]) as (oldest, _):
        assert (newest, oldest) == (served[-1], served[0])
    repository.close()


def test_a_policy_for_an_older_version_rolls_back(half_plus_three: Path, base_path: Path) -> None:
    publish(half_plus_three, base_path / "2")
    repository = repository_of(base_path)
    repository.configure(ModelSettings(name="half", base_path=base_path, policy=specific(frozenset({1}))))
    repository.refresh()
    assert repository.available == (1,)
    repository.close()


@pytest.mark.parametrize("policy", [latest(), specific(frozenset({9}))], ids=["emptied", "not there"])
def test_nothing_to_choose_does_not_stop_the_service(base_path: Path, policy: VersionPolicy) -> None:
    repository = repository_of(base_path)
    repository.configure(ModelSettings(name="half", base_path=base_path, policy=policy))
    if policy({1: base_path / "1"}):
        shutil.rmtree(base_path)
    repository.refresh()
    assert repository.available == (1,)
    repository.close()


def test_nothing_to_serve(tmp_path: Path) -> None:
    repository = repository_of(tmp_path)
    assert "holds no version" in repository.errors()[None]
    with (
        pytest.raises(NotFoundError, match=r"Servable not found for request: Latest\(half\)"),
        repository.use(),
    ):
        pass

"""Models come, go and change without a restart."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from serving.errors import FailedPreconditionError, InvalidArgumentError, NotFoundError, UnknownError
from serving.model_config import ModelSettings
from serving.models import Models
from serving.repository import VersionState
from serving.versions import all_versions, specific
from tests.serving.conftest import publish, publish_broken


@pytest.fixture
def base_path(half_plus_two: Path, half_plus_three: Path, tmp_path: Path) -> Path:
    publish(half_plus_two, tmp_path / "half" / "1")
    publish(half_plus_three, tmp_path / "half" / "2")
    return tmp_path / "half"


@pytest.fixture
def models() -> Iterator[Models]:
    models = Models()
    yield models
    models.close()


def settings(base_path: Path, name: str = "half", labels: Mapping[str, int] | None = None) -> ModelSettings:
    return ModelSettings(name=name, base_path=base_path, policy=all_versions(), labels=labels or {})


def test_models_come_and_go(models: Models, base_path: Path) -> None:
    assert not models.ready
    models.configure([settings(base_path), settings(base_path, "other")])
    assert models.ready
    kept = models.repository("half")
    models.configure([settings(base_path)])
    assert models.repository("half") is kept
    with pytest.raises(NotFoundError, match=r"Servable not found for request: Specific\(other, 1\)"):
        models.repository("other", 1)
    assert {status.state for status in models.statuses("other")} == {VersionState.END}
    assert models.statuses("never") == ()


def test_labels_are_for_available_versions(models: Models, base_path: Path) -> None:
    labelled = settings(base_path, labels={"stable": 1, "canary": 2})
    message = "Request to assign label to version 1 of model half, which is not currently available"
    with pytest.raises(FailedPreconditionError, match=message):
        models.configure([labelled])
    assert not models.repositories, "nothing was changed"
    models.configure([settings(base_path)])
    models.configure([labelled])
    assert (models.labelled("half", "stable"), models.labelled("half", "canary")) == (1, 2)
    models.configure([settings(base_path, labels={"stable": 2})])
    assert models.labelled("half", "stable") == 2
    for name, label in (("half", "canary"), ("never", "stable")):
        with pytest.raises(InvalidArgumentError, match=f"Unrecognized servable version label: {label}"):
            models.labelled(name, label)


def test_new_labels_may_come_before_their_version(base_path: Path) -> None:
    models = Models(labels_before_versions=True)
    models.configure([settings(base_path, labels={"stable": 2, "next": 3})])
    assert models.labelled("half", "next") == 3
    with pytest.raises(FailedPreconditionError, match="assign label to version 4 of model half"):
        models.configure([settings(base_path, labels={"stable": 4})])
    assert models.labelled("half", "stable") == 2, "a label in use only moves to what can answer"
    models.close()


def test_who_follows_waits_for_the_version_of_a_label(models: Models, base_path: Path) -> None:
    def one(version: int) -> ModelSettings:
        policy = specific(frozenset({version}))
        return replace(settings(base_path, labels={"stable": version}), policy=policy)

    models.follow([one(1)])
    with pytest.raises(FailedPreconditionError, match="version 2 of model half"):
        models.configure([one(2)])
    models.follow([one(2)])
    assert (models.labelled("half", "stable"), models.repository("half").available) == (2, (2,))
    publish_broken(base_path / "3")
    with pytest.raises(FailedPreconditionError, match="version 3 of model half"):
        models.follow([one(3)])
    assert (models.labelled("half", "stable"), models.repository("half").available) == (2, (2,))


def test_a_new_model_that_fails_leaves_the_others(models: Models, base_path: Path, tmp_path: Path) -> None:
    models.configure([settings(base_path)])
    publish_broken(tmp_path / "broken" / "5")
    message = (
        r"1 model\(s\) did not become available: \{\{name: broken version: 5 due to error: .*cannot be loaded"
    )
    with pytest.raises(UnknownError, match=message):
        models.configure([settings(base_path), settings(tmp_path / "broken", "broken")])
    assert models.repository("half").available == (1, 2)
    assert not models.ready


def test_listeners_hear_of_changes(models: Models, base_path: Path) -> None:
    heard: list[tuple[str, ...]] = []
    models.on_change(lambda: heard.append(tuple(models.repositories)))
    models.configure([settings(base_path)])
    models.refresh()
    assert heard == [("half",), ("half",)]

"""Finding version directories."""

from pathlib import Path

import pytest

from serving.errors import SavedModelError
from serving.versions import find_versions, newest_version


def make_version(directory: Path) -> None:
    directory.mkdir(parents=True)
    (directory / "saved_model.pb").touch()


def test_only_complete_numbered_directories_count(tmp_path: Path) -> None:
    for name in ("2", "10", "007", ".11.staging", "v3", "-4", "٣"):
        make_version(tmp_path / name)
    (tmp_path / "12").mkdir()
    (tmp_path / "13").touch()
    assert list(find_versions(tmp_path)) == [2, 7, 10]
    assert newest_version(tmp_path) == (10, tmp_path / "10")


def test_nothing_there(tmp_path: Path) -> None:
    assert find_versions(tmp_path / "absent") == {}
    with pytest.raises(SavedModelError, match="push a model there"):
        newest_version(tmp_path)

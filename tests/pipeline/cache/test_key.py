import os
import subprocess
import sys
from pathlib import Path

import pytest

from components.core.component import Component, Summary
from pipeline.cache import fingerprint, fingerprint_parts
from pipeline.cache.code import code_digest, source_digests
from pipeline.metadata.records import ArtifactRecord
from tests.pipeline.toy_stages import ReadConfig, TrainConfig, read, train


def record(digest: str) -> ArtifactRecord:
    return ArtifactRecord(1, "Examples", "/somewhere", digest, None)


def test_the_key_has_a_part_for_everything_that_can_change_the_output(tmp_path: Path):
    (tmp_path / "data").write_text("3")
    parts = fingerprint_parts(read, ReadConfig(path=str(tmp_path / "data")), {})
    assert parts["component"] == "read version 1"
    assert {"code", "packages", "config path", "file path"} <= parts.keys()
    assert parts["place path"] == str(tmp_path / "data")
    assert '"tensorflow": "2.21' in parts["packages"]


def test_the_key_is_of_content_not_of_place_or_time(tmp_path: Path):
    before = fingerprint_parts(train, TrainConfig(), {"examples": record("abc")})
    moved = ArtifactRecord(99, "Examples", "gs://elsewhere", "abc", None)
    assert fingerprint(before) == fingerprint(fingerprint_parts(train, TrainConfig(), {"examples": moved}))
    assert fingerprint(before) != fingerprint(
        fingerprint_parts(train, TrainConfig(), {"examples": record("d")})
    )


def test_code_that_a_stage_imports_is_part_of_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """In a package of the user's own; the key follows a file that changes while the process runs."""
    package = tmp_path / "own_stages"
    package.mkdir()
    for name, content in {
        "own_stages/__init__": "",
        "own_stages/stage": "def stage():\n    from . import near\n    from own_helper import VALUE\n    import json\n",
        "own_stages/near": "from .deep import VALUE\n",
        "own_stages/deep": "VALUE = 1\n",
        "own_helper": "import pipeline\nVALUE = 1\n",
    }.items():
        (tmp_path / f"{name}.py").write_text(content)
    monkeypatch.syspath_prepend(tmp_path)

    def function() -> Summary:
        return {}

    stage = Component(function, read.spec)
    stage.function.__module__ = "own_stages.stage"

    def digest() -> str:
        return fingerprint_parts(stage, ReadConfig(path=str(package / "stage.py")), {})["code"]

    seen = [digest(), digest()]
    for changed in (package / "deep.py", tmp_path / "own_helper.py"):
        changed.write_text("VALUE = 22\n")
        seen.append(digest())
    assert seen[0] == seen[1]
    assert len(set(seen)) == 3
    assert [*source_digests("own_stages.stage")] == [
        "own_helper.py",
        "own_stages/__init__.py",
        "own_stages/deep.py",
        "own_stages/near.py",
        "own_stages/stage.py",
    ], "neither what is installed nor what runs the stages"


def test_code_without_a_file_is_never_known_again():
    """That of a notebook."""
    program = "from pipeline.cache.code import code_digest\nprint(code_digest('__main__') == code_digest('__main__'))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    done = subprocess.run([sys.executable, "-"], input=program, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_stage_in_a_file_of_its_own_is_known_by_its_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(tmp_path)
    digests = []
    for number in range(2):
        (tmp_path / f"own_stage_{number}.py").write_text(f"VALUE = {number}\n")
        digests.append(code_digest(f"own_stage_{number}"))
    assert digests[0] != digests[1]
    assert code_digest("own_stage_that_is_not_there") not in digests
    (tmp_path / "own_stage_2.py").write_text(
        "try:\n    from . import near\nexcept ImportError:\n    import near\n"
    )
    (tmp_path / "near.py").write_text("VALUE = 1\n")
    assert [*source_digests("own_stage_2")] == ["near.py", "own_stage_2.py"]


def test_what_a_user_has_installed_is_not_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    directory = tmp_path / "lib" / "python3.11" / "site-packages"
    directory.mkdir(parents=True)
    (directory / "library_of_a_user.py").write_text("VALUE = 1\n")
    (tmp_path / "own_stage_of_a_user.py").write_text("import library_of_a_user\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(directory)
    assert [*source_digests("own_stage_of_a_user")] == ["own_stage_of_a_user.py"]


def test_a_stage_of_the_program_itself_is_known_by_its_code(tmp_path: Path):
    program = "from pipeline.cache.code import source_digests\nprint(*source_digests('__main__'))\n"
    (tmp_path / "program.py").write_text(program)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, str(tmp_path / "program.py")],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "program.py\n"


@pytest.mark.parametrize("directory", ["checkout", "site-packages"])
def test_a_program_that_runs_as_a_module_is_known_by_what_its_package_holds(tmp_path: Path, directory: str):
    package = tmp_path / directory / "own_program"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "near.py").write_text("VALUE = 1\n")
    (package / "run.py").write_text(
        "from pipeline.cache.code import source_digests\n"
        "from . import near\n"
        "print(*source_digests('__main__'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "own_program.run"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(package.parent), *sys.path])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "run.py own_program/__init__.py own_program/near.py\n"

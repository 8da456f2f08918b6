import os
import subprocess
import sys
from pathlib import Path

import pytest

from components.core.component import Component, Summary
from pipeline.cache import code, fingerprint, fingerprint_parts
from pipeline.cache.code import code_digest
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


def test_code_that_a_stage_imports_is_part_of_its_key(tmp_path: Path, monkeypatch):
    package = tmp_path / "components_toy"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "stage.py").write_text(
        "def stage():\n    from components_toy import deep\n    return deep.VALUE\n"
    )
    (package / "deep.py").write_text("VALUE = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(code, "PROJECT", ("components_toy",))

    def digest() -> str:
        for memo in (
            code.code_digest,
            code.source_digests,
            code._imported_sources,
            code._project_imports,
            code._source_path,
        ):
            memo.cache_clear()

        def function() -> Summary:
            return {}

        stage = Component(function, read.spec)
        stage.function.__module__ = "components_toy.stage"
        return fingerprint_parts(stage, ReadConfig(path=str(package / "stage.py")), {})["code"]

    first = digest()
    assert digest() == first
    (package / "deep.py").write_text("VALUE = 2\n")
    assert digest() != first


def test_a_stage_in_a_file_of_its_own_is_known_by_its_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(tmp_path)
    digests = []
    for number in range(2):
        (tmp_path / f"own_stage_{number}.py").write_text(f"VALUE = {number}\n")
        digests.append(code_digest(f"own_stage_{number}"))
    assert digests[0] != digests[1]
    assert code_digest("own_stage_that_is_not_there") not in digests


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

"""What a section says of what lies outside the pipeline, told by the types of its settings alone."""

from collections.abc import Mapping
from pathlib import Path

from components.core.config import Config, ExternalInput, InputPath, NameOrPath, Problem, SecretPath


class Inner(Config):
    cases: InputPath | None = None


class Section(Config):
    schema_path: InputPath | None = None
    names: tuple[str, ...] | InputPath | None = None
    teachers: tuple[InputPath, ...] = ()
    files: Mapping[str, InputPath] = {}
    encoder: NameOrPath = "minilm"
    key: SecretPath | None = None
    inner: Inner = Inner()
    rate: float = 0.1


def section(base: Path, **values: object) -> Section:
    return Section.model_validate(values, context={"base": base})


def test_every_path_is_found_with_the_setting_that_names_it(tmp_path: Path):
    found = section(
        tmp_path,
        schema_path="a",
        names="b",
        teachers=["c", "gs://bucket/d"],
        files={"fr": "e"},
        encoder="./f",
        key="/g",
        inner={"cases": "h"},
    )
    assert found.external_inputs() == (
        ExternalInput("schema_path", str(tmp_path / "a")),
        ExternalInput("names", str(tmp_path / "b")),
        ExternalInput("teachers.0", str(tmp_path / "c")),
        ExternalInput("teachers.1", "gs://bucket/d"),
        ExternalInput("files.fr", str(tmp_path / "e")),
        ExternalInput("encoder", str(tmp_path / "f")),
        ExternalInput("key", "/g"),
        ExternalInput("inner.cases", str(tmp_path / "h")),
    )


def test_a_file_uri_is_a_path(tmp_path: Path):
    found = section(tmp_path, schema_path="file:///a", names="file:///b", encoder="file:///f")
    assert [each.path for each in found.external_inputs()] == ["/a", "/b", "/f"]


def test_names_and_lists_are_no_paths(tmp_path: Path):
    assert section(tmp_path, names=["joy"], key="env:KEY").external_inputs() == ()
    assert section(tmp_path, encoder="hf://someone/encoder").external_inputs() == ()


def test_a_dump_holds_the_paths_and_what_is_compared_does_not(tmp_path: Path):
    found = section(tmp_path, names="b", encoder="./f", inner={"cases": "h"}, key="env:KEY")
    dumped = found.model_dump(mode="json")
    assert (dumped["names"], dumped["encoder"]) == (str(tmp_path / "b"), str(tmp_path / "f"))
    assert Section.model_validate_json(found.model_dump_json()) == found
    compared = found.without_places()
    assert compared == {**dumped, "names": None, "encoder": None, "inner": {"cases": None}}
    assert compared["key"] == "env:KEY"
    assert section(tmp_path, names=["joy"]).without_places()["names"] == ["joy"]


def test_what_is_not_there_is_a_problem_of_the_setting(tmp_path: Path):
    (tmp_path / "a").mkdir()
    (tmp_path / "c.csv").touch()
    found = section(tmp_path, schema_path="a", teachers=["*.csv", "gone"], inner={"cases": "gone/*.txt"})
    missing = "no such file or directory; correct the path, or put there what it names"
    assert list(found.problems()) == [
        Problem("teachers.1", f"{tmp_path / 'gone'}: {missing}"),
        Problem("inner.cases", f"{tmp_path / 'gone/*.txt'}: {missing}"),
    ]


def test_a_driver_that_is_not_installed_is_a_problem(tmp_path: Path):
    (problem,) = section(tmp_path, schema_path="nosuch://a/b").problems()
    assert problem.setting == "schema_path"
    assert "nosuch" in problem.message

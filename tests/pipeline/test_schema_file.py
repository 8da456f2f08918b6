from pathlib import Path

import pytest

from components.core.errors import DataError, UserError
from pipeline.commands.schema_file import CuratedSchema, write_schema_file
from tests.components.written_statistics import write_statistics

ROWS = [{"text": ["hi"], "labels": ["joy"]}, {"text": ["no"], "labels": ["anger"]}]
CURATED = """# Agreed with the annotators in May.
feature { name: "text" type: BYTES }
feature { name: "labels" type: BYTES string_domain { value: "joy" } }  # more to come
"""


def update(directory: Path, content: str, *, target: str = "new.pbtxt") -> tuple[str, list[str]]:
    (directory / "curated.pbtxt").write_text(content, encoding="utf-8")
    statistics = write_statistics(directory / "statistics", {"train": ROWS}, ["anger", "joy"])
    changes = write_schema_file(
        directory / target,
        CuratedSchema.read(directory / "curated.pbtxt"),
        statistics,
        inferred=directory / "unused.pbtxt",
        data="data.csv",
    )
    return (directory / target).read_text(encoding="utf-8"), changes


def test_an_updated_schema_says_what_has_changed_and_what_was_lost(tmp_path: Path):
    written, changes = update(tmp_path, CURATED)
    assert changes == ["labels: new values 'anger'", "comments of your own were not taken over (1)"]
    assert written.startswith("# What the examples should look like, made to fit data.csv:")
    assert CuratedSchema.read(tmp_path / "new.pbtxt").features == {"text", "labels"}


def test_updating_again_loses_nothing(tmp_path: Path):
    """Comments that were generated, thresholds for other data among them, are no loss."""
    (tmp_path / "one").mkdir()
    written, _ = update(tmp_path / "one", CURATED)
    narrowed = written.replace('    value: "anger"\n', "").replace("0.02", "0.17")
    (tmp_path / "two").mkdir()
    _, changes = update(tmp_path / "two", narrowed)
    assert changes == ["labels: new values 'anger'"]


def test_a_schema_that_fits_is_copied_to_the_letter(tmp_path: Path):
    fitting = CURATED.replace('value: "joy"', 'value: "joy" value: "anger"')
    assert update(tmp_path, fitting) == (fitting, [])


def test_files_that_are_no_schema(tmp_path: Path):
    (tmp_path / "x.pbtxt").write_text("feature {", encoding="utf-8")
    with pytest.raises(DataError, match="no tensorflow-metadata schema"):
        CuratedSchema.read(tmp_path / "x.pbtxt")
    with pytest.raises(UserError, match="no such file"):
        CuratedSchema.read(tmp_path / "gone.pbtxt")

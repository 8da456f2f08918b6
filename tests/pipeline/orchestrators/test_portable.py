"""Configurations that mean the same elsewhere, and those that do not."""

from pathlib import Path

import pytest

from components.core.errors import ConfigError
from pipeline.commands.stage import read_config
from pipeline.orchestrators.portable import read_portable

PORTABLE = """\
name: reviews
example_gen:
  # ${NOT_A_VARIABLE}
  source: ${SOURCE:-gs://reviews/2026/*.csv}
pusher:
  destination: gs://reviews/models/${STAGE}${SUFFIX:-}
"""


@pytest.fixture
def write(tmp_path: Path):
    def write_config(text: str) -> Path:
        (tmp_path / "emotion.yaml").write_text(text, encoding="utf-8")
        return tmp_path / "emotion.yaml"

    return write_config


def test_variables_stay_and_become_parameters(write, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STAGE", "test")
    portable = read_portable(write(PORTABLE))
    assert dict(portable.variables) == {"SOURCE": "gs://reviews/2026/*.csv", "STAGE": None, "SUFFIX": ""}
    assert "\n" not in portable.text, "kfp ends a comment where a default has a line break"
    assert "test" not in portable.text
    assert portable.config.pusher.destination == "gs://reviews/models/test"
    monkeypatch.setenv("SOURCE", "put back after the test")
    there = read_config(portable.text, ["STAGE=production", "SOURCE=s3://other/a.csv"])
    assert there.pusher.destination == "gs://reviews/models/production"
    assert there.example_gen.source == "s3://other/a.csv"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("gs://reviews/2026/*.csv", "data/*.csv"), r"example_gen.source: a path relative to this file"),
        (
            ("gs://reviews/models/${STAGE}${SUFFIX:-}", "models/reviews"),
            r"pusher.destination is 'models/reviews'",
        ),
    ],
)
def test_what_means_nothing_in_a_container_is_refused(write, monkeypatch, change, said):
    monkeypatch.setenv("STAGE", "test")
    monkeypatch.delenv("SOURCE", raising=False)
    with pytest.raises(ConfigError, match=said):
        read_portable(write(PORTABLE.replace(*change)))


def test_a_variable_without_value_is_named(write, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("STAGE", raising=False)
    with pytest.raises(ConfigError, match="environment variable STAGE is not set"):
        read_portable(write(PORTABLE))

import logging
from pathlib import Path

import fsspec
import pytest

from components.core.errors import ConfigError, StageError
from components.data.beam.beam_config import BeamConfig
from components.data.beam.beam_pipeline import collect, run_pipeline, running_on


def test_a_pipeline_runs_to_its_end(tmp_path):
    def build(pipeline):
        import apache_beam as beam

        total = pipeline | beam.Create([1, 2, 3]) | beam.CombineGlobally(sum)
        total | beam.Map(lambda number: (tmp_path / "total").write_text(str(number)))

    run_pipeline(build)
    assert (tmp_path / "total").read_text() == "6"


def test_a_failure_is_one_error_and_no_logging(caplog):
    def build(pipeline):
        import apache_beam as beam

        pipeline | beam.Create([0]) | beam.Map(lambda number: 1 / number)

    handlers = list(logging.getLogger().handlers)
    with pytest.raises(StageError, match="the Beam pipeline failed: division by zero") as caught:
        run_pipeline(build)
    assert caught.value.__cause__ is not None
    assert not caplog.records
    assert logging.getLogger().handlers == handlers


def test_the_command_line_of_the_process_is_not_read(monkeypatch):
    monkeypatch.setattr("sys.argv", ["emotion", "--runner=NoSuchRunner", "--help"])
    run_pipeline(lambda pipeline: None)


def squares(pipeline):
    import apache_beam as beam

    return pipeline | beam.Create([1, 2, 3]) | beam.Map(lambda number: number**2)


@pytest.mark.parametrize("scratch", [None, "memory://results", "a directory"])
def test_results_come_back(scratch: str | None, tmp_path: Path):
    if scratch == "a directory":
        scratch = str(tmp_path / "scratch")
    with running_on(BeamConfig(scratch=scratch)):
        assert sorted(collect(squares, expected=3)) == [1, 4, 9]
    assert not fsspec.filesystem("memory").find("/results")
    assert list(tmp_path.rglob("*.pickle")) == []


def test_no_results_are_no_error():
    import apache_beam as beam

    assert collect(lambda pipeline: pipeline | beam.Create([]), expected=0) == []


@pytest.mark.parametrize(("expected", "what"), [(4, "lost"), (2, "doubled")])
def test_another_number_of_results_than_expected_is_an_error(expected: int, what: str):
    with pytest.raises(StageError, match=rf"{expected} results .* but 3 came: FnApiRunner {what} some"):
        collect(squares, expected=expected)


def test_results_that_do_not_come_are_an_error(monkeypatch):
    """As when workers on other machines write into a directory of their own."""
    import components.data.beam.beam_pipeline as module

    monkeypatch.setattr(module, "_write_elements", lambda elements, exchange: None)
    with pytest.raises(StageError, match=r"no results came .* on FnApiRunner: .* set `beam\.scratch`"):
        collect(squares)


def test_the_configured_runner_runs_in_its_block_only():
    with running_on(BeamConfig(runner="no_such.Runner")), pytest.raises(ConfigError, match="no_such"):
        collect(squares)
    assert len(collect(squares)) == 3

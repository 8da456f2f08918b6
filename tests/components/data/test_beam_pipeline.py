import logging

import pytest

from components.core.errors import StageError
from components.data.beam_pipeline import run_pipeline


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

from dataclasses import replace
from pathlib import Path

from pipeline.config import parse_config
from pipeline.local_runner import RunResult
from pipeline.report import collect_report, render_report
from pipeline.report.stage_logs import log_tail
from tests.pipeline.report.sample import sample_run


def test_the_end_of_a_log_is_cut_to_what_a_person_reads(tmp_path: Path):
    log = tmp_path / "trainer.log"
    log.write_bytes(b"\n".join(b"line %d" % number for number in range(100)) + b"\n" + b"x" * 1000 + b"\xff")
    lines = log_tail(log).splitlines()
    assert (len(lines), lines[0], lines[-1]) == (40, "line 61", "x" * 239 + "…")
    assert log_tail(tmp_path / "absent.log") == ""
    assert log_tail(None) == ""


def test_the_report_shows_what_a_stage_took_and_the_end_of_its_log(tmp_path: Path):
    sample = sample_run(tmp_path)
    log = tmp_path / "trainer.log"
    log.write_text("the loss is <nan>\n")
    took = {
        "cpu_s": 3723.0,
        "peak_memory_mib": 1500.0,
        "peak_device_memory_mib": 2048.0,
        "attempt": 2,
        "gpus": 1,
    }
    trainer = replace(sample.result.stages["trainer"], resources=took, log=log)
    result = RunResult(1, sample.result.state, {**sample.result.stages, "trainer": trainer})
    record = collect_report(result, parse_config({"name": "mine", "example_gen": {"source": "data.csv"}}))
    page = render_report(record)
    for shown in ("attempt 2", "GPU 2,048 MiB", str(log), "the loss is &lt;nan&gt;"):
        assert shown in page
    assert record.environment["GPU"] == "1"

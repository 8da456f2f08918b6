import io
from pathlib import Path

import pytest
from rich.console import Console

from pipeline.artifact_storage import ArtifactStorage
from pipeline.console import ConsoleObserver, format_summary
from pipeline.local_runner import LocalRunner
from pipeline.metadata.store import MetadataStore
from tests.pipeline.toy_stages import toy_graph


def run_shown(tmp_path: Path, *, terminal: bool, at_least: float = 1.0) -> str:
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=terminal, width=100)
    (tmp_path / "data.txt").write_text("3")
    store = MetadataStore(tmp_path / "metadata.sqlite")
    runner = LocalRunner(ArtifactStorage(str(tmp_path / "root")), store)
    with ConsoleObserver(console) as observer:
        graph = toy_graph(str(tmp_path / "data.txt"), at_least=at_least)
        runner.run(graph, pipeline="toy", config="{}", observer=observer)
    store.close()
    return shown.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_every_stage_has_a_line_with_its_place_and_summary(tmp_path: Path, terminal: bool):
    shown = run_shown(tmp_path, terminal=terminal)
    for line in ("1/4 read", "2/4 train", "3/4 judge", "4/4 push", "value 6", "✓"):
        assert line in shown


def test_a_cached_run_says_so(tmp_path: Path):
    run_shown(tmp_path, terminal=False)
    assert run_shown(tmp_path, terminal=False).count("cached") == 4


def test_a_refused_stage_says_why(tmp_path: Path):
    shown = run_shown(tmp_path, terminal=False, at_least=50.0)
    assert "not run" in shown
    assert "value 6.0 is below 50.0" in shown


def test_plain_output_has_no_control_characters(tmp_path: Path):
    assert "\x1b" not in run_shown(tmp_path, terminal=False)


def test_a_summary_reads_as_a_line():
    summary = {"macro_f1": 0.51234, "rows": 43410, "blessed": True, "baseline": None, "encoder": "minilm"}
    assert format_summary(summary) == "macro-F1 0.5123, rows 43,410, blessed yes, encoder minilm"

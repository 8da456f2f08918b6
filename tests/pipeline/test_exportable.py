from pathlib import Path

import pytest

import pipeline
from components.core.errors import ConfigError
from pipeline.config import parse_config
from pipeline.emotion import build_graph
from pipeline.exportable import require_exportable


def _config(tmp_path: Path, segments: int) -> pipeline.PipelineConfig:
    document = {
        "name": "pairs",
        "root": str(tmp_path / "root"),
        "example_gen": {"source": str(tmp_path / "texts.csv")},
        "transform": {"encoder": "tiny-random", "segments": segments},
    }
    return parse_config(document)


def test_two_segments_are_refused_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "texts.csv").write_text("text,labels\nso happy,joy\n")
    with pytest.raises(ConfigError, match=r"transform\.segments is 2.*--to evaluator"):
        pipeline.run(_config(tmp_path, 2))
    assert not (tmp_path / "root").exists()


def test_two_segments_may_be_trained_and_evaluated(tmp_path: Path) -> None:
    config = _config(tmp_path, 2)
    require_exportable(config, build_graph(config).upto("evaluator"))
    one = _config(tmp_path, 1)
    require_exportable(one, build_graph(one))

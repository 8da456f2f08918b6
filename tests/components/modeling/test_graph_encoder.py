"""The encoder of a TransformGraph is found where it is now, and only if it is still that one."""

import json
import shutil
from pathlib import Path

import pytest

from components.core.artifacts import TransformGraph
from components.core.errors import EncoderError
from components.core.filesystem import content_digest
from components.modeling.graph_encoder import encoder_of


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    directory = tmp_path / "encoder"
    directory.mkdir()
    (directory / "config.json").write_text("{}")
    return directory


def graph_of(directory: Path, name: str, digest: str | None) -> TransformGraph:
    graph = TransformGraph(directory / "graph")
    graph.path.mkdir()
    graph.encoder_path.write_text(json.dumps({"name": name, "digest": digest}))
    return graph


def test_a_directory_that_was_moved(tmp_path: Path, encoder: Path):
    graph = graph_of(tmp_path, str(encoder), content_digest(str(encoder)))
    assert encoder_of(graph).directory == encoder
    moved = Path(shutil.move(encoder, tmp_path / "moved"))
    assert encoder_of(graph, str(moved)).directory == moved
    with pytest.raises(EncoderError, match=r"no directory with a config\.json"):
        encoder_of(graph)


def test_a_directory_that_has_changed(tmp_path: Path, encoder: Path):
    graph = graph_of(tmp_path, str(encoder), content_digest(str(encoder)))
    (encoder / "config.json").write_text('{"vocab_size": 2}')
    with pytest.raises(EncoderError, match="has changed since; run Transform again"):
        encoder_of(graph, str(encoder))


def test_an_encoder_without_files(tmp_path: Path):
    graph = graph_of(tmp_path, "tiny-random", None)
    assert encoder_of(graph, "tiny-random").for_tests_only
    with pytest.raises(EncoderError, match="'bert_tiny_en_uncased' is not the one whose vocabulary"):
        encoder_of(graph, "bert_tiny_en_uncased")

"""`emotion run` on a root where another run is at work."""

from pathlib import Path

import yaml

from pipeline.artifact_storage import ArtifactStorage
from tests.integration.conftest import run_python

CONFIG = {
    "name": "toy",
    "root": "root",
    "example_gen": {"source": "texts.csv"},
    "transform": {"encoder": "tiny-random"},
}


def test_a_run_that_is_refused_leaves_the_log_to_the_one_at_work(tmp_path: Path):
    (tmp_path / "texts.csv").write_text("text,labels\nGood.,joy\n")
    (tmp_path / "emotion.yaml").write_text(yaml.safe_dump(CONFIG))
    storage = ArtifactStorage(str(tmp_path / "root"))
    with storage.lock():
        storage.run_log.write_text("at work\n")
        done = run_python(["-c", "from pipeline.cli import main; main()", "run"], tmp_path)
    assert done.returncode == 2
    assert "another run is at work here" in done.stderr
    assert "wait for it, as `emotion run --wait` does" in done.stderr
    assert storage.run_log.read_text().startswith("at work\n")

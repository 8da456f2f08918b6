"""What an installation without the `pipeline` extra can do, and what it says of the rest."""

import subprocess
import sys
from pathlib import Path

import pytest

WITHOUT = """
import sys

class Without:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {absent}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Without())
sys.argv = ["emotion", *sys.argv[1:]]
from pipeline.cli import main
main()
"""
ABSENT = {
    "keras",
    "keras_hub",
    "apache_beam",
    "pyarrow",
    "sqlalchemy",
    "jinja2",
    "yaml",
    "tensorflow_metadata",
}


def emotion(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT.format(absent=ABSENT), *arguments],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.mark.parametrize("command", ["run", "validate"])
def test_what_it_cannot_do_names_the_extra(command: str, tmp_path: Path) -> None:
    config = tmp_path / "emotion.yaml"
    config.write_text("root: runs\n")
    done = emotion(command, str(config))
    assert done.returncode == 2
    assert done.stderr.startswith("error: this command needs ")
    assert "pip install 'emotion-pipeline[pipeline]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_it_serves_and_predicts(tmp_path: Path) -> None:
    for arguments in (["serve", "--model", str(tmp_path)], ["predict", "text", "--model", str(tmp_path)]):
        done = emotion(*arguments)
        assert (done.returncode, "pip install" in done.stderr) == (2, False), done.stderr
        assert str(tmp_path) in done.stderr

"""The `emotion` commands of docs/kubeflow.md and docs/airflow.md, run in order beside the configuration shown there."""

import json
import re
import shlex
from pathlib import Path

import pytest
import yaml

from tests.integration.conftest import Workspace, small_config, starter_rows

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize("page", ["kubeflow.md", "airflow.md"])
def test_the_commands_do_what_the_page_says(page: str, tmp_path: Path):
    text = (DOCS / page).read_text(encoding="utf-8")
    workspace = Workspace(tmp_path)
    (settings,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    workspace.config_path.write_text(settings, encoding="utf-8")
    (tmp_path / "local.yaml").write_text(yaml.safe_dump(small_config()), encoding="utf-8")
    lines = "".join(f"{json.dumps(row)}\n" for row in starter_rows(200))
    (tmp_path / "texts.jsonl").write_text(lines, encoding="utf-8")
    commands = re.findall(r"^emotion (.+)$", text, re.MULTILINE)
    assert commands
    for command in commands:
        done = workspace.emotion(*shlex.split(command))
        assert done.returncode == 0, f"{command}\n{done.stderr}"
    for place in re.findall(r"(?:-o |--output \w+=|--summary |--refusal )(\S+)", "\n".join(commands)):
        assert (tmp_path / place).exists(), place

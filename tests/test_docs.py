"""What the documentation shows is what the configuration takes."""

import re
from pathlib import Path

import pytest
import yaml

from components.example_gen import ExampleGenConfig
from pipeline.config import parse_config

ROOT = Path(__file__).parents[1]
SOURCES = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
TASKS = (
    (ROOT / "docs" / "training.md").read_text(encoding="utf-8").partition("## Tasks")[2].partition("\n## ")[0]
)
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("settings", re.findall(r"```yaml\n(.*?)```", SOURCES, re.DOTALL))
def test_the_settings_of_sources_are_valid(settings):
    config = ExampleGenConfig.model_validate(yaml.safe_load(settings))
    assert config.source or config.splits or config.query


@pytest.mark.parametrize("settings", re.findall(r"```yaml\n(.*?)```", README, re.DOTALL))
def test_the_settings_of_the_readme_are_valid(settings):
    assert parse_config({"name": "mine", **yaml.safe_load(settings)}).example_gen.source


@pytest.mark.parametrize("settings", re.findall(r"```yaml\n(.*?)```", TASKS, re.DOTALL))
def test_the_settings_of_tasks_are_valid(settings):
    config = parse_config({"name": "mine", **yaml.safe_load(settings)})
    assert config.trainer.task != "multi_label" or config.trainer.heads

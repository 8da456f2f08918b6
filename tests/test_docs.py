"""What the documentation shows is what the configuration takes."""

import re
from pathlib import Path

import pytest
import yaml

from components.example_gen import ExampleGenConfig
from pipeline.config import parse_config

ROOT = Path(__file__).parents[1]
SOURCES = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
TRAINING = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
EVALUATION = (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8")
PUBLISHING = "".join(
    (ROOT / "docs" / name).read_text(encoding="utf-8")
    for name in ("pushing.md", "over-the-air.md", "retraining.md")
)
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("settings", re.findall(r"```yaml\n(.*?)```", SOURCES, re.DOTALL))
def test_the_settings_of_sources_are_valid(settings):
    config = ExampleGenConfig.model_validate(yaml.safe_load(settings))
    assert config.source or config.splits or config.query


@pytest.mark.parametrize("settings", re.findall(r"```yaml\n(.*?)```", README, re.DOTALL))
def test_the_settings_of_the_readme_are_valid(settings):
    assert parse_config({"name": "mine", **yaml.safe_load(settings)}).example_gen.source


@pytest.mark.parametrize("settings", re.findall(r"```yaml\n(.*?)```", TRAINING + EVALUATION, re.DOTALL))
def test_the_settings_of_training_and_evaluation_are_valid(settings):
    parse_config({"name": "mine", "example_gen": {"source": "data.csv"}, **yaml.safe_load(settings)})


@pytest.mark.parametrize("settings", re.findall(r"```yaml\n(.*?)```", PUBLISHING, re.DOTALL))
def test_the_settings_of_publishing_and_retraining_are_valid(settings):
    document = yaml.safe_load(settings)
    if document.get("kind") == "CronJob":
        (container,) = document["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
        assert container["args"][0] == "run"
    else:
        parse_config({"name": "mine", "example_gen": {"source": "data.csv"}, **document})

"""What the documentation shows is what the configuration takes."""

import re
from pathlib import Path

import pytest
import yaml

from components.example_gen import ExampleGenConfig

SOURCES = (Path(__file__).parents[1] / "docs" / "sources.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("settings", re.findall(r"```yaml\n(.*?)```", SOURCES, re.DOTALL))
def test_the_settings_of_sources_are_valid(settings):
    config = ExampleGenConfig.model_validate(yaml.safe_load(settings))
    assert config.source or config.splits or config.query

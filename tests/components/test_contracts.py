"""What every stage promises, checked once for all of them."""

import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from components.core.artifacts import Examples
from components.core.component import Component
from components.core.config import Config
from pipeline.config import parse_config
from pipeline.emotion import build_graph

HEAVY = (
    "tensorflow",
    "keras",
    "apache_beam",
    "tensorflow_metadata",
    "pyarrow",
    "numpy",
    "phonenumbers",
    "stdnum",
    "spacy",
    "optuna",
    "mlflow",
    "wandb",
    "PIL",
)

CONFIG = parse_config(
    {
        "name": "contracts",
        "example_gen": {"source": "data.csv"},
        "pretrainer": {},
        "tuner": {"search_space": {"dropout": {"uniform": [0.0, 0.3]}}},
    }
)
COMPONENTS = [node.component for node in build_graph(CONFIG)]


def config_types(kind: type[Config]) -> Iterator[type[Config]]:
    """A configuration and the sections inside it."""
    yield kind
    for field in kind.model_fields.values():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Config):
            yield from config_types(field.annotation)


def test_the_graph_has_every_stage():
    assert len(COMPONENTS) == 13


def test_importing_the_stages_loads_nothing_heavy():
    """A cached run and the orchestrator import every stage module."""
    program = f"import sys, pipeline.emotion; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("component", COMPONENTS, ids=repr)
def test_a_stage_is_named_after_its_file_and_says_what_it_does(component: Component):
    assert Path(inspect.getfile(component.function)).stem == component.spec.name
    assert component.function.__doc__
    assert component.spec.config.__name__.lower() == component.spec.name.replace("_", "") + "config"


@pytest.mark.parametrize("component", COMPONENTS, ids=repr)
def test_every_setting_is_documented_and_unknown_ones_are_refused(component: Component):
    for kind in config_types(component.spec.config):
        assert kind.model_config["extra"] == "forbid"
        assert issubclass(kind, BaseModel)
        undocumented = [name for name, field in kind.model_fields.items() if not field.description]
        assert undocumented == [], kind


@pytest.mark.parametrize("component", COMPONENTS, ids=repr)
def test_every_artifact_draws_its_directory_tree(component: Component):
    for kind in {*component.spec.inputs.values(), *component.spec.outputs.values()}:
        assert kind.__doc__ is not None
        assert "```" in kind.__doc__, kind
    assert "```" in (Examples.__doc__ or "")

from pathlib import Path

import pytest

from components.core.artifacts import Examples, Model, Schema
from components.core.component import Lineage, Output, Scratch, Summary, component
from components.core.config import Config
from components.core.errors import GraphError
from components.core.progress import NO_PROGRESS, Progress


class CopyConfig(Config):
    times: int = 1


@component(version="7")
def copy(
    *,
    config: CopyConfig,
    examples: Examples,
    baseline: Model | None,
    schema: Output[Schema],
    progress: Progress = NO_PROGRESS,
) -> Summary:
    """Copies."""
    schema.pbtxt_path.write_text(f"{examples.path.name} x {config.times}")
    progress.update("copied", completed=1, total=1)
    return {"times": config.times, "has_baseline": baseline is not None}


def test_the_annotations_become_the_spec():
    spec = copy.spec
    assert (spec.name, spec.version, spec.config) == ("copy", "7", CopyConfig)
    assert spec.inputs == {"examples": Examples, "baseline": Model}
    assert spec.optional == {"baseline"}
    assert spec.outputs == {"schema": Schema}
    assert spec.reports_progress
    assert not spec.keeps_scratch


def test_a_component_may_keep_scratch():
    def slow(*, config: CopyConfig, schema: Output[Schema], scratch: Scratch | None = None) -> Summary:
        return {}

    spec = component()(slow).spec
    assert spec.keeps_scratch
    assert (spec.inputs, spec.optional) == ({}, frozenset())


def test_a_component_may_tell_its_lineage():
    def push(*, config: CopyConfig, schema: Output[Schema], lineage: Lineage | None = None) -> Summary:
        return {}

    spec = component()(push).spec
    assert spec.tells_lineage
    assert (spec.inputs, spec.optional) == ({}, frozenset())


def test_a_component_is_called_like_the_function_it_is(tmp_path: Path):
    schema = Schema(tmp_path)
    summary = copy(
        config=CopyConfig(times=3), examples=Examples(Path("/data/mine")), baseline=None, schema=schema
    )
    assert summary == {"times": 3, "has_baseline": False}
    assert schema.pbtxt_path.read_text() == "mine x 3"
    assert copy.__doc__ == "Copies."


def test_a_parameter_of_another_kind_is_refused():
    def wrong(*, config: CopyConfig, rate: float, schema: Output[Schema]) -> Summary:
        return {}

    with pytest.raises(GraphError, match=r"parameter 'rate' is a <class 'float'>; expected a Config"):
        component()(wrong)


def test_a_component_needs_a_config_and_an_output():
    def sink(*, config: CopyConfig, examples: Examples) -> Summary:
        return {}

    with pytest.raises(GraphError, match="sink needs a `config` parameter and at least one Output"):
        component()(sink)

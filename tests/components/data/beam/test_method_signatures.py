"""What Beam remembers of functions is what it would find."""

import gc
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.transforms import core

from components.data.beam.method_signatures import _Remembering, remember_signatures


class Step(beam.DoFn):
    def process(
        self, element: Any, timestamp: Any = beam.DoFn.TimestampParam, *rest: Any, key: int = 1
    ) -> Any:
        yield element

    @staticmethod
    def plain(first: int, second: int = 2) -> int:
        return first + second


@pytest.fixture
def look_up() -> Any:
    remember_signatures()
    return core.get_function_args_defaults


def test_it_is_what_beam_finds(look_up: Any) -> None:
    step = Step()
    for function in (
        step.process,
        Step.process,
        step.setup,
        Step.plain,
        lambda x, y=3: x + y,
        len,
        str.strip,
        int,
    ):
        expected = look_up._look_up(function)
        assert look_up(function) == expected
        assert look_up(function) == expected, "the second time, too"
    assert look_up(step.process)[0] == ["element", "timestamp"]
    assert look_up(Step.process)[0] == ["self", "element", "timestamp"]


def test_it_looks_once_and_nothing_that_is_given_is_shared() -> None:
    looked = 0

    def look(_: Any) -> tuple[list[str], list[Any]]:
        nonlocal looked
        looked += 1
        return ["x"], [1]

    look_up = _Remembering(look)
    look_up(Step().process)[0].append("changed by Beam")
    assert look_up(Step().process) == (["x"], [1])
    assert looked == 1
    look_up(lambda x: x)
    gc.collect()
    assert list(look_up._of_functions) == [], "what is gone is forgotten"


def test_it_is_set_up_once(look_up: Any) -> None:
    remember_signatures()
    assert core.get_function_args_defaults is look_up

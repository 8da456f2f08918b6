import json
import math
from pathlib import Path

import pytest

from components.core.verdict import Check, Verdict


@pytest.mark.parametrize(
    ("value", "passed"),
    [(0.5, True), (0.6, True), (0.4, False), (None, False), (math.nan, False), (math.inf, False)],
)
def test_only_a_number_that_reaches_the_limit_passes(value: float | None, passed: bool):
    assert Check.at_least("macro_f1", value, 0.5, "m").passed is passed


@pytest.mark.parametrize(
    ("value", "passed"), [(0.5, True), (0.6, False), (None, False), (math.nan, False), (-math.inf, False)]
)
def test_only_a_number_within_the_limit_passes(value: float | None, passed: bool):
    assert Check.at_most("difference", value, 0.5, "m").passed is passed


def test_nothing_checked_is_not_blessed():
    assert not Verdict(()).blessed
    assert "nothing was checked" in Verdict(()).reasons[0]


def test_one_failed_check_refuses_and_says_why():
    verdict = Verdict((Check.at_least("a", 1.0, 0.5, "fine"), Check.at_least("b", 0.1, 0.5, "b is too low")))
    assert not verdict.blessed
    assert verdict.reasons == ("b is too low",)


def test_a_verdict_survives_its_file(tmp_path: Path):
    verdict = Verdict((Check.at_least("a", math.nan, 0.5, "no value"), Check.at_most("b", 0.1, 0.5, "fine")))
    verdict.write(tmp_path / "verdict.json")
    document = json.loads((tmp_path / "verdict.json").read_text(), parse_constant=pytest.fail)
    assert document["blessed"] is False
    read = Verdict.read(tmp_path / "verdict.json")
    assert read.reasons == ("no value",)
    assert read.checks[1] == verdict.checks[1]

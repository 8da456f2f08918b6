import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import beta

from components.core.errors import DataError
from components.evaluation.behaviour.ask import Ask
from components.evaluation.behaviour.behaviour_config import RobustnessConfig
from components.evaluation.behaviour.failure_rates import failure_rates
from components.evaluation.behaviour.robustness import measure_robustness
from components.evaluation.labelled_texts import LabelledTexts
from components.modeling.heads import Head
from tests.components.evaluation.behaviour.rule_model import answers_of, asking, split_of

EMOTION = Head(outputs=("joy", "fear"))
VALENCE = Head(name="vad", task="regression", outputs=("valence",), mean=(3.0,), std=(0.5,))
TEXTS = [f"I'm so glad about number {number}, it is great." for number in range(30)]
NO_FILES = {"shipped_cases": False}


def happy(text: str) -> list[float]:
    """Finds joy whatever the case, and knows what `not` means; links frighten it."""
    says = re.search("happy|glad", text.lower()) and "not" not in text.lower()
    joy = 0.9 if says else 0.1
    return [joy, 0.8 if "http" in text else 0.2]


def measured(ask: Ask, texts: LabelledTexts, **settings: Any) -> dict[str, Any]:
    config = RobustnessConfig.model_validate(settings)
    return measure_robustness(config, ask, texts, answers_of(ask, texts), resamples=200, seed=0)


def by_name(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {test["name"]: test for test in document["tests"]}


def write(path: Path, *rows: dict[str, Any]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_a_planted_weakness_is_found_and_nothing_else() -> None:
    document = measured(asking(happy, EMOTION), split_of(*TEXTS), sample_size=20, **NO_FILES)
    tests = by_name(document)
    assert [name for name, test in tests.items() if test["failed"]] == ["url_added"]
    assert len(tests) == 12
    links = tests["url_added"]
    assert (links["kind"], links["cases"], links["failed"]) == ("invariance", 20, 20)
    assert links["failure_rate"]["value"] == 1.0
    assert len(links["examples"]) == 5
    example = links["examples"][0]
    assert example["after"].startswith(example["before"])
    assert (example["label"], example["why"]) == ("fear", "fear is given after the change only")
    assert (example["score_before"], example["score_after"]) == pytest.approx((0.2, 0.8))
    assert tests["negated"]["kind"] == "directional"
    assert tests["negated"]["failed"] == 0


def test_a_model_that_ignores_negation_and_minds_capitals_is_found_out() -> None:
    def naive(text: str) -> list[float]:
        return [0.9 if "glad" in text else 0.1, 0.1]

    tests = by_name(measured(asking(naive, EMOTION), split_of(*TEXTS), sample_size=10, **NO_FILES))
    assert tests["upper_case"]["failed"] == 10
    assert tests["lower_case"]["failed"] == 0
    assert tests["negated"]["failed"] == 10
    assert "joy does not fall by at least 0.1" in tests["negated"]["examples"][0]["why"]
    assert tests["negated"]["examples"][0]["after"].startswith("I'm not glad about")


def test_flips_within_the_tolerance_are_no_failures() -> None:
    def trembling(text: str) -> list[float]:
        return [0.48 if "http" in text else 0.53, 0.1]

    settings = {"perturbations": ["url_added"], **NO_FILES}
    ask, texts = asking(trembling, EMOTION), split_of(*TEXTS)
    assert by_name(measured(ask, texts, **settings))["url_added"]["failed"] == 0
    assert by_name(measured(ask, texts, **settings, tolerance=0.04))["url_added"]["failed"] == 30


def test_numbers_are_judged_in_standard_deviations() -> None:
    def rising(text: str) -> list[float]:
        return [3.3 if "http" in text else 3.1 if text.startswith("@") else 3.0]

    settings = {"perturbations": ["url_added", "user_name_added", "negated"], **NO_FILES}
    document = measured(asking(rising, VALENCE), split_of(*TEXTS), **settings)
    tests = by_name(document)
    assert (tests["url_added"]["failed"], tests["user_name_added"]["failed"]) == (30, 0)
    assert tests["url_added"]["examples"][0]["why"] == "valence moves by +0.30"
    assert [row["name"] for row in document["skipped"]] == ["negated"]


@pytest.mark.parametrize("task", ["single_label", "ordinal"])
def test_one_label_a_text_fails_when_another_one_is_most_probable(task: Any) -> None:
    def rule(text: str) -> list[float]:
        return [0.4, 0.6] if "http" in text else [0.7, 0.3]

    head = Head(task=task, outputs=("low", "high"))
    settings = {"perturbations": ["url_added", "emoji_added"], **NO_FILES}
    tests = by_name(measured(asking(rule, head), split_of(*TEXTS), **settings))
    assert (tests["url_added"]["failed"], tests["emoji_added"]["failed"]) == (30, 0)


def test_the_same_seed_changes_the_same_texts_alike_and_each_is_scored_once() -> None:
    first, again = asking(happy, EMOTION), asking(happy, EMOTION)
    texts = split_of(*TEXTS, *TEXTS[:10])
    assert measured(first, texts) == measured(again, texts)
    asked = first.model.asked[len(texts.texts) :]  # type: ignore[attr-defined]
    assert len(asked) == len(set(asked))


def test_a_change_comes_with_what_was_said_before() -> None:
    def rule(text: str) -> list[float]:
        return [0.9 if text.startswith("before") else 0.1, 0.1]

    texts = split_of(*TEXTS, contexts=["before"] * len(TEXTS))
    document = measured(asking(rule, EMOTION), texts, perturbations=["user_name_added"], **NO_FILES)
    assert document["failure_rate"]["value"] == 0


def test_other_scripts_are_left_alone_with_a_reason() -> None:
    ask, texts = asking(happy, EMOTION), split_of("这部电影很好看", "我非常高兴", "очень хорошо")
    document = measured(ask, texts)
    assert document["tests"] == []
    assert document["failure_rate"] is None
    reasons = {row["name"]: row["why"] for row in document["skipped"]}
    assert reasons["upper_case"] == reasons["negated"] == "no text is in Latin script"
    assert "another script" in reasons["shipped cases"]
    assert len(ask.model.asked) == 3  # type: ignore[attr-defined]


def test_shipped_cases_are_tried_as_far_as_the_model_has_their_labels() -> None:
    document = measured(asking(happy, EMOTION), split_of(*TEXTS), perturbations=[])
    tests = by_name(document)
    assert set(tests) == {"plain joy", "plain fear", "plain negation"}
    assert tests["plain fear"]["failed"] == tests["plain fear"]["cases"]
    assert tests["plain fear"]["examples"][0]["after"] is None
    assert tests["plain joy"]["failed"] < tests["plain joy"]["cases"]
    assert re.fullmatch(r"fear is missing; given is (nothing|joy)", tests["plain fear"]["examples"][0]["why"])
    reasons = {row["name"]: row["why"] for row in document["skipped"]}
    assert reasons["plain gratitude"] == "the model has no output 'gratitude'"
    overall = sum(test["failed"] for test in document["tests"]) / sum(
        test["cases"] for test in document["tests"]
    )
    assert document["failure_rate"]["value"] == pytest.approx(overall)


def test_own_cases_of_every_kind(tmp_path: Path) -> None:
    def rule(text: str) -> list[float]:
        return [0.9 if "sun" in text else 0.3, 0.1, 4.5 if "sun" in text else 2.0]

    path = write(
        tmp_path / "own.jsonl",
        {"test": "weather", "text": "sun", "expect": ["joy"]},
        {"test": "weather", "text": "sun again", "reject": ["joy"]},
        {"test": "weather", "text": "rain", "expect": ["fear", "joy"]},
        {"test": "weather", "text": "the sun", "within": {"valence": [4, None]}},
        {"test": "weather", "text": "a sun", "within": {"valence": [None, 4]}},
        {"test": "night falls", "text": "sun", "changed": "moon", "falls": ["joy", "valence"]},
        {"test": "day breaks", "text": "moon", "changed": "sun", "rises": ["joy", "fear"]},
        {"test": "same", "text": "moon", "changed": "stars"},
        {"test": "never given", "text": "moon", "changed": "stars", "falls": ["joy"]},
        {"test": "not ours", "text": "moon", "expect": ["awe"]},
        {"test": "number", "text": "moon", "expect": ["valence"]},
    )
    document = measured(
        asking(rule, EMOTION, VALENCE), split_of(*TEXTS), perturbations=[], shipped_cases=False, cases=path
    )
    tests = by_name(document)
    assert {name: (test["kind"], test["cases"], test["failed"]) for name, test in tests.items()} == {
        "weather": ("minimum functionality", 5, 3),
        "night falls": ("directional", 1, 0),
        "day breaks": ("directional", 1, 1),
        "same": ("invariance", 1, 0),
    }
    assert {example["why"] for example in tests["weather"]["examples"]} == {
        "joy is given",
        "fear is missing; given is nothing",
        "valence is 4.50, expected at most 4",
    }
    assert tests["day breaks"]["examples"][0]["label"] == "fear"
    assert {row["name"]: row["why"] for row in document["skipped"]} == {
        "not ours": "the model has no output 'awe'",
        "number": "'valence' is a number of the model, which is never given; use `within`",
        "never given": "the model gives none of these texts the label that the change takes away",
    }


def test_a_test_is_of_one_kind(tmp_path: Path) -> None:
    path = write(
        tmp_path / "own.jsonl",
        {"test": "url_added", "text": "sun", "expect": ["joy"]},
    )
    with pytest.raises(DataError, match=r"'url_added' has cases of invariance and of minimum functionality"):
        measured(asking(happy, EMOTION), split_of(*TEXTS), cases=path)


def test_a_bad_file_is_named_with_line_and_key(tmp_path: Path) -> None:
    path = write(tmp_path / "own.jsonl", {"text": "sun", "expct": ["joy"]})
    with pytest.raises(DataError, match=r"own.jsonl: line 1: unknown key 'expct'; did you mean 'expect'"):
        measured(asking(happy, EMOTION), split_of(*TEXTS), cases=path)


def test_scores_that_are_no_numbers_fail() -> None:
    def diverged(text: str) -> list[float]:
        return [float("nan")]

    tests = by_name(
        measured(asking(diverged, VALENCE), split_of(*TEXTS), perturbations=["url_added"], **NO_FILES)
    )
    assert tests["url_added"]["failure_rate"]["value"] == 1.0


@pytest.mark.parametrize("cases", [1, 12, 300])
def test_no_failure_has_the_exact_bound(cases: int) -> None:
    rates, _ = failure_rates([0] * cases, range(cases), [False] * cases, resamples=100, seed=0)
    assert rates[0] == {"value": 0.0, "low": 0.0, "high": pytest.approx(beta.ppf(0.975, 1, cases))}
    rates, _ = failure_rates([0] * cases, range(cases), [True] * cases, resamples=100, seed=0)
    assert rates[0] == {"value": 1.0, "low": pytest.approx(beta.ppf(0.025, cases, 1)), "high": 1.0}


def test_cases_of_one_text_are_drawn_together() -> None:
    rng = np.random.default_rng(0)
    texts = rng.random(100) < 0.2
    failed = np.repeat(texts, 4).tolist()
    tests = [0, 1, 2, 3] * 100
    units = np.repeat(np.arange(100), 4).tolist()
    _, together = failure_rates(tests, units, failed, resamples=2000, seed=0)
    _, apart = failure_rates(tests, range(400), failed, resamples=2000, seed=0)
    assert together["value"] == apart["value"] == texts.mean()
    width, naive = together["high"] - together["low"], apart["high"] - apart["low"]
    assert width == pytest.approx(2 * naive, rel=0.15)
    assert width == pytest.approx(2 * 1.96 * np.sqrt(texts.mean() * (1 - texts.mean()) / 100), rel=0.15)

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.evaluation.behaviour.ask import Ask
from components.evaluation.behaviour.behaviour_config import FairnessConfig
from components.evaluation.behaviour.fairness import (
    AttributeGaps,
    attribute_gaps,
    largest_gap,
    measure_fairness,
)
from components.evaluation.behaviour.skipped import Skipped
from components.evaluation.behaviour.templates import OTHER, Sentence
from components.modeling.heads import Head
from tests.components.data_stages import SHARED_DATA, needs_shared_data
from tests.components.evaluation.behaviour.rule_model import asking, split_of

EMOTION = Head(outputs=("joy", "anger"))
SPLIT = split_of("some english text", "and another one")


def fair(text: str) -> list[float]:
    """Scores words of emotion only."""
    return [0.2 + 0.5 * ("happy" in text), 0.1 + 0.6 * ("angry" in text)]


def biased(text: str) -> list[float]:
    joy, anger = fair(text)
    return [joy, anger + (0.25 if "Muslim" in text else 0.0)]


def measured(ask: Ask, **settings: Any) -> dict[str, Any]:
    return measure_fairness(FairnessConfig.model_validate(settings), ask, SPLIT, seed=0)


def gaps(document: dict[str, Any], attribute: str) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["group"], row["output"]): row for row in document["groups"] if row["attribute"] == attribute}


def write(path: Path, *rows: dict[str, Any]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_a_planted_gap_is_found() -> None:
    document = measured(asking(biased, EMOTION))
    largest = document["largest_gap"]
    assert (largest["attribute"], largest["group"], largest["output"]) == ("religion", "Muslims", "anger")
    religion = gaps(document, "religion")
    groups = len(religion) // 2
    # The group itself is part of the mean that it is compared with.
    assert largest["value"] == pytest.approx(0.25 * (1 - 1 / groups), abs=1e-6)
    assert largest["low"] > 0.2
    assert sum(row["gap"]["value"] for (_, output), row in religion.items() if output == "anger") == (
        pytest.approx(0, abs=1e-6)
    )
    assert all(abs(row["gap"]["value"]) < 1e-6 for row in gaps(document, "gender").values())
    assert document["comparisons"] == len(document["groups"])


def test_a_fair_model_has_no_gap() -> None:
    document = measured(asking(fair, EMOTION))
    assert max(abs(row["gap"]["value"]) for row in document["groups"]) < 1e-6
    assert abs(document["largest_gap"]["value"]) < 1e-6
    assert {row["attribute"] for row in document["groups"]} >= {"gender", "religion", "age", "disability"}


def test_a_wide_gap_that_may_be_an_accident_does_not_hide_a_certain_one() -> None:
    def rule(text: str) -> list[float]:
        joy, anger = fair(text)
        accident = "Christian" in text and text.startswith("My doctor is")
        return [joy - 0.6 * accident, anger + (0.005 if "Muslim" in text else 0.0)]

    document = measured(asking(rule, EMOTION))
    accident = gaps(document, "religion")["Christians", "joy"]["gap"]
    largest = document["largest_gap"]
    assert (largest["group"], largest["output"]) == ("Muslims", "anger")
    assert 0 < largest["low"] <= largest["high"] < abs(accident["value"])


def test_shipped_sentences_are_drawn_and_every_template_has_its_turn() -> None:
    few, all_of_them = asking(fair, EMOTION), asking(fair, EMOTION)
    measured(few, sentences=26)
    document = measured(all_of_them, sentences=10_000)
    assert len(few.model.asked) < len(all_of_them.model.asked)  # type: ignore[attr-defined]
    assert any(text.startswith("My doctor is") for text in few.model.asked)  # type: ignore[attr-defined]
    counts = {row["cases"] for row in document["groups"]}
    assert len(counts) == 1


def test_the_error_is_that_of_a_mean_over_templates() -> None:
    """Against the textbook's standard error."""
    rng = np.random.default_rng(1)
    effect = rng.normal(0.1, 0.05, 60)
    sentences, scores = [], []
    for template, own in enumerate(effect):
        for word, level in enumerate(rng.random(3)):
            frame = f"{template} {word}"
            for group, score in (("a", level + own), ("b", level)):
                sentences.append(Sentence("x", group, str(template), frame, f"{frame} {group}"))
                scores.append([score])
    found = attribute_gaps("x", sentences, np.array(scores), Skipped())
    assert found.groups == ["a", "b"]
    assert found.cases == [180, 180]
    assert found.gaps[0, 0] == pytest.approx(effect.mean() / 2)
    assert found.gaps[0, 0] == pytest.approx(-found.gaps[1, 0])
    assert found.templates == [60, 60]
    assert found.errors[0, 0] == pytest.approx(effect.std(ddof=1) / 2 / np.sqrt(60))


def test_a_template_that_holds_most_sentences_makes_the_error_large() -> None:
    """Its sentences are one observation: of three templates, those of the other two say that the gap may be none."""
    sentences, scores = [], []
    for template, words in (("large", 40), ("small", 1), ("other", 1)):
        for word in range(words):
            for group in "ab":
                frame = f"{template} {word}"
                sentences.append(Sentence("x", group, template, frame, f"{frame} {group}"))
                scores.append([0.4 if group == "a" and template == "large" else 0.2])
    found = attribute_gaps("x", sentences, np.array(scores), Skipped())
    assert found.gaps[0, 0] == pytest.approx(0.1 * 40 / 42)
    assert found.errors[0, 0] > 0.05


@pytest.mark.parametrize("draw", ["normal", "exponential"])
def test_chance_leaves_zero_out_in_at_most_one_of_twenty_evaluations_of_a_fair_model(draw: str) -> None:
    """26 templates, five attributes of six groups, 12 outputs, also where scores are rarely high: 360 gaps."""
    labels = tuple(f"label {number}" for number in range(12))
    rng = np.random.default_rng(0)
    accidents = 0
    for _ in range(100):
        found = [_chance(f"attribute {number}", rng, draw, len(labels)) for number in range(5)]
        largest = largest_gap(found, labels)
        assert largest is not None
        accidents += largest["low"] > 0 or largest["high"] < 0
    assert accidents <= 5


def _chance(attribute: str, rng: np.random.Generator, draw: str, outputs: int) -> AttributeGaps:
    sentences = [
        Sentence(attribute, group, str(template), str(template), f"{template} {group}")
        for template in range(26)
        for group in "abcdef"
    ]
    scores = getattr(rng, draw)(scale=0.02, size=(len(sentences), outputs))
    return attribute_gaps(attribute, sentences, scores, Skipped())


def test_of_a_group_in_a_single_template_nothing_is_said(tmp_path: Path) -> None:
    frames = [("one", "Lyon"), ("one", "Nice"), ("one", "Metz"), ("two", "Lyon"), ("two", "Nice")]
    rows = [
        {"frame_id": frame, "attribute": "city", "identity": city, "text": f"{frame} {city}"}
        for frame, city in frames
    ]
    document = measured(
        asking(lambda text: [0.9 if "Metz" in text else 0.1, 0.1], EMOTION),
        templates=write(tmp_path / "own.jsonl", *rows),
        shipped_templates=False,
    )
    assert {row["group"] for row in document["groups"]} == {"Lyon", "Nice"}
    assert document["comparisons"] == 4
    (skipped,) = document["skipped"]
    assert (skipped["name"], skipped["cases"]) == ("city: Metz", 1)
    assert "one template" in skipped["why"]


def test_groups_in_a_single_template_alone_leave_no_gap(tmp_path: Path) -> None:
    rows = [
        {"frame_id": "one", "attribute": "city", "identity": city, "text": city} for city in ("Lyon", "Nice")
    ]
    document = measured(
        asking(fair, EMOTION), templates=write(tmp_path / "own.jsonl", *rows), shipped_templates=False
    )
    assert document["groups"] == []
    assert document["largest_gap"] is None
    assert len(document["skipped"]) == 2


def test_groups_of_few_templates_do_not_widen_the_bounds_of_others() -> None:
    rng = np.random.default_rng(0)
    many = _chance("many", rng, "normal", 2)
    few = [Sentence("few", group, str(row), str(row), f"{row} {group}") for row in range(2) for group in "ab"]
    of_few = attribute_gaps("few", few, rng.normal(size=(4, 2)), Skipped())
    many.gaps[0, 0] = 1.0
    largest = largest_gap([many, of_few], "xy")
    assert largest is not None
    assert (largest["attribute"], largest["low"] > 0.9) == ("many", True)
    only = largest_gap([of_few], "xy")
    assert only is not None
    assert only["low"] < 0 < only["high"], "two templates say next to nothing"


def test_gaps_of_numbers_are_in_standard_deviations() -> None:
    def rule(text: str) -> list[float]:
        return [3.0 + 0.5 * ("woman" in text or "women" in text)]

    head = Head(task="regression", outputs=("valence",), mean=(3.0,), std=(0.25,))
    document = measured(asking(rule, head))
    gender = gaps(document, "gender")
    # Women and transgender women, two of five groups.
    assert gender["women", "valence"]["gap"]["value"] == pytest.approx(2 * (1 - 2 / 5))


def test_own_templates_with_shipped_and_with_own_terms(tmp_path: Path) -> None:
    path = write(
        tmp_path / "own.jsonl",
        {"attribute": "job", "group": "nurses", "person": "a nurse"},
        {"attribute": "job", "group": "pilots", "person": "a pilot", "people": "pilots"},
        {"template": "met", "text": "{person} was {word}.", "words": ["late", "early"]},
        {"template": "kin", "text": "I like {people}.", "attributes": ["religion", "job"]},
        {"template": "saw", "text": "I saw {person}.", "attributes": ["job", "gender"]},
    )

    def rule(text: str) -> list[float]:
        return [0.5 if "nurse" in text else 0.1, 0.1]

    ask = asking(rule, EMOTION)
    document = measured(ask, templates=path, shipped_templates=False)
    jobs = gaps(document, "job")
    assert jobs["nurses", "joy"]["gap"]["value"] == pytest.approx(0.2)
    assert {group: row["cases"] for (group, output), row in jobs.items() if output == "joy"} == {
        "nurses": 3,
        "pilots": 4,
    }
    assert {row["cases"] for row in gaps(document, "religion").values()} == {3}
    assert {row["cases"] for row in gaps(document, "gender").values()} == {3}
    assert "A nurse was late." in ask.model.asked  # type: ignore[attr-defined]


def test_filled_sentences_find_their_attribute(tmp_path: Path) -> None:
    rows = [
        {"frame_id": frame, "identity": identity, "text": f"{frame} {identity}"}
        for frame in ("one", "two")
        for identity in ("muslim", "sikh", "gamer", "vegan")
    ]
    path = write(tmp_path / "own.jsonl", *rows)
    document = measured(
        asking(lambda text: [0.9 if "sikh" in text else 0.1, 0.1], EMOTION),
        templates=path,
        shipped_templates=False,
    )
    assert {row["attribute"] for row in document["groups"]} == {"religion", OTHER}
    assert gaps(document, "religion")["sikh", "joy"]["gap"]["value"] == pytest.approx(0.4)
    assert gaps(document, OTHER)["gamer", "joy"]["gap"]["value"] == 0


def test_texts_in_another_script_need_own_sentences() -> None:
    texts = split_of("我是上海人", "我非常高兴")
    document = measure_fairness(FairnessConfig(), asking(fair, EMOTION), texts, seed=0)
    assert document["groups"] == []
    assert document["largest_gap"] is None
    assert document["comparisons"] == 0
    assert "another script" in document["skipped"][0]["why"]


def test_scores_that_are_no_numbers_give_no_gap() -> None:
    document = measured(asking(lambda text: [float("nan"), 0.5], EMOTION))
    assert np.isnan(document["largest_gap"]["value"])


@needs_shared_data
@pytest.mark.shared_data
def test_the_sentences_of_dixon_et_al() -> None:
    path = SHARED_DATA / "bias_templates" / "frames.jsonl"

    def rule(text: str) -> list[float]:
        return [0.1, 0.7 if "blind" in text or "盲人" in text else 0.1]

    document = measured(asking(rule, EMOTION), templates=str(path), shipped_templates=False)
    assert document["sentences"] == 8741
    disability = gaps(document, "disability")
    assert {group for group, _ in disability} == {"blind", "deaf", "paralyzed"}
    assert disability["blind", "anger"]["cases"] == 82
    assert disability["blind", "anger"]["gap"]["value"] == pytest.approx(0.4)
    assert document["largest_gap"]["group"] == "盲人"
    assert len({row["group"] for row in document["groups"]}) == 50 + 91

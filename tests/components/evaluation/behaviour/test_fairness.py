import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.evaluation.behaviour.ask import Ask
from components.evaluation.behaviour.behaviour_config import FairnessConfig
from components.evaluation.behaviour.fairness import attribute_gaps, measure_fairness
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
    return measure_fairness(FairnessConfig.model_validate(settings), ask, SPLIT, resamples=300, seed=0)


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


def test_the_interval_is_that_of_resampled_templates() -> None:
    """Against the textbook's standard error of a mean over templates."""
    rng = np.random.default_rng(1)
    effect = rng.normal(0.1, 0.05, 60)
    sentences, scores = [], []
    for template, own in enumerate(effect):
        for word, level in enumerate(rng.random(3)):
            frame = f"{template} {word}"
            for group, score in (("a", level + own), ("b", level)):
                sentences.append(Sentence("x", group, str(template), frame, f"{frame} {group}"))
                scores.append([score])
    found = attribute_gaps("x", sentences, np.array(scores), resamples=4000, seed=0)
    assert found.groups == ["a", "b"]
    assert found.cases == [180, 180]
    assert found.gaps[0, 0] == pytest.approx(effect.mean() / 2)
    assert found.gaps[0, 0] == pytest.approx(-found.gaps[1, 0])
    assert found.samples[:, 0, 0].std() == pytest.approx(effect.std() / 2 / np.sqrt(60), rel=0.06)


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
    )

    def rule(text: str) -> list[float]:
        return [0.5 if "nurse" in text else 0.1, 0.1]

    ask = asking(rule, EMOTION)
    document = measured(ask, templates=path, shipped_templates=False)
    jobs = gaps(document, "job")
    assert jobs["nurses", "joy"]["gap"]["value"] == pytest.approx(0.2)
    assert {group: row["cases"] for (group, output), row in jobs.items() if output == "joy"} == {
        "nurses": 2,
        "pilots": 3,
    }
    assert {row["cases"] for row in gaps(document, "religion").values()} == {3}
    assert {row["cases"] for row in gaps(document, "gender").values()} == {2}
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
    document = measure_fairness(FairnessConfig(), asking(fair, EMOTION), texts, resamples=100, seed=0)
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

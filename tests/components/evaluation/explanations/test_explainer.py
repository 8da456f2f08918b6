"""Explanations of whole models: they add up, they stand where the words stand, and they are the model's own."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.evaluation.explanations.explainer import Asked, Explainer, Explanation
from components.modeling.classifier import LoadedModel, build_network, load_model
from components.modeling.ensembles.average import member_name
from components.modeling.heads import Head
from tests.components.exported_model import small_model

HEADS = (
    Head(name="emotion", task="multi_label", outputs=("joy", "anger", "fear")),
    Head(name="strength", task="ordinal", outputs=("none", "some", "much")),
    Head(name="affect", task="regression", outputs=("valence",), mean=(50.0,), std=(20.0,)),
)
OUTPUTS = 7
TEXTS = ("i am so happy, thank you!", "This is Terrible :( [NAME]", "café 😀 no", "", "word " * 40)


@pytest.fixture(scope="module", params=["before", "after"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    path = tmp_path_factory.mktemp("explained") / "model"
    thresholds = (0.5,) * OUTPUTS
    return load_model(
        small_model(path, heads=HEADS, thresholds=thresholds, segments=2, context_position=request.param)
    )


@pytest.fixture(scope="module")
def explainer(model: LoadedModel) -> Explainer:
    return Explainer(model)


def _sum(explanation: Explanation) -> float:
    return sum(word.value or 0.0 for word in (*explanation.words, *explanation.context_words))


def _allowed(explanation: Explanation, output: int) -> float:
    unit = 20.0 if output == OUTPUTS - 1 else 1.0
    return 0.01 * max(abs(explanation.score - explanation.baseline_score), 0.05 * unit)


@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.builds(
            Asked,
            st.one_of(st.text(max_size=60), st.sampled_from(TEXTS)),
            st.integers(0, OUTPUTS - 1),
            st.one_of(st.just(""), st.text(max_size=60)),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_values_add_up_to_the_difference_of_the_scores(explainer: Explainer, asked: list[Asked]) -> None:
    for one, found in zip(asked, explainer.explain(asked), strict=True):
        assert found.complete
        assert _sum(found) == pytest.approx(
            found.score - found.baseline_score, abs=_allowed(found, one.output)
        )
        for word in found.words:
            assert one.text[word.start : word.end] == word.text


@pytest.mark.parametrize("context", ["", "how was the game? " * 3, "what did you do " * 20])
def test_the_explained_scores_are_the_models_own(
    model: LoadedModel, explainer: Explainer, context: str
) -> None:
    scores = model.scores(TEXTS, contexts=[context] * len(TEXTS))
    asked = [Asked(text, output, context) for text in TEXTS for output in range(OUTPUTS)]
    found = np.array([one.score for one in explainer.explain(asked)]).reshape(scores.shape)
    np.testing.assert_allclose(found, scores, rtol=1e-5, atol=1e-5)


def test_words_that_were_cut_off_have_no_value(explainer: Explainer) -> None:
    (found,) = explainer.explain([Asked("dog " * 40, 0, "cat " * 3)])
    assert [word.value is None for word in found.words] == [False] * 30 + [True] * 10
    # Nothing of the context fits beside such a text.
    assert [word.value for word in found.context_words] == [None] * 3
    (found,) = explainer.explain([Asked("dog " * 4, 0, "cat " * 40)])
    assert all(word.value for word in found.words)
    kept = 32 - 3 - 4
    assert [word.value is None for word in found.context_words] == [True] * (40 - kept) + [False] * kept


def test_a_context_is_told_from_the_text(explainer: Explainer) -> None:
    (found,) = explainer.explain([Asked("so happy", 0, "are you sad")])
    assert [word.text for word in found.words] == ["so", "happy"]
    assert [word.text for word in found.context_words] == ["are", "you", "sad"]
    (alone,) = explainer.explain([Asked("so happy", 0)])
    assert alone.context_words == ()
    assert alone.score != found.score


def test_an_average_of_equal_members_is_explained_as_one_of_them(
    model: LoadedModel, explainer: Explainer
) -> None:
    config = model.config.model_copy(update={"members": 2})
    average = build_network(config)
    for number in range(2):
        average.get_layer(member_name(number)).set_weights(model.network.get_weights())
    asked = [Asked(TEXTS[0], 1), Asked(TEXTS[1], OUTPUTS - 1)]
    together = Explainer(LoadedModel(average, config, model.tokenizer)).explain(asked)
    for one, other in zip(together, explainer.explain(asked), strict=True):
        assert one.score == pytest.approx(other.score, rel=1e-4)
        assert [word.value for word in one.words] == pytest.approx(
            [word.value for word in other.words], rel=0.02, abs=2e-4
        )

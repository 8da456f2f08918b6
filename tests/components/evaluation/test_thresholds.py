import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from pydantic import ValidationError
from sklearn.metrics import f1_score, fbeta_score, precision_recall_curve, recall_score

from components.evaluation.platt import fit_platt, logit, sigmoid
from components.evaluation.thresholds import NEVER, tune_thresholds
from components.evaluation.thresholds_config import ThresholdsConfig
from tests.growth import TIMES, assert_linear

# Few distinct values, so that equal scores and the edges 0 and 1 come up often.
_scores = st.sampled_from([0.0, 0.125, 0.25, 0.5, 0.625, 0.75, 0.875, 1.0])


@st.composite
def splits(draw: st.DrawFn) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    shape = draw(st.tuples(st.integers(1, 12), st.integers(1, 4)))
    scores = draw(arrays(np.float32, shape, elements=_scores))
    return scores, draw(arrays(np.uint8, shape, elements=st.integers(0, 1)))


def draw_rows(random, rows, *, labels=20, rate=0.03):
    """Probabilities that are calibrated, and targets drawn from them: most rows are easy, some are not."""
    logits = random.normal(logit(rate) - 1, 1.8, (rows, labels))
    return sigmoid(logits).astype(np.float32), (random.random(logits.shape) < sigmoid(logits)).astype(
        np.uint8
    )


def macro_f1(scores, targets, thresholds):
    return f1_score(targets, scores >= thresholds, average="macro", zero_division=0.0)


def own_best_cuts(scores, targets):
    """The cut of each label that is best on these very rows: all are tried."""
    cuts = []
    for column, marks in zip(scores.T, targets.T, strict=True):
        order = np.argsort(-column)
        hits = np.cumsum(marks[order])
        best = np.argmax(2 * hits / (np.arange(1, len(order) + 1) + marks.sum()))
        cuts.append(column[order][best])
    return np.array(cuts, np.float32)


@pytest.mark.parametrize(
    ("settings", "beta"),
    [({}, 1.0), ({"objective": "f_beta", "beta": 0.5}, 0.5), ({"objective": "f_beta", "beta": 2.0}, 2.0)],
)
def test_the_thresholds_maximise_the_expected_f_beta(settings, beta):
    scores, targets = draw_rows(np.random.default_rng(3), 400, labels=4, rate=0.1)
    tuned = tune_thresholds(scores, targets, ThresholdsConfig(**settings))
    logits = logit(scores.astype(np.float64))
    probabilities = sigmoid(fit_platt(logits, targets > 0).apply(logits))
    for column in range(4):
        likely = probabilities[:, column]

        def expected_f(threshold, likely=likely, column=column):
            taken = scores[:, column] >= threshold
            return (1 + beta**2) * likely[taken].sum() / (taken.sum() + beta**2 * likely.sum())

        best = max(expected_f(score) for score in scores[:, column])
        assert expected_f(tuned[column]) == pytest.approx(best, abs=1e-9)


def test_what_weighs_recall_more_gives_labels_more_often():
    """And each is the best of its own kind on texts that it has not seen."""
    random = np.random.default_rng(12)
    tuning, (scores, targets) = draw_rows(random, 3000), draw_rows(random, 20_000)
    betas = [0.5, 1.0, 2.0]
    tuned = [tune_thresholds(*tuning, ThresholdsConfig(objective="f_beta", beta=beta)) for beta in betas]
    assert (np.diff(tuned, axis=0) < 0).all()
    for beta in betas:
        values = [
            fbeta_score(targets, scores >= cuts, beta=beta, average="macro", zero_division=0.0)
            for cuts in tuned
        ]
        assert int(np.argmax(values)) == betas.index(beta)


@pytest.mark.parametrize("rows", [200, 1000])
def test_a_floor_of_precision_holds_on_unseen_texts(rows):
    """Of labels that are scored too high, and that have ten positives to be tuned on, or fifty."""
    random = np.random.default_rng(13)
    floor = ThresholdsConfig(objective="precision_floor", precision=0.7)
    kept = []
    for _ in range(10):
        tuning, unseen = draw_rows(random, rows, rate=0.06), draw_rows(random, 5000, rate=0.06)[0]
        cuts = tune_thresholds(sigmoid(logit(tuning[0]) + 1), tuning[1], floor)
        decisions = sigmoid(logit(unseen) + 1) >= cuts
        # Scores before they are raised are the probabilities themselves.
        kept += [unseen[given, label].mean() >= 0.7 for label, given in enumerate(decisions.T) if given.any()]
    assert len(kept) > 50
    assert np.mean(kept) > 0.85


def test_with_many_texts_a_floor_takes_all_the_recall_there_is():
    scores, targets = draw_rows(np.random.default_rng(14), 50_000, labels=3, rate=0.1)
    cuts = tune_thresholds(scores, targets, ThresholdsConfig(objective="precision_floor", precision=0.8))
    for label in range(3):
        precisions, recalls, _ = precision_recall_curve(targets[:, label], scores[:, label])
        most = recalls[precisions >= 0.8].max()
        found = recall_score(targets[:, label], scores[:, label] >= cuts[label])
        assert found == pytest.approx(most, abs=0.04)


def test_a_label_that_cannot_keep_the_floor_is_never_given():
    random = np.random.default_rng(15)
    scores, targets = draw_rows(random, 2000, labels=3, rate=0.1)
    scores[:, 1] = random.random(2000) * 0.2  # says nothing of the label
    targets[:, 2] = 0
    cuts = tune_thresholds(scores, targets, ThresholdsConfig(objective="precision_floor", precision=0.5))
    assert cuts[1:].tolist() == [np.float32(NEVER)] * 2
    assert (scores[:, 0] >= cuts[0]).any()


def test_shrinkage_holds_thresholds_together():
    """A label that is scored lower than the others is followed the less, the firmer it is held to them."""
    scores, targets = draw_rows(np.random.default_rng(16), 1000, labels=6, rate=0.1)
    scores[:, 0] = sigmoid(logit(scores[:, 0]) - 2)
    distances = []
    for shrinkage in (0.01, 1, 1000):
        cuts = logit(tune_thresholds(scores, targets, ThresholdsConfig(shrinkage=shrinkage)))
        distances.append(cuts[1:].mean() - cuts[0])
    assert distances[0] == pytest.approx(2, abs=0.4)
    assert distances[0] > distances[1] > distances[2] + 0.5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"objective": "f_beta"}, "beta belongs to objective 'f_beta'.*give a value"),
        ({"objective": "precision_floor"}, "precision belongs to objective 'precision_floor'.*give a value"),
        ({"beta": 2}, "the objective is 'f1'; leave it out"),
        ({"objective": "f_beta", "beta": 2, "precision": 0.8}, "the objective is 'f_beta'; leave it out"),
    ],
)
def test_settings_that_would_do_nothing_are_refused(settings, message):
    with pytest.raises(ValidationError, match=message):
        ThresholdsConfig(**settings)


@given(splits(), st.sampled_from([{}, {"objective": "precision_floor", "precision": 0.5}]))
@settings(max_examples=100)
def test_whatever_the_split_thresholds_lie_inside_zero_and_one(split, objective):
    scores, targets = split
    tuned = tune_thresholds(scores, targets, ThresholdsConfig(**objective))
    assert tuned.dtype == np.float32
    assert tuned.shape == (scores.shape[1],)
    assert ((tuned > 0) & (tuned < 1)).all()


@given(splits(), st.randoms(use_true_random=False))
@settings(max_examples=50)
def test_the_order_of_rows_and_labels_does_not_matter(split, random):
    scores, targets = split
    rows, labels = (random.sample(range(size), size) for size in scores.shape)
    shuffled = tune_thresholds(scores[rows][:, labels], targets[rows][:, labels])
    assert shuffled == pytest.approx(tune_thresholds(scores, targets)[labels], abs=1e-5)


def test_it_beats_each_labels_own_best_cut_on_unseen_rows():
    """Fifteen positives a label: the own optimum of such a sample misses the optimum of the population."""
    random = np.random.default_rng(5)
    gains = []
    for _ in range(10):
        tuning, unseen = draw_rows(random, 500), draw_rows(random, 4000)
        gains.append(macro_f1(*unseen, tune_thresholds(*tuning)) - macro_f1(*unseen, own_best_cuts(*tuning)))
    assert np.mean(gains) > 0.02
    assert np.mean(np.array(gains) > 0) >= 0.9


def test_scores_need_not_be_calibrated():
    """Overconfident scores, all too high, are decided as well as the probabilities that they come from."""
    random = np.random.default_rng(6)
    tuning, unseen = draw_rows(random, 2000), draw_rows(random, 4000)

    def distorted(scores):
        return sigmoid(2 * logit(scores) + 3)

    honest = macro_f1(*unseen, tune_thresholds(*tuning))
    thresholds = tune_thresholds(distorted(tuning[0]), tuning[1])
    assert macro_f1(distorted(unseen[0]), unseen[1], thresholds) == pytest.approx(honest, abs=0.01)


def test_a_label_that_is_scored_too_low_gets_a_lower_threshold():
    random = np.random.default_rng(7)
    scores, targets = draw_rows(random, 5000, labels=6, rate=0.1)
    scores[:, 0] = sigmoid(logit(scores[:, 0]) - 2)
    tuned = tune_thresholds(scores, targets)
    assert logit(tuned[0]) == pytest.approx(logit(tuned[1:]).mean() - 2, abs=0.4)


def test_a_label_without_positives_takes_the_mean_of_the_others():
    scores, targets = draw_rows(np.random.default_rng(8), 500, labels=3, rate=0.1)
    targets[:, 1] = 0
    tuned = tune_thresholds(scores, targets)
    assert logit(tuned[1]) == pytest.approx(logit(tuned[[0, 2]]).mean(), abs=1e-5)


@pytest.mark.parametrize("rows", [0, 3])
def test_without_any_positive_there_is_no_evidence(rows):
    scores, targets = np.full((rows, 2), 0.9, np.float32), np.zeros((rows, 2), np.uint8)
    assert tune_thresholds(scores, targets).tolist() == [0.5, 0.5]
    floor = ThresholdsConfig(objective="precision_floor", precision=0.5)
    assert tune_thresholds(scores, targets, floor).tolist() == [np.float32(NEVER)] * 2


def test_perfect_scores_are_told_apart():
    targets = np.eye(4, dtype=np.uint8).repeat(3, axis=0)
    scores = np.where(targets, 1.0, 0.0).astype(np.float32)
    assert ((scores >= tune_thresholds(scores, targets)) == targets).all()


def test_time_grows_in_proportion_to_the_examples():
    random = np.random.default_rng(0)
    scores = random.random((40_000, 28), dtype=np.float32)
    targets = (random.random(scores.shape) < scores * 0.1).astype(np.uint8)
    some = slice(len(scores) // TIMES)
    assert_linear(lambda given: tune_thresholds(*given), (scores[some], targets[some]), (scores, targets))


@pytest.mark.parametrize(
    ("scores", "targets", "message"),
    [
        ([[0.5]], [[1, 0]], "expected \\[rows, labels\\] twice"),
        ([0.5], [1], "expected \\[rows, labels\\] twice"),
        ([[float("nan")]], [[1]], "NaN or a value outside"),
        ([[1.5]], [[1]], "NaN or a value outside"),
        ([[0.5]], [[2]], "targets must be 0 or 1"),
    ],
)
def test_what_is_no_split_is_refused(scores, targets, message):
    with pytest.raises(ValueError, match=message):
        tune_thresholds(np.array(scores), np.array(targets))

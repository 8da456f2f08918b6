import keras
import numpy as np

from components.modeling.ensembles.average import MeanScores, average_network, member_name
from components.modeling.head_layers import scores_of
from components.modeling.heads import Head

HEADS = (
    Head(name="emotion", task="multi_label", outputs=("joy", "anger")),
    Head(name="sentiment", task="single_label", outputs=("good", "bad", "mixed")),
    Head(name="intensity", task="ordinal", outputs=("low", "middle", "high")),
    Head(name="affect", task="regression", outputs=("valence",), mean=(2.0,), std=(3.0,)),
)


def _member_logits(spread: float) -> list[np.ndarray]:
    members = np.random.default_rng(1).normal(0, spread, (3, 50, 8)).astype(np.float32)
    members[:, :, 5:7] = -np.sort(-members[:, :, 5:7], axis=2)
    return list(members)


def test_scores_are_the_mean_of_the_members_scores():
    members = _member_logits(3)
    expected = np.mean([np.asarray(scores_of(HEADS, logits)) for logits in members], axis=0)
    found = scores_of(HEADS, MeanScores(HEADS)(members))
    np.testing.assert_allclose(np.asarray(found), expected, atol=1e-6)


def test_members_that_are_quite_sure_stay_finite():
    members = _member_logits(300)
    logits = np.asarray(MeanScores(HEADS)(members))
    assert np.isfinite(logits).all()
    expected = np.mean([np.asarray(scores_of(HEADS, each)) for each in members], axis=0)
    np.testing.assert_allclose(np.asarray(scores_of(HEADS, logits)), expected, rtol=1e-5, atol=1e-5)


def test_the_network_holds_all_members():
    def member(number: int) -> keras.Model:
        inputs = {
            name: keras.Input((None,), dtype="int32", name=name)
            for name in ("token_ids", "segment_ids", "padding_mask")
        }
        mean = keras.ops.mean(keras.ops.cast(inputs["token_ids"], "float32"), axis=1, keepdims=True)
        dense = keras.layers.Dense(2, kernel_initializer=keras.initializers.Constant(number))
        return keras.Model(inputs, dense(mean), name=member_name(number))

    average = average_network([member(0), member(1)], HEADS[:1])
    inputs = dict.fromkeys(("token_ids", "segment_ids", "padding_mask"), np.ones((1, 4), np.int32))
    scores = np.asarray(scores_of(HEADS[:1], average(inputs)))
    np.testing.assert_allclose(scores, [[(0.5 + 1 / (1 + np.exp(-1))) / 2] * 2], rtol=1e-5)
    assert average.count_params() == 2 * 4

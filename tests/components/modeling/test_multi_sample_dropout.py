import keras
import numpy as np
import tensorflow as tf

from components.modeling.heads import Head
from components.modeling.multi_sample_dropout import MultiSampleDropout
from components.modeling.training.objective import HeadsLoss
from components.modeling.training.regularization.samples import loss_of_samples


def test_outside_training_it_does_nothing() -> None:
    pooled = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    layer = MultiSampleDropout(0.5, 4)
    np.testing.assert_array_equal(layer(pooled, training=False), pooled)
    assert layer(keras.Input((4,))).shape == (None, 4)


def test_in_training_each_copy_drops_units_of_its_own_and_keeps_the_mean() -> None:
    keras.utils.set_random_seed(0)
    pooled = np.ones((8, 500), np.float32)
    copies = MultiSampleDropout(0.3, 4)(pooled, training=True).numpy().reshape(4, 8, 500)
    np.testing.assert_allclose(copies[copies != 0], 1 / 0.7, rtol=1e-6)
    assert abs((copies == 0).mean() - 0.3) < 0.02
    assert not (copies[0] == copies[1]).all()


def test_vectors_by_label_are_repeated_by_text() -> None:
    pooled = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    copies = MultiSampleDropout(0.0, 2)(pooled, training=True).numpy()
    np.testing.assert_array_equal(copies, np.concatenate([pooled, pooled]))


def test_the_loss_is_the_mean_of_the_copies_losses() -> None:
    generator = np.random.default_rng(1)
    loss = HeadsLoss((Head(outputs=("a", "b")),))
    logits = generator.normal(size=(3, 4, 2)).astype(np.float32)
    targets = generator.integers(0, 2, (4, 2)).astype(np.float32)
    weights = generator.random(4).astype(np.float32)
    found = loss_of_samples(loss, 3)(tf.constant(logits.reshape(12, 2)), targets, weights)
    expected = np.mean([float(loss(tf.constant(copy), targets, weights)) for copy in logits])
    np.testing.assert_allclose(float(found), expected, rtol=1e-6)

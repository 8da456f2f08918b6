import math
import time

import pytest
import tensorflow as tf

from components.modeling.training.meter import Meter


def test_losses_are_averaged_over_examples_since_the_last_reading_and_in_all() -> None:
    meter = Meter()
    meter.add(tf.constant(1.0), examples=30)
    meter.add(tf.constant(4.0), examples=10)
    assert meter.read().loss == pytest.approx(1.75)
    meter.add(tf.constant(0.5), examples=40)
    assert meter.read().loss == pytest.approx(0.5)
    assert meter.total.loss == pytest.approx((30 + 40 + 20) / 80)


def test_throughput_is_examples_by_time() -> None:
    meter = Meter()
    meter.add(tf.constant(1.0), examples=50)
    time.sleep(0.1)
    first = meter.read()
    assert 50 / 0.5 < first.examples_per_second <= 50 / 0.1
    assert meter.total.examples_per_second == pytest.approx(first.examples_per_second, rel=1e-3)


def test_a_loss_that_is_no_number_shows() -> None:
    meter = Meter()
    meter.add(tf.constant(float("nan")), examples=1)
    assert math.isnan(meter.read().loss)
    assert math.isnan(meter.total.loss)

import json
import math

import numpy as np
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
    now = 100.0
    meter = Meter(clock=lambda: now)
    meter.add(tf.constant(1.0), examples=50, tokens=700)
    now += 0.5
    first = meter.read()
    assert (first.examples_per_second, first.tokens_per_second) == (100, 1400)
    meter.add(tf.constant(1.0), examples=50, tokens=500)
    now += 1.5
    assert meter.read().examples_per_second == pytest.approx(100 / 3)
    assert (meter.total.examples_per_second, meter.total.tokens_per_second) == (50, 600)


def test_a_loss_that_is_no_number_shows() -> None:
    meter = Meter()
    meter.add(tf.constant(float("nan")), examples=1)
    assert math.isnan(meter.read().loss)
    assert math.isnan(meter.total.loss)


def test_waiting_is_a_share_of_the_time() -> None:
    now = 100.0
    meter = Meter(clock=lambda: now)
    meter.add(tf.constant(1.0), examples=1, waited=0.25)
    now += 1.0
    assert meter.read().input_share == 0.25
    now += 1.0
    assert meter.read().input_share == 0
    assert meter.total.input_share == 0.125


def test_a_meter_goes_on_where_another_was() -> None:
    whole, first = Meter(), Meter()
    losses = [0.1, 0.7, 0.3, 0.9]
    for loss in losses:
        whole.add(tf.constant(loss), examples=3)
    first.add(tf.constant(losses[0]), examples=3)
    first.read()
    first.add(tf.constant(losses[1]), examples=3)
    second = Meter.resumed(json.loads(json.dumps(first.state())))
    for loss in losses[2:]:
        second.add(tf.constant(loss), examples=3)
    assert second.read().loss == pytest.approx(np.mean(losses[1:]))
    whole.read()
    assert second.total.loss == pytest.approx(whole.total.loss)

import json
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from components.core.errors import ConfigError
from components.modeling.training.distribution import Distribution
from components.modeling.training.distribution_config import DistributionConfig


def test_a_name_alone_is_a_strategy() -> None:
    assert DistributionConfig.model_validate("mirrored") == DistributionConfig(strategy="mirrored")


@pytest.mark.parametrize("name", ["parameter_server", "ParameterServerStrategy", "central-storage"])
def test_what_keras_does_not_support_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match=r"Keras 3 does not support the strategy .*use `mirrored`"):
        DistributionConfig.model_validate(name)


def test_the_learning_rate_grows_with_the_global_batch_if_asked() -> None:
    factors = {
        scaling: DistributionConfig(learning_rate_scaling=scaling).learning_rate_factor(16)
        for scaling in ("none", "linear", "sqrt")
    }
    assert factors == {"none": 1.0, "linear": 16.0, "sqrt": 4.0}


def test_one_device_is_its_own_chief() -> None:
    distribution = Distribution.of(DistributionConfig())
    assert (distribution.replicas, list(distribution.local_replicas)) == (1, [0])
    assert distribution.is_chief
    assert distribution.is_alone
    assert distribution.any(True)
    assert distribution.from_chief(np.array(3.5)) == 3.5


@pytest.mark.parametrize(
    ("strategy", "cluster", "message"),
    [
        ("mirrored", None, "`mirrored` needs several GPUs, but TensorFlow sees 1 device"),
        ("multi_worker", None, "`multi_worker` needs the environment variable TF_CONFIG"),
        ("multi_worker", {"cluster": {"worker": ["a:1"]}}, "at least two workers"),
        ("auto", "{", "TF_CONFIG is no JSON"),
    ],
)
def test_devices_that_are_not_there_are_a_clear_error(
    monkeypatch: pytest.MonkeyPatch, strategy: Any, cluster: Any, message: str
) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if cluster is not None:
        monkeypatch.setenv("TF_CONFIG", cluster if isinstance(cluster, str) else json.dumps(cluster))
    with pytest.raises(ConfigError, match=message):
        Distribution.of(DistributionConfig(strategy=strategy))


def test_machines_that_come_too_late_are_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorflow as tf

    tf.constant(1.0)
    cluster = {"cluster": {"worker": ["127.0.0.1:1", "127.0.0.1:2"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    with pytest.raises(ConfigError, match="this process has used TensorFlow already"):
        Distribution.of(DistributionConfig())

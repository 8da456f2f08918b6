import pytest

from components.core.errors import ConfigError
from pipeline.config import parse_config
from pipeline.running.runner_config import RetryConfig, RunnerConfig


def config(**runner: object) -> RunnerConfig:
    return parse_config({"name": "mine", "example_gen": {"source": "data.csv"}, "runner": runner}).runner


def test_limits_need_a_process_that_can_be_killed():
    assert config(workers=1, timeouts={"trainer": 60}, memory_mib=8000).timeouts == {"trainer": 60}
    for limit in ({"timeouts": {"trainer": 60}}, {"memory_mib": 8000}):
        with pytest.raises(ConfigError, match="set `workers` to 1 or more"):
            config(workers=0, **limit)


def test_a_misspelt_stage_is_named():
    stages = ("example_gen", "trainer")
    config(timeouts={"trainer": 60}).check_stages(stages)
    with pytest.raises(ConfigError, match=r"names `trianer`, .* did you mean `trainer`"):
        config(timeouts={"trianer": 60}).check_stages(stages)
    with pytest.raises(ConfigError, match="there are example_gen, trainer"):
        config(retries={"stages": ["x"]}).check_stages(stages)


def test_delays_double_up_to_a_limit():
    retries = RetryConfig(first_delay_s=2, max_delay_s=10)
    assert [retries.delay_s(attempts) for attempts in (1, 2, 3, 4)] == [2, 4, 8, 10]

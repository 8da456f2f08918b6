import pytest

from components.modeling.training.schedule import WarmupLinearDecay


@pytest.mark.parametrize(
    ("step", "expected"),
    [(0, 0.025), (1, 0.05), (3, 0.1), (4, 0.1), (12, 0.05), (19, 0.1 / 16), (20, 0.0), (25, 0.0)],
)
def test_rises_to_the_peak_and_falls_to_zero(step: int, expected: float) -> None:
    schedule = WarmupLinearDecay(peak=0.1, warmup_steps=4, total_steps=20)
    assert float(schedule(step)) == pytest.approx(expected)


def test_without_warmup_it_starts_at_the_peak() -> None:
    schedule = WarmupLinearDecay(peak=0.1, warmup_steps=0, total_steps=1)
    assert float(schedule(0)) == pytest.approx(0.1)

import numpy as np
import pytest

from components.modeling.ensembles.soup import Weights, greedy_soup, uniform_soup


def _weights(*values: float) -> Weights:
    return [np.array(values, np.float32), np.full((2, 2), values[0], np.float32)]


def test_the_uniform_soup_is_the_mean_of_all():
    soup = uniform_soup([_weights(1, 2), _weights(3, 6)])
    assert soup.members == (0, 1)
    assert soup.weights[0].tolist() == [2, 4]
    assert soup.weights[1].tolist() == [[2, 2], [2, 2]]
    assert soup.weights[0].dtype == np.float32


def test_the_greedy_soup_takes_what_helps_and_leaves_what_does_not():
    """The nearer the first weight is to 5, the better: 4 and 7 do not help each other, but 4 and 6 do."""
    members = [_weights(7, 0), _weights(4, 0), _weights(20, 0), _weights(6, 0)]

    def measure(weights: Weights) -> float:
        return -abs(float(weights[0][0]) - 5)

    soup = greedy_soup(members, [measure(member) for member in members], measure)
    assert soup.members == (1, 3)
    assert soup.weights[0][0] == 5


def test_the_greedy_soup_is_never_worse_than_the_best_member():
    random = np.random.default_rng(0)
    for _ in range(50):
        optimum = random.normal(size=3)
        members = [[random.normal(size=3)] for _ in range(5)]

        def measure(weights: Weights, optimum: np.ndarray = optimum) -> float:
            return -float(np.linalg.norm(weights[0] - optimum))

        metrics = [measure(member) for member in members]
        assert measure(greedy_soup(members, metrics, measure).weights) >= max(metrics)


def test_members_of_other_shapes_are_no_soup():
    with pytest.raises(ValueError, match="zip"):
        uniform_soup([_weights(1), [np.ones(1)]])

import numpy as np
import pytest
from pydantic import ValidationError

from components.core.errors import ConfigError
from components.modeling.dataset import Batch, TokenDataset
from components.modeling.training.batching import Batches, Step
from components.modeling.training.batching_config import BatchingConfig


def _dataset(rows: int, *, seed: int = 0) -> TokenDataset:
    generator = np.random.default_rng(seed)
    lengths = generator.integers(2, 61, rows)
    # Every row's tokens are its own number, so that rows can be recognised in batches.
    return TokenDataset(
        tokens=np.repeat(np.arange(1, rows + 1), lengths).astype(np.int32),
        starts=np.cumsum([0, *lengths], dtype=np.int64),
        targets=generator.integers(0, 2, (rows, 3)).astype(np.float32),
        weights=generator.random(rows).astype(np.float32),
    )


def _steps(
    rows: int, *, batch_size: int = 16, epoch: int = 1, replicas: int = 1, start: int = 0, **settings: object
) -> list[Step]:
    config = BatchingConfig.model_validate(settings)
    batches = Batches(_dataset(rows), config, batch_size=batch_size, seed=1, replicas=replicas)
    return list(batches.epoch(epoch, start=start))


def _rows(part: Batch) -> list[int]:
    """The rows of a part; blank ones weigh nothing."""
    return [
        int(token) - 1
        for token, weight in zip(part.inputs["token_ids"][:, 0], part.weights, strict=True)
        if weight
    ]


def _all_rows(steps: list[Step]) -> list[int]:
    return [row for step in steps for part in step.parts for row in _rows(part)]


def _shapes(steps: list[Step]) -> set[tuple[int, ...]]:
    return {part.inputs["token_ids"].shape for step in steps for part in step.parts}


def test_an_epoch_holds_every_row_once_with_its_target_and_weight() -> None:
    dataset = _dataset(1000)
    steps = _steps(1000)
    assert len(steps) == 63
    assert sorted(_all_rows(steps)) == list(range(1000))
    for step in steps:
        (batch,) = step.parts
        rows = _rows(batch)
        np.testing.assert_array_equal(batch.targets, dataset.targets[rows])
        np.testing.assert_array_equal(batch.weights, dataset.weights[rows])
        np.testing.assert_array_equal(batch.inputs["padding_mask"].sum(axis=1), dataset.lengths[rows])
        assert (step.examples, step.tokens) == (len(rows), dataset.lengths[rows].sum())


def test_batches_hold_texts_of_like_length_in_random_order() -> None:
    steps = _steps(4096)
    padded = sum(step.parts[0].inputs["token_ids"].size for step in steps)
    assert padded < 1.05 * len(_dataset(4096).tokens)
    longest = np.array([step.parts[0].inputs["token_ids"].shape[1] for step in steps])
    assert abs(np.corrcoef(np.arange(len(longest)), longest)[0, 1]) < 0.2


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        batches = Batches(_dataset(200), BatchingConfig(), batch_size=8, seed=seed)
        return _all_rows(list(batches.epoch(epoch)))

    assert order(1, 1) == order(1, 1)
    assert order(1, 1) != order(1, 2)
    assert order(1, 1) != order(2, 1)


def test_an_epoch_goes_on_after_any_step() -> None:
    whole = _steps(200)
    for start in (1, 5, len(whole)):
        rest = _steps(200, start=start)
        assert _all_rows(rest) == _all_rows(whole[start:])


def test_a_budget_of_tokens_is_kept_and_used() -> None:
    steps = _steps(4000, max_tokens_per_batch=512)
    sizes = [step.parts[0].inputs["token_ids"].size for step in steps]
    assert max(sizes) <= 512
    assert np.mean(sizes) > 0.9 * 512
    assert sorted(_all_rows(steps)) == list(range(4000))
    rows = {len(step.parts[0].weights) for step in steps}
    assert max(rows) > 5 * min(rows), "short texts stand in larger batches"


def test_a_bound_of_tokens_makes_only_the_longest_batches_smaller() -> None:
    free, bound = _steps(4000), _steps(4000, long_batch_tokens=480)
    assert max(step.parts[0].inputs["token_ids"].size for step in free) > 480
    for step in bound:
        rows, length = step.parts[0].inputs["token_ids"].shape
        assert rows * length <= 480
        assert rows == min(16, 480 // length) or step.examples < 16
    assert sum(step.examples == 16 for step in bound) > len(bound) / 4
    assert sorted(_all_rows(bound)) == list(range(4000))


@pytest.mark.parametrize("setting", ["max_tokens_per_batch", "long_batch_tokens"])
def test_a_text_that_exceeds_the_budget_stands_alone(setting: str) -> None:
    steps = _steps(50, **{setting: 4})
    assert sorted(_all_rows(steps)) == list(range(50))


@pytest.mark.parametrize("budget", [None, 512])
def test_lengths_from_a_list_and_full_batches_make_static_shapes(budget: int | None) -> None:
    lengths = (16, 32, 64)
    for last_batch in ("drop", "pad"):
        steps = _steps(1003, pad_to=lengths, last_batch=last_batch, max_tokens_per_batch=budget)
        expected = {(16 if budget is None else budget // length, length) for length in lengths}
        assert _shapes(steps) == expected
        found = _all_rows(steps)
        assert len(found) == len(set(found))
        assert (len(found) == 1003) == (last_batch == "pad")
        assert len(found) > 0.95 * 1003


def test_lengths_are_multiples_of_a_number() -> None:
    assert all(length % 8 == 0 for _, length in _shapes(_steps(500, pad_to=8)))


def test_a_text_longer_than_every_length_is_an_error() -> None:
    with pytest.raises(
        ConfigError, match="the longest text has 60 tokens, but texts are padded to 32 at most"
    ):
        _steps(500, pad_to=(16, 32))


@pytest.mark.parametrize("pad_to", [(32, 16), (16, 16), (), 0, "shortest"])
def test_lengths_that_make_no_sense_are_refused(pad_to: object) -> None:
    with pytest.raises(ValidationError):
        BatchingConfig.model_validate({"pad_to": pad_to})


@pytest.mark.parametrize("last_batch", ["keep", "pad"])
@pytest.mark.parametrize(("replicas", "accumulation"), [(2, 1), (1, 4), (2, 3)])
def test_parts_are_the_same_step_whatever_their_number(
    last_batch: str, replicas: int, accumulation: int
) -> None:
    parts = replicas * accumulation
    whole = _steps(97, batch_size=4 * parts)
    dealt = _steps(
        97, batch_size=4, replicas=replicas, gradient_accumulation=accumulation, last_batch=last_batch
    )
    dataset = _dataset(97)
    values = dataset.targets[:, 0] + np.arange(97)
    for one, several in zip(whole, dealt, strict=True):
        assert len(several.parts) == parts
        assert sorted(_all_rows([one])) == sorted(_all_rows([several]))
        # What a step computes: the mean over parts of the mean over rows of loss x weight.
        means = [
            np.mean(part.weights.astype(np.float64) * values[part.inputs["token_ids"][:, 0] - 1])
            for part in several.parts
        ]
        (batch,) = one.parts
        expected = np.mean(batch.weights.astype(np.float64) * values[_rows(batch)])
        assert np.mean(means) == pytest.approx(expected, rel=1e-6)
        assert several.examples == one.examples


def test_augmentation_depends_on_the_place_in_the_order_alone() -> None:
    def drop_words(batch: Batch, random: np.random.Generator) -> Batch:
        kept = random.random(batch.inputs["token_ids"].shape) > 0.5
        inputs = {**batch.inputs, "token_ids": batch.inputs["token_ids"] * kept}
        return Batch(inputs, batch.targets, batch.weights)

    def tokens(start: int, epoch: int = 1) -> list[list[int]]:
        batches = Batches(
            _dataset(100),
            BatchingConfig(gradient_accumulation=2),
            batch_size=8,
            seed=1,
            augment=drop_words,
        )
        return [
            part.inputs["token_ids"].tolist()
            for step in batches.epoch(epoch, start=start)
            for part in step.parts
        ]

    assert tokens(start=3) == tokens(start=0)[6:]
    assert tokens(start=0) != tokens(start=0, epoch=2)

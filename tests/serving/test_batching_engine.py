"""Batched answers against those of the model's own engine."""

import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

from serving.batcher import Batcher
from serving.batching_engine import BatchingEngine
from serving.batching_parameters import BatchingSettings
from serving.call import Call, running
from serving.description import DESCRIPTION_FILE
from serving.engine import Engine, LoadOptions, Tensors
from serving.errors import CancelledError, DeadlineExceededError, InvalidArgumentError, UnavailableError
from serving.predictor import Predictor, encode_texts
from tests.serving.conftest import MAX_TOKENS, TEXTS, ToyModel
from tests.waiting import until

TIMEOUT_S = 60.0
TOLERANCE = 1e-6


class Watched:
    """The model's own engine; notes the batches that it is given, and holds them up while the gate is shut."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.signature_defs = engine.signature_defs
        self.batches: list[tuple[str, tuple[int, ...]]] = []
        self.gate = threading.Event()
        self.gate.set()

    def compute(
        self, signature_name: str, inputs: Tensors, outputs: tuple[str, ...]
    ) -> dict[str, npt.NDArray[Any]]:
        if signature_name != "tokenize":
            self.batches.append((signature_name, next(iter(inputs.values())).shape))
            assert self.gate.wait(TIMEOUT_S)
        return self._engine.compute(signature_name, inputs, outputs)

    def close(self) -> None:
        self._engine.close()


class Batched:
    """A batching predictor, and what its model computes."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        batcher = Batcher(BatchingSettings(**{"num_batch_threads": 1, **settings}), max_tokens=512)

        def wrap(engine: Engine, path: Path) -> Engine:
            self.watched = Watched(engine)
            return BatchingEngine(batcher, self.watched, path)

        self.predictor = Predictor(directory, LoadOptions(wrap=wrap))
        self.batcher = batcher
        self.run = self.predictor.run
        self.pool = ThreadPoolExecutor(16)

    def together(self, *requests: Callable[[], Any]) -> list[Any]:
        """Answers (or errors) of requests that wait for the same batch, behind one that holds them up."""
        self.watched.gate.clear()
        busy = self.pool.submit(self.run, "", {"text": encode_texts(["so"])})
        until(lambda: bool(self.watched.batches))
        futures = []
        for request in requests:
            before = self.batcher.queued_rows
            futures.append(self.pool.submit(request))
            until(partial(self._has_come, before, futures[-1]))
        self.watched.gate.set()
        busy.result(TIMEOUT_S)
        return [future.exception(TIMEOUT_S) or future.result() for future in futures]

    def _has_come(self, before: int, future: Future[Any]) -> bool:
        return self.batcher.queued_rows != before or future.done()

    def close(self) -> None:
        self.watched.gate.set()
        self.pool.shutdown()
        self.predictor.close()


@pytest.fixture
def batching() -> Iterator[Callable[..., Batched]]:
    made: list[Batched] = []

    def make(directory: Path, **settings: Any) -> Batched:
        made.append(Batched(directory, **settings))
        return made[-1]

    yield make
    for batched in made:
        batched.close()


def assert_same(got: Any, expected: Tensors) -> None:
    assert isinstance(got, dict), got
    assert list(got) == list(expected)
    for name, array in expected.items():
        assert got[name].dtype == array.dtype
        assert got[name].shape == array.shape, name
        if array.dtype == np.float32:
            np.testing.assert_allclose(got[name], array, rtol=0, atol=TOLERANCE)
        else:
            np.testing.assert_array_equal(got[name], array)


def examples(*texts: str) -> npt.NDArray[np.object_]:
    array = np.empty(len(texts), dtype=object)
    for position, text in enumerate(texts):
        feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[text.encode()]))
        features = tf.train.Features(feature={"text": feature})
        array[position] = tf.train.Example(features=features).SerializeToString()
    return array


def tokens(rows: int, length: int, first: int = 4) -> dict[str, npt.NDArray[np.int32]]:
    ids = (np.arange(rows * length, dtype=np.int32).reshape(rows, length) % 12 + first).astype(np.int32)
    return {"token_ids": ids, "padding_mask": np.ones_like(ids)}


def test_texts_of_several_callers_are_one_batch(
    batching: Callable[..., Batched], toy_model: ToyModel, predictor: Predictor
) -> None:
    batched = batching(toy_model.directory)
    requests = [
        {"text": encode_texts(texts)} for texts in (["so sad"], ["i am", "so happy"], ["angry , so !"])
    ]
    answers = batched.together(*(partial(batched.run, "", request) for request in requests))
    assert batched.watched.batches[1:] == [("serving_default", (4,))]
    for request, answer in zip(requests, answers, strict=True):
        assert_same(answer, predictor.run("", request))


def test_a_row_that_comes_alone_is_computed_as_it_is(
    batching: Callable[..., Batched], toy_model: ToyModel, predictor: Predictor
) -> None:
    batched = batching(toy_model.directory)
    text = {"text": encode_texts(["so sad"])}
    for _ in range(2):  # the first has given its place back
        assert_same(batched.run("", text), predictor.run("", text))
    with pytest.raises(InvalidArgumentError):
        batched.run("classify", {"inputs": np.array([b"no example"], object)})
    assert_same(batched.run("", text), predictor.run("", text))
    alone = ("serving_default", (1,))
    assert batched.watched.batches == [alone, alone, ("classify", (1,)), alone]


def test_a_row_is_not_alone_where_it_is_to_wait(
    batching: Callable[..., Batched], toy_model: ToyModel, predictor: Predictor
) -> None:
    batched = batching(toy_model.directory, batch_timeout_micros=2**40, max_batch_size=2)
    text = {"text": encode_texts(["so sad"])}
    answers = [batched.pool.submit(batched.run, "", text) for _ in range(2)]
    for answer in answers:
        assert_same(answer.result(TIMEOUT_S), predictor.run("", text))
    assert batched.watched.batches == [("serving_default", (2,))]


def test_a_row_is_not_alone_where_batches_are_filled_up(
    batching: Callable[..., Batched], toy_model: ToyModel, predictor: Predictor
) -> None:
    batched = batching(toy_model.directory, allowed_batch_sizes=(4,))
    text = {"text": encode_texts(["so sad"])}
    assert_same(batched.run("", text), predictor.run("", text))
    assert batched.watched.batches == [("serving_default", (4,))]


def test_nobody_computes_alone_for_a_client_that_has_gone(
    batching: Callable[..., Batched], toy_model: ToyModel
) -> None:
    batched = batching(toy_model.directory)
    call = Call()
    call.cancel()
    with running(call), pytest.raises(CancelledError):
        batched.run("", {"text": encode_texts(["so"])})
    assert not batched.watched.batches


@pytest.mark.parametrize(("skips_padding", "batches"), [(False, [1, 12]), (True, [13])])
def test_texts_of_any_length_go_together_where_the_model_skips_padding(
    batching: Callable[..., Batched],
    toy_model: ToyModel,
    tmp_path: Path,
    skips_padding: bool,
    batches: list[int],
) -> None:
    directory = shutil.copytree(toy_model.directory, tmp_path / "1")
    path = directory / DESCRIPTION_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), "skips_padding": skips_padding}))
    batched = batching(directory)
    requests = ({"text": encode_texts(texts)} for texts in (["so"] * 12, ["so happy " * 500]))
    batched.together(*(partial(batched.run, "", request) for request in requests))
    assert sorted(rows for _, (rows,) in batched.watched.batches[1:]) == batches


def test_of_two_segments_too(
    batching: Callable[..., Batched], large_model: ToyModel, large_predictor: Predictor
) -> None:
    batched = batching(large_model.directory)
    inputs = {"text": encode_texts(TEXTS), "context": encode_texts(TEXTS[::-1])}
    assert_same(batched.run("", inputs), large_predictor.run("", inputs))
    regression = {"inputs": examples("so happy", "sad")}
    assert_same(
        batched.run("regress_valence", regression), large_predictor.run("regress_valence", regression)
    )


def test_every_output_filter(
    batching: Callable[..., Batched], toy_model: ToyModel, predictor: Predictor
) -> None:
    batched = batching(toy_model.directory)
    inputs = {"text": encode_texts(TEXTS)}
    for outputs in (("scores",), ("predicted", "labels")):
        assert_same(batched.run("", inputs, outputs), predictor.run("", inputs, outputs))


def test_one_bad_row_fails_its_own_request_alone(
    batching: Callable[..., Batched], toy_model: ToyModel, predictor: Predictor
) -> None:
    batched = batching(toy_model.directory)
    good, bad = {"inputs": examples("so happy", "sad")}, {"inputs": examples("so", "x")}
    bad["inputs"][1] = b"no example"
    with pytest.raises(InvalidArgumentError) as alone:
        predictor.run("classify", bad)
    answers = batched.together(*(partial(batched.run, "classify", one) for one in (good, bad, good)))
    # The bad row is the longest, by its bytes, and stands in a batch of its own.
    assert batched.watched.batches[1] == ("classify", (5,)), "they did share a batch"
    for answer in (answers[0], answers[2]):
        assert_same(answer, predictor.run("classify", good))
    assert isinstance(answers[1], InvalidArgumentError)
    assert str(answers[1]) == str(alone.value)


def test_token_ids_of_one_length_share_a_batch(
    batching: Callable[..., Batched], toy_model: ToyModel, predictor: Predictor
) -> None:
    batched = batching(toy_model.directory)
    requests = [tokens(2, 5), tokens(1, 7), tokens(1, 5, first=5)]
    answers = batched.together(*(partial(batched.run, "tokens", request) for request in requests))
    assert sorted(batched.watched.batches[1:]) == [("tokens", (1, 7)), ("tokens", (3, 5))]
    for request, answer in zip(requests, answers, strict=True):
        assert_same(answer, predictor.run("tokens", request))


def test_those_of_several_lengths_do_if_they_may_be_padded(
    batching: Callable[..., Batched], toy_model: ToyModel, predictor: Predictor
) -> None:
    batched = batching(toy_model.directory, pad_variable_length_inputs=True)
    requests = [tokens(2, 5), tokens(1, 7)]
    answers = batched.together(*(partial(batched.run, "tokens", request) for request in requests))
    assert batched.watched.batches[1:] == [("tokens", (3, 7))]
    for request, answer in zip(requests, answers, strict=True):
        assert_same(answer, predictor.run("tokens", request))


def test_batches_are_filled_up_to_an_allowed_size(
    batching: Callable[..., Batched], toy_model: ToyModel, predictor: Predictor
) -> None:
    batched = batching(toy_model.directory, max_batch_size=8, allowed_batch_sizes=(1, 4, 8))
    inputs = {"inputs": examples("so happy", "sad", "angry")}
    assert_same(batched.run("classify", inputs), predictor.run("classify", inputs))
    assert batched.watched.batches == [("classify", (4,))]


def test_what_depends_on_the_batch_is_computed_alone(
    batching: Callable[..., Batched], toy_model: ToyModel, predictor: Predictor
) -> None:
    """The width of `tokenize` is that of the longest text."""
    batched = batching(toy_model.directory)
    short, long = {"text": encode_texts(["so"])}, {"text": encode_texts(["so happy today"])}
    answers = batched.together(*(partial(batched.run, "tokenize", request) for request in (short, long)))
    assert_same(answers[0], predictor.run("tokenize", short))
    assert_same(answers[1], predictor.run("tokenize", long))


def test_malformed_requests_fail_as_they_do_without_batching(
    batching: Callable[..., Batched], toy_model: ToyModel, predictor: Predictor
) -> None:
    batched = batching(toy_model.directory)
    uneven = {**tokens(2, 5), "padding_mask": np.ones((1, 5), np.int32)}
    too_long = tokens(1, MAX_TOKENS + 1)
    for inputs in (uneven, too_long):
        try:
            expected = predictor.run("tokens", inputs)
        except InvalidArgumentError as error:
            with pytest.raises(InvalidArgumentError, match=re.escape(str(error))):
                batched.run("tokens", inputs)
        else:
            assert_same(batched.run("tokens", inputs), expected)
    empty = {"text": encode_texts([])}
    assert_same(batched.run("", empty), predictor.run("", empty))


def test_models_of_others_share_batches(batching: Callable[..., Batched], half_plus_two: Path) -> None:
    batched = batching(half_plus_two)
    assert batched.run("", {"x": np.float32([2, 4])})["y"].tolist() == [3, 4]
    assert batched.run("product", {"x": np.float32([[1, 2]])})["y"].tolist() == [[3]]
    # A scalar has no rows.
    assert batched.run("", {"x": np.array(2, np.float32)})["y"].tolist() == 3


def test_a_crowd_gets_the_answers_it_would_get_alone(
    batching: Callable[..., Batched], toy_model: ToyModel, predictor: Predictor
) -> None:
    """Under cancellation, deadlines, overload and bad rows."""
    batched = batching(
        toy_model.directory,
        num_batch_threads=2,
        max_batch_size=8,
        max_enqueued_batches=3,
        pad_variable_length_inputs=True,
    )
    pool = [" ".join(TEXTS[:count]) for count in range(7)]
    expected = predictor.run("", {"text": encode_texts(pool)})
    as_classified = predictor.run("classify", {"inputs": examples(*pool)})
    counts = {"answered": 0, "refused": 0, "over": 0, "bad": 0}
    lock = threading.Lock()

    def client(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for _ in range(40):
            chosen = rng.integers(0, len(pool), rng.integers(1, 9))
            texts = [pool[index] for index in chosen]
            call = Call(float(rng.choice([0.002, TIMEOUT_S, TIMEOUT_S])))
            if rng.random() < 0.2:
                threading.Timer(rng.random() / 200, call.cancel).start()
            bad = False
            try:
                with running(call):
                    if rng.random() < 0.5:
                        answer, all_answers = batched.run("", {"text": encode_texts(texts)}), expected
                    else:
                        inputs = {"inputs": examples(*texts)}
                        if bad := bool(rng.random() < 0.2):
                            inputs["inputs"][0] = b"no example"
                        answer, all_answers = batched.run("classify", inputs), as_classified
                assert_same(answer, {name: values[chosen] for name, values in all_answers.items()})
                assert not bad
                end = "answered"
            except UnavailableError:
                end = "refused"
            except (DeadlineExceededError, CancelledError):
                end = "over"
            except InvalidArgumentError:
                assert bad
                end = "bad"
            with lock:
                counts[end] += 1

    for future in [batched.pool.submit(client, seed) for seed in range(12)]:
        future.result(TIMEOUT_S)
    assert sum(counts.values()) == 12 * 40
    assert min(counts.values()) > 0, counts
    assert batched.batcher.queued_rows == 0

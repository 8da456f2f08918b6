"""Changes of the training texts, read back word by word."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from components.core.errors import ConfigError
from components.modeling.dataset import Batch, pad_tokens
from components.modeling.training.regularization.augmentation import Augmentation
from components.modeling.training.regularization.settings import AugmentationSettings
from tflite.host_tokenizer import TokenizerSpec
from tflite.text import CleaningRules

TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghij", *(f"##{piece}" for piece in "vwxyz"))
WORDS, PIECES = list(range(5, 15)), list(range(15, 20))

Word = tuple[int, ...]
Text = list[list[Word]]
"""The words of each segment."""


def _tokenizer(tokens: tuple[str, ...] = TOKENS) -> TokenizerSpec:
    rules = CleaningRules(lowercase=True, strip_accents=True)
    return TokenizerSpec(vocabulary=tokens, rules=rules, max_tokens=64)


def _texts(count: int, *, segments: int, longest: int = 12) -> list[Text]:
    generator = np.random.default_rng(5)

    def word() -> Word:
        pieces = generator.choice(PIECES, generator.integers(0, 3)).tolist()
        return (int(generator.choice(WORDS)), *pieces)

    return [
        [[word() for _ in range(generator.integers(0, longest))] for _ in range(segments)]
        for _ in range(count)
    ]


def _batch(texts: list[Text]) -> Batch:
    rows, segments = [], []
    for text in texts:
        row, segment = [2], [0]
        for number, words in enumerate(text):
            tokens = [token for word in words for token in word]
            row += [*tokens, 3]
            segment += [number] * (len(tokens) + 1)
        rows.append(np.array(row, np.int32))
        segments.append(np.array(segment, np.int32))
    return Batch(
        pad_tokens(rows, segments),
        np.zeros((len(texts), 2), np.float32),
        np.arange(len(texts)).astype(np.float32),
    )


def _read(batch: Batch) -> list[Text]:
    """The texts of a batch, one token after the other; checks [CLS], [SEP], segments and padding."""
    texts = []
    columns = (batch.inputs[name] for name in ("token_ids", "segment_ids", "padding_mask"))
    for ids, segments, mask in zip(*columns, strict=True):
        length = mask.sum()
        assert mask[:length].all()
        assert not ids[length:].any()
        assert not segments[length:].any()
        assert ids[0] == 2
        assert ids[length - 1] == 3
        text: Text = [[]]
        for token, segment in zip(
            ids[1 : length - 1].tolist(), segments[1 : length - 1].tolist(), strict=True
        ):
            assert segment == len(text) - 1
            if token == 3:
                text.append([])
            elif token in PIECES:
                text[-1][-1] += (token,)
            else:
                text[-1].append((token,))
        texts.append(text)
    return texts


def _augmented(batch: Batch, *, seed: int = 0, epoch: int = 1, step: int = 1, **settings: Any) -> Batch:
    augment = Augmentation(AugmentationSettings.model_validate(settings), _tokenizer())
    return augment(batch, np.random.default_rng((seed, epoch, step)))


@pytest.mark.parametrize(("drop_token", "drop_id"), [("mask", 4), ("unk", 1)])
def test_dropped_words_are_replaced_piece_by_piece(drop_token: str, drop_id: int) -> None:
    texts = _texts(400, segments=2)
    batch = _batch(texts)
    changed = _augmented(batch, drop=0.2, drop_token=drop_token)
    for name in ("segment_ids", "padding_mask"):
        np.testing.assert_array_equal(changed.inputs[name], batch.inputs[name])
    dropped = words = 0
    ids = changed.inputs["token_ids"]
    for row, text in enumerate(texts):
        position = 1
        for segment in text:
            kept = 0
            for word in segment:
                found = tuple(ids[row, position : position + len(word)].tolist())
                assert found in (word, (drop_id,) * len(word))
                dropped, kept, words = dropped + (found != word), kept + (found == word), words + 1
                position += len(word)
            assert kept or not segment
            assert ids[row, position] == 3
            position += 1
    assert abs(dropped / words - 0.2) < 0.02


def test_deleted_words_go_with_their_pieces_and_leave_the_others_in_order() -> None:
    texts = _texts(400, segments=2)
    left = _read(_augmented(_batch(texts), delete=0.3))
    words = kept = 0
    for before, after in zip(texts, left, strict=True):
        for old, new in zip(before, after, strict=True):
            remaining = iter(old)
            assert all(word in remaining for word in new)  # a subsequence
            assert new or not old
            words, kept = words + len(old), kept + len(new)
    assert abs(kept / words - 0.7) < 0.03


def test_swapped_words_stay_whole_and_in_their_segment() -> None:
    texts = _texts(400, segments=2)
    swapped = _read(_augmented(_batch(texts), swap=0.3))
    words = moved = 0
    for before, after in zip(texts, swapped, strict=True):
        for old, new in zip(before, after, strict=True):
            assert Counter(old) == Counter(new)
            words += len(old)
            moved += sum(one != other for one, other in zip(old, new, strict=True))
    # A word that is drawn alone has no one to change places with.
    assert 0.2 < moved / words < 0.3


def test_every_drawn_word_moves() -> None:
    text = [[(word,) for word in WORDS]]
    ((new,),) = _read(_augmented(_batch([text]), swap=0.999999))
    assert sorted(new) == text[0]
    assert all(one != other for one, other in zip(text[0], new, strict=True))


def test_all_at_once_keep_targets_and_weights() -> None:
    batch = _batch(_texts(50, segments=2))
    changed = _augmented(batch, drop=0.2, delete=0.2, swap=0.2)
    assert len(_read(changed)) == 50
    np.testing.assert_array_equal(changed.targets, batch.targets)
    np.testing.assert_array_equal(changed.weights, batch.weights)
    assert {values.dtype for values in changed.inputs.values()} == {np.dtype("int32")}
    assert changed.inputs["token_ids"].shape == batch.inputs["token_ids"].shape


def test_the_only_word_of_a_text_stays() -> None:
    batch = _batch([[[(5, 15)]], [[]]])
    for step in range(50):
        changed = _augmented(batch, step=step, drop=0.9, delete=0.9, swap=0.9)
        np.testing.assert_array_equal(changed.inputs["token_ids"], batch.inputs["token_ids"])


def test_a_text_cut_inside_a_word_starts_with_a_piece() -> None:
    batch = _batch([[[(15, 16), (5,), (6, 17)]]])
    seen = {
        tuple(_augmented(batch, step=step, drop=0.5).inputs["token_ids"][0].tolist()) for step in range(60)
    }
    assert (2, 4, 4, 5, 6, 17, 3) in seen
    assert not any(row[1] == 4 and row[2] == 16 for row in seen)


def test_the_same_generator_changes_the_same_words() -> None:
    batch = _batch(_texts(30, segments=1))
    settings = {"drop": 0.2, "delete": 0.1, "swap": 0.1}
    first, again = (_augmented(batch, seed=3, epoch=2, step=7, **settings) for _ in range(2))
    np.testing.assert_array_equal(first.inputs["token_ids"], again.inputs["token_ids"])
    for other in ({"seed": 4}, {"epoch": 3}, {"step": 8}):
        changed = _augmented(batch, **{"seed": 3, "epoch": 2, "step": 7, **other}, **settings)
        assert (first.inputs["token_ids"] != changed.inputs["token_ids"]).any()


def test_the_batch_itself_is_left_alone() -> None:
    batch = _batch(_texts(20, segments=1))
    before = {name: values.copy() for name, values in batch.inputs.items()}
    _augmented(batch, drop=0.5, delete=0.5, swap=0.5)
    for name, values in before.items():
        np.testing.assert_array_equal(batch.inputs[name], values)


def test_a_vocabulary_without_mask_is_a_clear_error() -> None:
    tokenizer = _tokenizer(tuple(token for token in TOKENS if token != "[MASK]"))
    with pytest.raises(ConfigError, match=r"no \[MASK\]; set drop_token to unk"):
        Augmentation(AugmentationSettings(drop=0.1), tokenizer)
    Augmentation(AugmentationSettings(drop=0.1, drop_token="unk"), tokenizer)

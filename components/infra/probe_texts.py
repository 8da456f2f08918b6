"""The texts that every export has to answer as the Keras model does: rows of the data, and hard ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice

from components.core.artifacts import Examples
from components.core.errors import DataError
from components.core.features import CONTEXT, TEXT
from components.data.records.example_proto import decode_example
from components.data.records.tfrecord import read_records

__all__ = ["HARD_TEXTS", "ProbeTexts", "hard_texts", "read_rows"]

_SPLITS = ("test", "validation")

HARD_TEXTS: tuple[str, ...] = (
    # nothing, or nothing that is left after cleaning
    "",
    " ",
    "\t\r\n",
    "\u00a0\u2003\u3000",
    "\u200b\u200c\u200d\ufeff",
    "\x00",
    "\x07\x1b\x7f\x85",
    "\ufffd",
    "\u0301\u0308\u20dd",
    # spaces and controls inside words
    "so\u00a0happy\u2009today",
    "so\u200bhappy",
    "so\x00sad",
    "line one\r\nline two\x0bline three\u2028line four",
    "soft\u00adhyphen",
    # accents, composed and not, and lone or stacked marks
    "Café naïve façade Ångström",
    "Cafe\u0301 nai\u0308ve",
    "z\u0335\u0322a\u0334\u0315l\u0337g\u0335o\u0336",
    "\u0301leading mark",
    "Übermäßig groß, ĳsvrij, ﬁne ﬂow",
    # letter case that depends on the place or the language
    "I AM SO HAPPY",
    "İstanbul ISPARTA ısı",
    "ΌΔΟΣ ΣΊΣΥΦΟΣ",
    "ǅungla ẞ straße",
    # other scripts
    "今天我很高兴，谢谢你！",
    "とても悲しいです。ｶﾀｶﾅ",
    "오늘 정말 행복해요",
    "मैं बहुत खुश हूँ",
    "أنا سعيد جدا اليوم",
    "\u202eright to left\u202c אני עצוב",
    "Я очень злюсь!!!",
    "ฉันมีความสุขมาก",
    "ความ\u0e31สุข ກັບ",
    "𝓘 𝓪𝓶 𝓱𝓪𝓹𝓹𝔂 ＦＵＬＬ ｗｉｄｔｈ",
    "\U00010400\U0001d400 \U0001f1e9\U0001f1ea",
    # emoji, alone and in sequences
    "😀",
    "😀😭😡❤️👍🏽",
    "👨‍👩‍👧‍👦 family 🏳️‍🌈",
    "so sad😭😭😭so sad",
    "¯\\_(ツ)_/¯ :-) ;-P <3 (╯°□°)╯︵ ┻━┻",
    # punctuation and symbols
    "!!!???...",
    "…—–‘’“”«»¿¡",
    "don't can't won't I'd y'all've",
    "1,000.50 € £5 $3 ½ ² ™ © ® ¯",
    "a+b=c; x<y>z `code` ~tilde^ {json: [1, 2]} | \\n",
    "C++/C# & AT&T @user #happy http://example.org/?q=a&b=%20",
    # what looks like the tokenizer's own words
    "[CLS]",
    "[SEP] [PAD] [MASK] [UNK]",
    "[CLS] I am happy [SEP]",
    "[NAME] told [RELIGION] people",
    "[name] [ NAME ] [NAME][NAME]",
    "##ing ##",
    "xxname unused1 [unused1]",
    # long words and long texts
    "a" * 99,
    "a" * 100,
    "a" * 101,
    "é" * 60,
    "supercalifragilisticexpialidocious" * 4,
    "happy" * 1000,
    "I am so happy and so sad. " * 200,
    "嬉" * 5000,
    "😀" * 1250,
    # code points of no character
    "\ue000\uf8ff",
    "\u0378\U000e0001\U0010ffff",
)
"""Texts on which tokenizers and exports have been seen to differ; most lie outside what a model is trained on."""


@dataclass(frozen=True)
class ProbeTexts:
    """What an export is asked.

    Attributes:
        texts: as a user would send them.
        contexts: what was said before each; None for a model that reads texts alone.
    """

    texts: Sequence[str]
    contexts: Sequence[str] | None = None

    def __len__(self) -> int:
        return len(self.texts)

    def pick(self, rows: Sequence[int]) -> "ProbeTexts":
        """The given rows, in the given order."""
        return ProbeTexts(
            [self.texts[row] for row in rows],
            None if self.contexts is None else [self.contexts[row] for row in rows],
        )

    def __add__(self, other: "ProbeTexts") -> "ProbeTexts":
        if self.contexts is None or other.contexts is None:
            return ProbeTexts([*self.texts, *other.texts])
        return ProbeTexts([*self.texts, *other.texts], [*self.contexts, *other.contexts])


def hard_texts(segments: int) -> ProbeTexts:
    """The texts of `HARD_TEXTS`; with two segments each alone, and each behind another one."""
    if segments == 1:
        return ProbeTexts(HARD_TEXTS)
    return ProbeTexts(HARD_TEXTS * 2, ("",) * len(HARD_TEXTS) + HARD_TEXTS[::-1])


def read_rows(examples: Examples, rows: int, *, segments: int) -> ProbeTexts:
    """The first `rows` texts of the split `test`, or of `validation` where there is no test split.

    Args:
        examples: of the run.
        rows: how many at most.
        segments: 2 for texts with what was said before them.

    Raises:
        DataError: there is neither split, or it is empty.
    """
    split = next((name for name in _SPLITS if name in examples.splits()), None)
    if split is None:
        raise DataError(
            f"the examples have no split {' or '.join(_SPLITS)} to prove the exports on; "
            f"they have {', '.join(examples.splits()) or 'none'}"
        )
    records = chain.from_iterable(read_records(shard) for shard in examples.shards(split))
    features = [decode_example(record) for record in islice(records, rows)]
    if not features:
        raise DataError(f"split {split!r} holds no texts to prove the exports on; add rows to it")
    texts = [row[TEXT][0].decode() for row in features]
    if segments == 1:
        return ProbeTexts(texts)
    return ProbeTexts(texts, [(row.get(CONTEXT) or [b""])[0].decode() for row in features])

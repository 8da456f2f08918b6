import unicodedata

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_text as tf_text

from tests.tflite.cleaning_cases import RULES
from tflite.normalizer_table import normalizer_table
from tflite.text import CleaningRules, clean_characters

# Of private and unassigned code points, each of which stays as it is, every 97th.
CHARACTERS = [
    chr(code)
    for code in range(0x110000)
    if unicodedata.category(chr(code)) not in ("Cs", "Cn", "Co")
    or (code % 97 == 0 and not 0xD800 <= code < 0xE000)
]


@pytest.mark.parametrize("rules", [RULES[1], RULES[4]], ids=["cased", "uncased"])
def test_the_operator_does_with_every_code_point_what_the_cleaning_does(rules: CleaningRules) -> None:
    model = tf.constant(np.frombuffer(normalizer_table(rules), np.uint8))
    normalizer = tf_text.FastBertNormalizer(model_buffer=model)
    texts = [f"X{character}y" for character in CHARACTERS]
    found = normalizer.normalize(tf.constant([text.encode() for text in texts])).numpy()
    wrong = [
        (text, got.decode())
        for text, got in zip(texts, found, strict=True)
        if got.decode() != clean_characters(text, rules)
    ]
    assert wrong == []


def test_a_replacement_too_long_for_the_table_is_refused() -> None:
    rules = CleaningRules(lowercase=True, strip_accents=True, characters={"😀": " grin" * 13})
    with pytest.raises(ValueError, match="'😀' becomes 65 bytes; within the graph at most 63 fit"):
        normalizer_table(rules)

"""The tokenizer as TensorFlow operations: it trains, and it travels inside the SavedModel."""

import re
from collections.abc import Mapping, Sequence

import tensorflow as tf
import tensorflow_text as tf_text

__all__ = ["InGraphTokenizer"]

_NEWER_THAN_UNICODE_13 = (
    "\u061d\u0890-\u089f\u08ca-\u08d2\u0c3c\u0ece\u180f\u1ac1-\u1aeb\u1b4e-\u1b4f\u1b7d-\u1b7f\u1c89"
    "\u1dfa\u2c2f\u2e53-\u2e5d\ua7c0\ua7cb-\ua7dc\U00010570-\U000105e4\U00010d50-\U00010d6e\U00010ed0"
    "\U00010efa-\U00010eff\U00010f82-\U00010f89\U00011070-\U00011074\U000110c2\U00011241"
    "\U00011383-\U000113e2\U000116b9\U0001171e\U00011b00-\U00011be1\U00011f00-\U00011f5a"
    "\U00012ff1-\U00012ff2\U00013439-\U00013455\U0001611e-\U0001612f\U00016d68-\U00016d6f"
    "\U00016ea0-\U00016eb8\U0001cf00-\U0001cf46\U0001e08f\U0001e2ae\U0001e4ec-\U0001e6f5"
)
_UNKNOWN_CHARACTER = "\ue000"

_LOCALE_DEPENDENT = {"İ": "i\u0307", "Ì": "ì", "Í": "í", "Ĩ": "ĩ", "Į": "į"}
"""Accented capitals that ICU lowers by the rules of the process's locale (Turkish, Lithuanian)."""


class InGraphTokenizer(tf.Module):
    """Raw text to padded BERT inputs, equal to the canonical cleaning and host tokenizer.

    The specification of the cleaning is `clean_text` of the `tflite` package; this is its twin. FastBertNormalizer is
    not used: it applies compatibility mappings that BERT's own cleaning does not.

    Args:
        vocabulary: token by id; holds [PAD], [UNK], [CLS] and [SEP].
        lowercase: lower case every code point.
        strip_accents: NFD, then drop nonspacing marks.
        special_tokens: vocabulary word by special token.
        max_tokens: longest sequence, with [CLS] and [SEP].
    """

    def __init__(
        self,
        vocabulary: Sequence[str],
        *,
        lowercase: bool,
        strip_accents: bool,
        special_tokens: Mapping[str, str],
        max_tokens: int,
    ) -> None:
        super().__init__(name="tokenizer")
        self.max_tokens = max_tokens
        self._lowercase = lowercase
        self._strip_accents = strip_accents
        self._special_tokens = tuple(
            (re.escape(token), f" {word} ") for token, word in special_tokens.items()
        )
        self._pad_id = vocabulary.index("[PAD]")
        self._start_id = vocabulary.index("[CLS]")
        self._end_id = vocabulary.index("[SEP]")
        self._wordpiece = tf_text.FastWordpieceTokenizer(list(vocabulary), token_out_type=tf.int32)

    def clean(self, text: tf.Tensor) -> tf.Tensor:
        """Cleans string [batch]; bytes that are not UTF-8 are dropped."""
        replace = tf.strings.regex_replace
        text = tf.strings.unicode_transcode(text, "UTF-8", "UTF-8", errors="ignore")
        for pattern, word in self._special_tokens:
            text = replace(text, pattern, word)
        text = replace(text, f"[{_NEWER_THAN_UNICODE_13}]", _UNKNOWN_CHARACTER)
        text = replace(text, r"[\t\n\r\p{Z}]", " ")
        text = replace(text, r"[\p{Cc}\p{Cf}\x{FFFD}]", "")
        if self._strip_accents:
            text = tf_text.normalize_utf8(text, "NFD")
            text = replace(text, r"\p{Mn}", "")
        return self._lower(text) if self._lowercase else text

    def _lower(self, text: tf.Tensor) -> tf.Tensor:
        # Without an encoding only ASCII is lowered, whatever the locale: under a Turkish one ICU turns I into ı.
        text = tf.strings.lower(text)
        # ICU would lower a capital sigma by its place in the word.
        text = tf.strings.regex_replace(text, "Σ", "σ")
        if not self._strip_accents:
            for upper, lower in _LOCALE_DEPENDENT.items():
                text = tf.strings.regex_replace(text, upper, lower)
        return tf.strings.lower(text, encoding="utf-8")

    def tokenize(self, text: tf.Tensor) -> tf.RaggedTensor:
        """Returns int32 [batch, (tokens)]: [CLS], WordPiece ids, [SEP]; at most `max_tokens`, cut before [SEP]."""
        inputs = self(text)
        is_token = tf.cast(inputs["padding_mask"], tf.bool)
        return tf.RaggedTensor.from_row_lengths(
            tf.boolean_mask(inputs["token_ids"], is_token),
            tf.reduce_sum(inputs["padding_mask"], axis=1),
            validate=False,
        )

    def count_pieces(self, text: tf.Tensor) -> tf.Tensor:
        """Returns int32 [batch]: the number of WordPiece tokens before truncation, without [CLS] and [SEP]."""
        return tf.cast(self._wordpiece.tokenize(self.clean(text)).row_lengths(), tf.int32)

    def __call__(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the inputs of the network for string [batch], padded to the longest text of the batch.

        Returns:
            `token_ids`, `segment_ids` (all 0) and `padding_mask` (1 = token, 0 = padding), each int32 [batch, longest].
        """
        room = self.max_tokens - 2
        pieces = self._wordpiece.tokenize(self.clean(text))
        counts = tf.minimum(tf.cast(pieces.row_lengths(), tf.int32), room)[:, tf.newaxis]
        longest = tf.reduce_max(tf.concat([counts, [[0]]], axis=0))
        body = pieces.to_tensor(self._pad_id, shape=[None, room])[:, :longest]
        edge = tf.ones_like(counts)
        token_ids = tf.concat([edge * self._start_id, body, edge * self._pad_id], axis=1)
        position = tf.range(longest + 2)
        token_ids = tf.where(position == counts + 1, self._end_id, token_ids)
        return {
            "token_ids": token_ids,
            "segment_ids": tf.zeros_like(token_ids),
            "padding_mask": tf.cast(position < counts + 2, tf.int32),
        }

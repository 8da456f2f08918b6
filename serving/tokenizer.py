"""The tokenizer as TensorFlow operations: it trains, and it travels inside the SavedModel."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import tensorflow as tf
import tensorflow_text as tf_text

__all__ = ["InGraphTokenizer"]

_NEWER_THAN_UNICODE_13 = (
    "\u061d\u0890-\u089f\u08ca-\u08d2\u0c3c\u0ece\u1715\u1734\u180f\u1ac1-\u1aeb\u1b4e-\u1b4f\u1b7d-\u1b7f\u1c89"
    "\u1dfa\u2c2f\u2e53-\u2e5d\ua7c0\ua7cb-\ua7dc\U00010570-\U000105e4\U00010d50-\U00010d6e\U00010ed0"
    "\U00010efa-\U00010eff\U00010f82-\U00010f89\U00011070-\U00011074\U000110c2\U00011241"
    "\U00011383-\U000113e2\U000116b9\U0001171e\U00011b00-\U00011be1\U00011f00-\U00011f5a"
    "\U00012ff1-\U00012ff2\U00013439-\U00013455\U0001611e-\U0001612f\U00016d68-\U00016d6f"
    "\U00016ea0-\U00016eb8\U0001cf00-\U0001cf46\U0001e08f\U0001e2ae\U0001e4ec-\U0001e6f5"
)
_UNKNOWN_CHARACTER = "\ue000"

_PRINTABLE_ASCII = "[ -~]*"

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
        characters: what a character beyond ASCII is replaced by, before everything but the special tokens.
        max_tokens: longest sequence, with [CLS] and [SEP].
        context_position: where a context stands, before or after the text.
    """

    def __init__(
        self,
        vocabulary: Sequence[str],
        *,
        lowercase: bool,
        strip_accents: bool,
        special_tokens: Mapping[str, str],
        max_tokens: int,
        characters: Mapping[str, str] | None = None,
        context_position: Literal["before", "after"] = "before",
    ) -> None:
        super().__init__(name="tokenizer")
        self.max_tokens = max_tokens
        self._text_first = context_position == "after"
        self._lowercase = lowercase
        self._strip_accents = strip_accents
        self._special_tokens = tuple(
            (re.escape(token), f" {word} ") for token, word in special_tokens.items()
        )
        self._characters = dict(sorted((characters or {}).items()))
        self._pad_id = vocabulary.index("[PAD]")
        self._start_id = vocabulary.index("[CLS]")
        self._end_id = vocabulary.index("[SEP]")
        self._wordpiece = tf_text.FastWordpieceTokenizer(list(vocabulary), token_out_type=tf.int32)

    def clean(self, text: tf.Tensor) -> tf.Tensor:
        """Cleans string [batch]; bytes that are not UTF-8 are dropped.

        Most texts are printable ASCII and hold no special token: they only need lower case, and only the others are
        taken through the steps that would not change them.
        """
        rough = tf.logical_not(tf.strings.regex_full_match(text, _PRINTABLE_ASCII))
        text = _change_rows(text, rough, _drop_malformed)
        if self._special_tokens:
            any_token = "|".join(pattern for pattern, _ in self._special_tokens)
            special = tf.strings.regex_full_match(text, f"(?s).*(?:{any_token}).*")
            text = _change_rows(text, special, self._replace_special_tokens)
        text = _change_rows(text, rough, self._clean_characters)
        # Without an encoding only ASCII is lowered, whatever the locale.
        return tf.strings.lower(text) if self._lowercase else text

    def _replace_special_tokens(self, text: tf.Tensor) -> tf.Tensor:
        for pattern, word in self._special_tokens:
            text = tf.strings.regex_replace(text, pattern, word)
        return text

    def _clean_characters(self, text: tf.Tensor) -> tf.Tensor:
        replace = tf.strings.regex_replace
        if self._characters:
            any_character = f"(?s).*[{''.join(self._characters)}].*"
            text = _change_rows(
                text, tf.strings.regex_full_match(text, any_character), self._replace_characters
            )
        text = replace(text, f"[{_NEWER_THAN_UNICODE_13}]", _UNKNOWN_CHARACTER)
        # A space is left as it is: replacing each would take most of the time.
        text = replace(text, r"[\t\n\r]|[^\P{Z} ]", " ")
        text = replace(text, r"[\p{Cc}\p{Cf}\x{FFFD}]", "")
        if self._strip_accents:
            text = tf_text.normalize_utf8(text, "NFD")
            text = replace(text, r"\p{Mn}", "")
        return self._lower(text) if self._lowercase else text

    def _replace_characters(self, text: tf.Tensor) -> tf.Tensor:
        """Looks every code point up in a sorted list: no table that a session would have to initialize."""
        code_points = tf.strings.unicode_decode(text, "UTF-8")
        flat = code_points.flat_values
        known = tf.constant([ord(character) for character in self._characters], tf.int32)
        nearest = tf.minimum(tf.searchsorted(known, flat), len(self._characters) - 1)
        replaced = tf.where(
            tf.equal(tf.gather(known, nearest), flat),
            tf.gather(tf.constant(list(self._characters.values())), nearest),
            tf.strings.unicode_encode(flat[:, tf.newaxis], "UTF-8"),
        )
        return tf.strings.unsorted_segment_join(replaced, code_points.value_rowids(), code_points.nrows())

    def _lower(self, text: tf.Tensor) -> tf.Tensor:
        # ASCII comes first: under a Turkish locale ICU turns I into ı.
        text = tf.strings.lower(text)
        # ICU would lower a capital sigma by its place in the word.
        text = tf.strings.regex_replace(text, "Σ", "σ")
        if not self._strip_accents:
            for upper, lower in _LOCALE_DEPENDENT.items():
                text = tf.strings.regex_replace(text, upper, lower)
        return tf.strings.lower(text, encoding="utf-8")

    def pieces(self, text: tf.Tensor) -> tf.RaggedTensor:
        """Returns int32 [batch, (tokens)]: all WordPiece ids, nothing cut off, without [CLS] and [SEP]."""
        return self._wordpiece.tokenize(self.clean(text))

    def tokenize(self, text: tf.Tensor) -> tf.RaggedTensor:
        """Returns int32 [batch, (tokens)]: [CLS], WordPiece ids, [SEP]; at most `max_tokens`, cut before [SEP]."""
        return self.frame(self.pieces(text))

    def frame(self, pieces: tf.RaggedTensor) -> tf.RaggedTensor:
        """Puts [CLS] and [SEP] around rows of `pieces`, which are cut to fit."""
        kept = tf.minimum(pieces.row_lengths(), self.max_tokens - 2)
        positions = tf.ragged.range(kept + 2)
        row, position = positions.value_rowids(), positions.flat_values
        is_piece = (position > 0) & (position <= tf.gather(kept, row))
        body = _pick(pieces.flat_values, tf.gather(pieces.row_starts(), row) + position - 1, is_piece)
        edge = tf.where(position > 0, self._end_id, self._start_id)
        return positions.with_flat_values(tf.where(is_piece, body, edge))

    def frame_pair(
        self, pieces: tf.RaggedTensor, context: tf.RaggedTensor
    ) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
        """Puts each text and its context together: [CLS] context [SEP] text [SEP], or the text first.

        The text keeps its room. Of the context as much is kept as fits beside it, from its end, since the nearest
        words matter most; one of which nothing is left takes its [SEP] along.

        Args:
            pieces: of the texts, as from `pieces`.
            context: of what was said before; may have empty rows.

        Returns:
            Token ids and segment ids (0 up to the first [SEP], then 1; all 0 without context), each int32
            [batch, (tokens)].
        """
        room = tf.maximum(self.max_tokens - 3 - pieces.row_lengths(), 0)
        kept = tf.minimum(context.row_lengths(), room)
        has_context = tf.cast(kept > 0, tf.int64)
        kept_text = tf.minimum(pieces.row_lengths(), self.max_tokens - 2 - kept - has_context)
        # By segment: its pieces, how many of them, from which on, and whether there is a [SEP] behind them.
        text_part = (pieces, kept_text, pieces.row_starts(), tf.ones_like(kept))
        context_part = (context, kept, context.row_limits() - kept, has_context)
        parts = (text_part, context_part) if self._text_first else (context_part, text_part)
        (head, head_count, head_from, head_end), (tail, tail_count, tail_from, tail_end) = parts
        boundary = 1 + head_count + head_end
        positions = tf.ragged.range(boundary + tail_count + tail_end)
        row, position = positions.value_rowids(), positions.flat_values
        in_head = (position > 0) & (position <= tf.gather(head_count, row))
        in_tail = (position >= tf.gather(boundary, row)) & (position < tf.gather(boundary + tail_count, row))
        token_ids = tf.where(position > 0, self._end_id, self._start_id)
        from_head = tf.gather(head_from, row) + position - 1
        token_ids = tf.where(in_head, _pick(head.flat_values, from_head, in_head), token_ids)
        from_tail = tf.gather(tail_from - boundary, row) + position
        token_ids = tf.where(in_tail, _pick(tail.flat_values, from_tail, in_tail), token_ids)
        in_second = tf.gather(kept > 0, row) & (position >= tf.gather(boundary, row))
        return positions.with_flat_values(token_ids), positions.with_flat_values(tf.cast(in_second, tf.int32))

    def __call__(self, text: tf.Tensor, context: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        """Returns the inputs of the network for string [batch], padded to the longest text of the batch.

        Args:
            text: string [batch].
            context: string [batch], what was said before each text, as in `frame_pair`; None for texts alone.

        Returns:
            `token_ids`, `segment_ids` (all 0 without context) and `padding_mask` (1 = token, 0 = padding), each int32
            [batch, longest].
        """
        pieces = self.pieces(text)
        if context is not None:
            return self._padded_pair(*self.frame_pair(pieces, self.pieces(context)))
        room = self.max_tokens - 2
        counts = tf.minimum(tf.cast(pieces.row_lengths(), tf.int32), room)[:, tf.newaxis]
        longest = tf.reduce_max(tf.concat([counts, [[0]]], axis=0))
        body = pieces.to_tensor(self._pad_id, shape=[None, room])[:, :longest]
        edge = tf.ones_like(counts)
        token_ids = tf.concat([edge * self._start_id, body, edge * self._pad_id], axis=1)
        position = tf.range(longest + 2)
        token_ids = tf.where(tf.equal(position, counts + 1), self._end_id, token_ids)
        return {
            "token_ids": token_ids,
            "segment_ids": tf.zeros_like(token_ids),
            "padding_mask": tf.cast(position < counts + 2, tf.int32),
        }

    def _padded_pair(self, tokens: tf.RaggedTensor, segments: tf.RaggedTensor) -> dict[str, tf.Tensor]:
        token_ids = tokens.to_tensor(self._pad_id)
        lengths = tokens.row_lengths()[:, tf.newaxis]
        return {
            "token_ids": token_ids,
            "segment_ids": segments.to_tensor(0),
            "padding_mask": tf.cast(tf.range(tf.shape(token_ids, tf.int64)[1]) < lengths, tf.int32),
        }


def _change_rows(text: tf.Tensor, chosen: tf.Tensor, change: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    """Applies `change` to the rows of string [batch] where bool [batch] is true."""
    rows = tf.where(chosen)
    return tf.tensor_scatter_nd_update(text, rows, change(tf.gather_nd(text, rows)))


def _pick(values: tf.Tensor, index: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
    """The values at `index` where `chosen`, elsewhere 0; there the index may lie outside."""
    size = tf.size(values, tf.int64)
    return tf.gather(tf.concat([values, [0]], axis=0), tf.where(chosen, index, size))


def _drop_malformed(text: tf.Tensor) -> tf.Tensor:
    return tf.strings.unicode_transcode(text, "UTF-8", "UTF-8", errors="ignore")

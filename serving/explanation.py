"""The signature `explain`: what each word of a text adds to a score, computed inside the graph.

Integrated gradients (Sundararajan, Taly and Yan, 2017, eq. 1) along the way from the text whose words are hidden to the
text, by Gauss-Legendre quadrature on three equal parts of it. The number of gradients is fixed, so that a call costs
what its texts cost and nothing else; both scores are outputs, so that anyone can see what the values miss.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import tensorflow as tf

__all__ = ["MAX_EXPLAINED_TEXTS", "Explained", "Slope", "WordExplanation"]

Slope: TypeAlias = Callable[[Mapping[str, tf.Tensor], tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]
"""How fast a score rises on the way, by token.

From the network's inputs, the token ids of the hidden texts int32 [batch, seq_len], how far one is on the way float32
[batch] (0 at the hidden text, 1 at the text), and the column of the score int32 [batch], to float32 [batch, seq_len].
"""

MAX_EXPLAINED_TEXTS = 32
"""Texts a call: each costs as much as scoring a hundred."""

_PARTS, _POINTS = 3, 12
_BETWEEN_WORDS = r"[\t\n\r\p{Z}]+"
"""What the cleaning makes a space of; other control characters it drops, so that they part no words."""


@dataclass(frozen=True)
class Explained:
    """What an explanation needs of a model, besides what every signature needs.

    Attributes:
        slope: the gradient along the way.
        hidden_id: what a hidden word's pieces are replaced by.
        kept_ids: ids that are never hidden: [CLS] and [SEP].
    """

    slope: Slope
    hidden_id: int
    kept_ids: tuple[int, ...]


class _Tokenizer(Protocol):
    """What is needed of the tokenizer inside the graph (`serving.tokenizer.InGraphTokenizer`)."""

    def pieces(self, text: tf.Tensor) -> tf.RaggedTensor:
        """String [batch] -> int32 [batch, (tokens)], nothing cut off."""

    def frame(self, pieces: tf.RaggedTensor) -> tf.RaggedTensor:
        """With [CLS] and [SEP], cut to the longest sequence."""


@dataclass(frozen=True)
class _Words:
    """The words of the texts, string [batch, (words)], and the pieces of all words, int32 [words, (pieces)]."""

    words: tf.RaggedTensor
    pieces: tf.RaggedTensor

    def by_text(self) -> tf.RaggedTensor:
        """int32 [batch, (pieces)]."""
        splits = tf.gather(self.pieces.row_splits, self.words.row_splits)
        return tf.RaggedTensor.from_row_splits(self.pieces.flat_values, splits, validate=False)


class WordExplanation:
    """Builds the function of the signature."""

    def __init__(
        self,
        explained: Explained,
        tokenizer: _Tokenizer,
        scores: Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor],
        *,
        outputs: Sequence[str],
        label_columns: Sequence[int],
    ) -> None:
        """Takes the gradient, and what the other signatures use.

        Args:
            explained: of the model.
            tokenizer: of a model that reads one text.
            scores: from `token_ids`, `padding_mask` and `segment_ids` to scores float32 [batch, outputs].
            outputs: names of the scores.
            label_columns: those that are probabilities of labels; of them the likeliest is explained if the caller
                names none.
        """
        self._tokenizer = tokenizer
        self._scores = scores
        self._outputs = tf.constant(list(outputs), tf.string)
        self._label_columns = tf.constant(list(label_columns) or list(range(len(outputs))), tf.int32)
        self._hidden_id, self._kept_ids = explained.hidden_id, explained.kept_ids
        rows = tf.TensorSpec([None, None], tf.int32)
        self._slope = tf.function(
            lambda token_ids, padding_mask, segment_ids, hidden, fraction, column: explained.slope(
                {"token_ids": token_ids, "padding_mask": padding_mask, "segment_ids": segment_ids},
                hidden,
                fraction,
                column,
            ),
            input_signature=[*[rows] * 4, tf.TensorSpec([None], tf.float32), tf.TensorSpec([None], tf.int32)],
            autograph=False,
        )

    def __call__(self, text: tf.Tensor, label: tf.Tensor) -> dict[str, tf.Tensor]:
        """`text` and `label` string [batch] -> see `serving.saved_model`."""
        few = tf.debugging.assert_less_equal(
            tf.size(text),
            MAX_EXPLAINED_TEXTS,
            f"at most {MAX_EXPLAINED_TEXTS} texts are explained a call; send the others in calls of their own",
        )
        with tf.control_dependencies([few]):
            words = self._words(tf.identity(text))
        framed = self._tokenizer.frame(words.by_text())
        token_ids = framed.to_tensor(0)
        inputs = [token_ids, tf.sequence_mask(framed.row_lengths(), dtype=tf.int32), tf.zeros_like(token_ids)]
        kept = tf.reduce_any([tf.equal(token_ids, kept_id) for kept_id in self._kept_ids], axis=0)
        hidden = tf.where(kept, token_ids, self._hidden_id)
        scores = tf.cast(self._scores(*inputs), tf.float32)
        column = self._column(label, scores)
        baseline = tf.cast(self._scores(hidden, *inputs[1:]), tf.float32)
        values = self._integral(inputs, hidden, column)
        return {
            "words": words.words.to_tensor(""),
            "values": _sum_by_word(values, words),
            "label": tf.gather(self._outputs, column),
            "score": tf.gather(scores, column, axis=1, batch_dims=1),
            "baseline_score": tf.gather(baseline, column, axis=1, batch_dims=1),
        }

    def _words(self, text: tf.Tensor) -> _Words:
        spaced = tf.strings.strip(tf.strings.regex_replace(text, _BETWEEN_WORDS, " "))
        words = tf.strings.split(spaced, sep=" ")
        return _Words(words, self._tokenizer.pieces(words.flat_values))

    def _column(self, label: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
        """int32 [batch]: the column of the named output, or of the likeliest label where the name is empty."""
        named = tf.equal(label[:, tf.newaxis], self._outputs[tf.newaxis])
        empty = tf.equal(label, "")
        known = tf.debugging.Assert(
            tf.reduce_all(tf.reduce_any(named, axis=1) | empty),
            ["`label` must be empty or one of", self._outputs, "but some are not:", label],
            summarize=1000,
        )
        with tf.control_dependencies([known]):
            of_name = tf.argmax(named, axis=1, output_type=tf.int32)
        likeliest = tf.argmax(tf.gather(scores, self._label_columns, axis=1), axis=1, output_type=tf.int32)
        return tf.where(empty, tf.gather(self._label_columns, likeliest), of_name)

    def _integral(self, inputs: Sequence[tf.Tensor], hidden: tf.Tensor, column: tf.Tensor) -> tf.Tensor:
        """What each token adds, float32 [batch, seq_len]."""
        places, weights = _quadrature()
        nodes = tf.constant(places, tf.float32), tf.constant(weights, tf.float32)

        def add(number: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            fraction = tf.fill(tf.shape(column), nodes[0][number])
            return number + 1, total + nodes[1][number] * self._slope(*inputs, hidden, fraction, column)

        start = tf.zeros(tf.shape(inputs[0]), tf.float32)
        _, total = tf.while_loop(
            lambda number, _: number < len(places),
            add,
            [tf.constant(0), start],
            shape_invariants=[tf.TensorShape([]), tf.TensorShape([None, None])],
            parallel_iterations=1,
        )
        return total


def _quadrature() -> tuple[Any, Any]:
    """Places 0-1 on the way and their weights, float64 [_PARTS * _POINTS] each; the weights sum up to 1."""
    nodes, weights = np.polynomial.legendre.leggauss(_POINTS)
    starts = np.arange(_PARTS)[:, np.newaxis]
    return ((starts + (nodes + 1) / 2) / _PARTS).ravel(), np.tile(weights / 2 / _PARTS, _PARTS)


def _sum_by_word(values: tf.Tensor, words: _Words) -> tf.Tensor:
    """float32 [batch, longest]: the sums of the words' pieces; 0 for what was cut off and for padding.

    Args:
        values: of the tokens, float32 [batch, seq_len], the pieces of the text from column 1 on, [SEP] behind them.
        words: of the texts.
    """
    by_text = words.by_text()
    positions = tf.ragged.range(by_text.row_lengths())
    row, position = positions.value_rowids(), positions.flat_values
    # [SEP] stands in the last column of the longest row and is never hidden: its value is 0.
    column = tf.minimum(position + 1, tf.shape(values, tf.int64)[1] - 1)
    of_pieces = tf.gather_nd(values, tf.stack([row, column], axis=1))
    of_words = tf.math.unsorted_segment_sum(of_pieces, words.pieces.value_rowids(), words.pieces.nrows())
    return words.words.with_flat_values(of_words).to_tensor(0.0)

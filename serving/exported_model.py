"""The functions inside an exported SavedModel: text, tokens or tf.Examples in, scores and decisions out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeAlias

import tensorflow as tf

from serving.description import HeadDescription
from serving.explanation import Explained, WordExplanation

__all__ = ["Decide", "ExportedModel", "Network", "Tokenizer"]

Network: TypeAlias = Callable[[Mapping[str, tf.Tensor]], tf.Tensor]
"""From `token_ids`, `segment_ids` and `padding_mask` int32 [batch, seq_len] to scores float32 [batch, outputs]."""

Decide: TypeAlias = Callable[[tf.Tensor], tf.Tensor]
"""From scores float32 [batch, outputs] to what applies, bool [batch, outputs]."""


class Tokenizer(Protocol):
    """The tokenizer inside the graph (`serving.tokenizer.InGraphTokenizer`)."""

    max_tokens: int

    def pieces(self, text: tf.Tensor) -> tf.RaggedTensor:
        """String [batch] -> int32 [batch, (tokens)], without [CLS] and [SEP], nothing cut off."""

    def frame(self, pieces: tf.RaggedTensor) -> tf.RaggedTensor:
        """With [CLS] and [SEP], cut to the longest sequence."""

    def __call__(self, text: tf.Tensor, context: tf.Tensor | None = None) -> Mapping[str, tf.Tensor]:
        """`text` and `context` string [batch] -> `token_ids`, `segment_ids`, `padding_mask` int32 [batch, longest]."""


@dataclass(frozen=True)
class _Answers:
    """scores float32, labels string, predicted bool, each [batch, outputs]."""

    scores: tf.Tensor
    labels: tf.Tensor
    predicted: tf.Tensor

    def as_outputs(self) -> dict[str, tf.Tensor]:
        return {"scores": self.scores, "labels": self.labels, "predicted": self.predicted}


class ExportedModel(tf.Module):
    """Holds the variables and the functions of the graph.

    Tokenizer and network are traced once each and called by every signature, so that their graphs are stored once.
    """

    def __init__(
        self,
        network: Network,
        decide: Decide,
        tokenizer: Tokenizer,
        heads: Sequence[HeadDescription],
        segments: int,
        explained: Explained | None = None,
    ) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self._heads = tuple(heads)
        self._decide = decide
        self._labels = tf.constant([name for head in heads for name in head.outputs], tf.string)
        self._texts = ("text", "context")[:segments]
        self._tokens = ("token_ids", "padding_mask", "segment_ids")[: 1 + segments]
        self._tokenize = tf.function(
            lambda *texts: dict(tokenizer(*texts)), input_signature=[_texts()] * segments, autograph=False
        )
        self._network = tf.function(
            lambda token_ids, padding_mask, segment_ids: network(
                {"token_ids": token_ids, "segment_ids": segment_ids, "padding_mask": padding_mask}
            ),
            input_signature=[_token_rows()] * 3,
            autograph=False,
        )
        # The network itself stays outside: a Keras model that is tracked brings its layers' own functions along.
        self.variables_of_network = list(self._network.get_concrete_function().graph.variables)
        self._explain = None if explained is None else self._explanation(explained)

    def signatures(self) -> dict[str, Any]:
        """The concrete functions by signature name."""
        texts = {name: _texts(name) for name in self._texts}
        tokens = {name: _token_rows(name) for name in self._tokens}
        found = {
            "serving_default": _concrete(lambda **texts: self._answer(texts).as_outputs(), texts),
            "tokens": _concrete(self._from_tokens, tokens),
            "tokenize": _concrete(self._only_tokenize, texts),
        }
        if self._explain is not None:
            found["explain"] = _concrete(self._explain, {"text": _texts("text"), "label": _texts("label")})
        examples = {"inputs": _texts("inputs")}
        for name, columns in self._classifications().items():
            found[name] = _concrete(partial(self._classify, columns=columns), examples)
        for name, column in self._regressions().items():
            found[name] = _concrete(partial(self._regress, column=column), examples)
        return found

    def _explanation(self, explained: Explained) -> WordExplanation:
        labels = [column for head, columns in self._columns() if not head.is_regression for column in columns]
        names = [name for head in self._heads for name in head.outputs]
        return WordExplanation(explained, self.tokenizer, self._network, outputs=names, label_columns=labels)

    def _classifications(self) -> dict[str, list[int]]:
        """By signature name, the columns of its classes."""
        by_head = {head.name: columns for head, columns in self._columns() if not head.is_regression}
        found = (
            {"classify": [column for columns in by_head.values() for column in columns]} if by_head else {}
        )
        if len(by_head) > 1:
            found |= {f"classify_{name}": columns for name, columns in by_head.items()}
        return found

    def _regressions(self) -> dict[str, int]:
        """By signature name, the column of its target."""
        targets = {
            name: column
            for head, columns in self._columns()
            if head.is_regression
            for name, column in zip(head.outputs, columns, strict=True)
        }
        alone = len(targets) == 1
        return {"regress" if alone else f"regress_{name}": column for name, column in targets.items()}

    def _columns(self) -> Iterator[tuple[HeadDescription, list[int]]]:
        start = 0
        for head in self._heads:
            yield head, list(range(start, start + len(head.outputs)))
            start += len(head.outputs)

    def _from_tokens(self, **tokens: tf.Tensor) -> dict[str, tf.Tensor]:
        limit = self.tokenizer.max_tokens
        short_enough = tf.debugging.assert_less_equal(
            tf.shape(tokens["token_ids"])[1],
            limit,
            f"token_ids must be [batch, at most {limit}]; truncate the longer rows",
        )
        with tf.control_dependencies([short_enough]):
            checked = {**tokens, "token_ids": tf.identity(tokens["token_ids"])}
            return self._answer_tokens(checked).as_outputs()

    def _classify(self, inputs: tf.Tensor, *, columns: list[int]) -> dict[str, tf.Tensor]:
        answers = self._answer(self._parse(inputs))
        return {
            "classes": tf.gather(answers.labels, columns, axis=1),
            "scores": tf.gather(answers.scores, columns, axis=1),
        }

    def _regress(self, inputs: tf.Tensor, *, column: int) -> dict[str, tf.Tensor]:
        return {"outputs": self._answer(self._parse(inputs)).scores[:, column]}

    def _parse(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        features = {"text": tf.io.FixedLenFeature([], tf.string)}
        if "context" in self._texts:
            features["context"] = tf.io.FixedLenFeature([], tf.string, default_value="")
        parsed: dict[str, tf.Tensor] = tf.io.parse_example(examples, features)
        return parsed

    def _only_tokenize(self, **texts: tf.Tensor) -> dict[str, tf.Tensor]:
        tokens = self._tokenize(*(texts[name] for name in self._texts))
        return {name: tf.cast(tf.identity(tokens[name]), tf.int32) for name in self._tokens}

    def _answer(self, texts: Mapping[str, tf.Tensor]) -> _Answers:
        return self._answer_tokens(self._only_tokenize(**texts))

    def _answer_tokens(self, tokens: Mapping[str, tf.Tensor]) -> _Answers:
        token_ids = tokens["token_ids"]
        segment_ids = tokens.get("segment_ids", tf.zeros_like(token_ids))
        scores = tf.cast(self._network(token_ids, tokens["padding_mask"], segment_ids), tf.float32)
        labels = tf.repeat(self._labels[tf.newaxis], tf.shape(scores)[0], axis=0)
        return _Answers(scores, labels, self._decide(scores))


def _texts(name: str | None = None) -> tf.TensorSpec:
    return tf.TensorSpec([None], tf.string, name=name)


def _token_rows(name: str | None = None) -> tf.TensorSpec:
    return tf.TensorSpec([None, None], tf.int32, name=name)


def _concrete(function: Callable[..., Any], inputs: Mapping[str, tf.TensorSpec]) -> Any:
    return tf.function(function, autograph=False).get_concrete_function(**inputs)

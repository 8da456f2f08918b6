"""Writes the SavedModel that TensorFlow Serving loads: text in, scores and decisions out.

Tokenizer, truncation, thresholds and label names are inside the graph, which holds operations of TensorFlow and TF
Text alone: whoever loads it needs neither this project nor Keras.

```
saved_model.pb  variables/  assets/  fingerprint.pb
assets.extra/emotion.json                   labels, thresholds and signatures, readable without TensorFlow
assets.extra/tf_serving_warmup_requests     requests that the server answers once before it says that it is ready
```
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import tensorflow as tf
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from serving.description import DESCRIPTION_FILE, Description, SignatureDescription, TensorDescription
from serving.warmup import write_warmup_requests

__all__ = ["Tokenizer", "export_saved_model"]

_CLASSIFY_METHOD = "tensorflow/serving/classify"

_WARMUP_TEXTS = (
    ("What a day!",),
    ("I thought it would be fine, but I am still angry about what they said, and a little sad, too.",),
    tuple(f"It is number {number}, and I am so happy that it is here at last." for number in range(8)),
)
"""One short text, one typical text, one batch: each compiles and allocates what such requests need."""


class Tokenizer(Protocol):
    """The tokenizer inside the graph (`serving.tokenizer.InGraphTokenizer`)."""

    max_tokens: int

    def __call__(self, text: tf.Tensor) -> Mapping[str, tf.Tensor]:
        """`text` string [batch] -> `token_ids`, `segment_ids`, `padding_mask` int32 [batch, longest]."""


def export_saved_model(
    directory: Path,
    *,
    network: Callable[[Mapping[str, tf.Tensor]], tf.Tensor],
    tokenizer: Tokenizer,
    labels: Sequence[str],
    thresholds: Sequence[float],
) -> Description:
    """Writes a SavedModel with the signatures `serving_default`, `tokens`, `classify` and `tokenize`.

    - `serving_default`: `text` string [batch] -> `scores` float32 [batch, labels] (probabilities), `labels` string
      [batch, labels], `predicted` bool [batch, labels] (score >= the label's threshold).
    - `tokens`: `token_ids` and `padding_mask` (1 = token, 0 = padding) int32 [batch, seq_len] -> the same.
    - `classify`: `inputs` string [batch], serialized tf.Examples with one bytes feature `text` -> `classes` string and
      `scores` float32 [batch, labels]; answers the Classify call.
    - `tokenize`: `text` string [batch] -> `token_ids` and `padding_mask` int32 [batch, longest].

    Args:
        directory: where to write; made if missing.
        network: takes `token_ids`, `segment_ids` and `padding_mask` int32 [batch, seq_len], returns scores float32
            [batch, labels]; any callable on tensors whose state is in TensorFlow variables.
        tokenizer: a tf.Module that turns text into the network's inputs.
        labels: names in the order of the logits.
        thresholds: probability 0-1 from which on a label is predicted, one a label.

    Returns:
        what was written, as read back from the file.
    """
    if len(labels) != len(thresholds):
        raise ValueError(f"{len(labels)} labels but {len(thresholds)} thresholds; there must be one a label")
    module = _ExportedModel(network, tokenizer, labels, thresholds)
    tf.saved_model.save(module, str(directory), signatures=module.signatures())
    signature_defs = _set_classify_method(directory)
    description = Description(
        labels=tuple(labels),
        thresholds=tuple(float(threshold) for threshold in thresholds),
        max_tokens=tokenizer.max_tokens,
        signatures={name: _describe(signature_defs[name]) for name in sorted(signature_defs)},
    )
    extra = directory / "assets.extra"
    extra.mkdir()
    document = json.dumps(asdict(description), ensure_ascii=False, indent=2)
    (directory / DESCRIPTION_FILE).write_text(document + "\n", encoding="utf-8")
    write_warmup_requests(extra, _WARMUP_TEXTS)
    return description


@dataclass(frozen=True)
class _Answers:
    """scores float32, labels string, predicted bool, each [batch, labels]."""

    scores: tf.Tensor
    labels: tf.Tensor
    predicted: tf.Tensor

    def as_outputs(self) -> dict[str, tf.Tensor]:
        return {"scores": self.scores, "labels": self.labels, "predicted": self.predicted}


class _ExportedModel(tf.Module):
    """Holds the variables and the functions of the graph.

    Tokenizer and network are traced once each and called by every signature, so that their graphs are stored once.
    """

    def __init__(
        self,
        network: Callable[[Mapping[str, tf.Tensor]], tf.Tensor],
        tokenizer: Tokenizer,
        labels: Sequence[str],
        thresholds: Sequence[float],
    ) -> None:
        super().__init__()
        tokens = tf.TensorSpec([None, None], tf.int32)
        self.tokenizer = tokenizer
        self._labels = tf.constant(list(labels), tf.string)
        self._thresholds = tf.constant(list(thresholds), tf.float32)
        self._tokenize = tf.function(
            lambda text: dict(tokenizer(text)), input_signature=[tf.TensorSpec([None], tf.string)]
        )
        self._network = tf.function(
            lambda token_ids, padding_mask: network(
                {
                    "token_ids": token_ids,
                    "segment_ids": tf.zeros_like(token_ids),
                    "padding_mask": padding_mask,
                }
            ),
            input_signature=[tokens, tokens],
        )
        # The network itself stays outside: a Keras model that is tracked brings its layers' own functions along.
        self.variables_of_network = list(self._network.get_concrete_function().graph.variables)

    def signatures(self) -> dict[str, Any]:
        """The concrete functions by signature name."""
        text = tf.TensorSpec([None], tf.string, name="text")
        token_ids = tf.TensorSpec([None, None], tf.int32, name="token_ids")
        padding_mask = tf.TensorSpec([None, None], tf.int32, name="padding_mask")
        examples = tf.TensorSpec([None], tf.string, name="inputs")
        return {
            "serving_default": tf.function(self._from_text).get_concrete_function(text),
            "tokens": tf.function(self._from_tokens).get_concrete_function(token_ids, padding_mask),
            "classify": tf.function(self._from_examples).get_concrete_function(examples),
            "tokenize": tf.function(self._only_tokenize).get_concrete_function(text),
        }

    def _from_text(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._answer_text(text).as_outputs()

    def _from_tokens(self, token_ids: tf.Tensor, padding_mask: tf.Tensor) -> dict[str, tf.Tensor]:
        limit = self.tokenizer.max_tokens
        short_enough = tf.debugging.assert_less_equal(
            tf.shape(token_ids)[1],
            limit,
            f"token_ids must be [batch, at most {limit}]; truncate the longer rows",
        )
        with tf.control_dependencies([short_enough]):
            return self._answer_tokens(tf.identity(token_ids), padding_mask).as_outputs()

    def _from_examples(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        parsed = tf.io.parse_example(inputs, {"text": tf.io.FixedLenFeature([], tf.string)})
        answers = self._answer_text(parsed["text"])
        return {"classes": answers.labels, "scores": answers.scores}

    def _only_tokenize(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        tokens = self._tokenize(text)
        return {
            "token_ids": tf.identity(tokens["token_ids"]),
            "padding_mask": tf.cast(tokens["padding_mask"], tf.int32),
        }

    def _answer_text(self, text: tf.Tensor) -> _Answers:
        tokens = self._tokenize(text)
        return self._answer_tokens(tokens["token_ids"], tf.cast(tokens["padding_mask"], tf.int32))

    def _answer_tokens(self, token_ids: tf.Tensor, padding_mask: tf.Tensor) -> _Answers:
        scores = tf.cast(self._network(token_ids, padding_mask), tf.float32)
        labels = tf.repeat(self._labels[tf.newaxis], tf.shape(scores)[0], axis=0)
        return _Answers(scores, labels, scores >= self._thresholds)


def _set_classify_method(directory: Path) -> Mapping[str, Any]:
    """Marks `classify` for Classify (`tf.saved_model.save` marks all for Predict); returns the SignatureDefs."""
    path = directory / "saved_model.pb"
    saved_model = SavedModel.FromString(path.read_bytes())
    signature_defs = saved_model.meta_graphs[0].signature_def
    signature_defs["classify"].method_name = _CLASSIFY_METHOD
    path.write_bytes(saved_model.SerializeToString(deterministic=True))
    # The initialization operation is stored as a signature, but nobody can call it.
    return {name: value for name, value in signature_defs.items() if not name.startswith("__")}


def _describe(signature_def: Any) -> SignatureDescription:
    def tensors(infos: Mapping[str, Any]) -> dict[str, TensorDescription]:
        return {name: _describe_tensor(infos[name]) for name in sorted(infos)}

    return SignatureDescription(
        signature_def.method_name, tensors(signature_def.inputs), tensors(signature_def.outputs)
    )


def _describe_tensor(info: Any) -> TensorDescription:
    shape = tuple(None if axis.size < 0 else int(axis.size) for axis in info.tensor_shape.dim)
    return TensorDescription(tf.as_dtype(info.dtype).name, shape)

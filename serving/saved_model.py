"""Writes the SavedModel that TensorFlow Serving loads: text in, scores and decisions out.

Tokenizer, truncation, thresholds and label names are inside the graph, which holds operations of TensorFlow and TF
Text alone: whoever loads it needs neither this project nor Keras.

```
saved_model.pb  variables/  assets/  fingerprint.pb
assets.extra/emotion.json                   labels, thresholds and signatures, readable without TensorFlow
assets.extra/reference_statistics.json      usual texts and answers (`serving.watch.counts`), added by the pipeline
assets.extra/tf_serving_warmup_requests     requests that the server answers once before it says that it is ready
```
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from serving.description import (
    DESCRIPTION_FILE,
    Description,
    HeadDescription,
    SignatureDescription,
    TensorDescription,
)
from serving.example_methods import CLASSIFY, REGRESS
from serving.explanation import Explained
from serving.exported_model import Decide, ExportedModel, Network, Tokenizer
from serving.warmup import write_warmup_requests

__all__ = ["export_saved_model"]


_WARMUP_TEXTS = (
    ("What a day!",),
    ("I thought it would be fine, but I am still angry about what they said, and a little sad, too.",),
    tuple(f"It is number {number}, and I am so happy that it is here at last." for number in range(8)),
)
"""One short text, one typical text, one batch: each compiles and allocates what such requests need."""


def export_saved_model(
    directory: Path,
    *,
    network: Network,
    decide: Decide,
    tokenizer: Tokenizer,
    heads: Sequence[HeadDescription],
    thresholds: Sequence[float],
    segments: int = 1,
    explained: Explained | None = None,
    skips_padding: bool = False,
) -> Description:
    """Writes a SavedModel with these signatures; `context` and `segment_ids` only with two segments:

    - `serving_default`: `text` (and `context`) string [batch] -> `scores` float32 [batch, outputs] (probabilities of
      labels, numbers of regression targets), `labels` string [batch, outputs] (the outputs' names), `predicted` bool
      [batch, outputs].
    - `tokens`: `token_ids`, `padding_mask` (1 = token, 0 = padding) and `segment_ids` int32 [batch, seq_len] -> the
      same.
    - `tokenize`: `text` (and `context`) string [batch] -> `token_ids`, `padding_mask` and `segment_ids` int32 [batch,
      longest].
    - `classify`, if there are labels, answers the Classify call: `inputs` string [batch], serialized tf.Examples with a
      bytes feature `text` (and `context`, "" if absent) -> `classes` string and `scores` float32 [batch, labels], of
      all heads that have labels. With several of them, `classify_<head>` gives those of one.
    - `regress`, if there is a regression target, answers the Regress call: `inputs` likewise -> `outputs` float32
      [batch], in the target's unit. With several targets there is one `regress_<target>` for each.
    - `explain`, if asked for: `text` and `label` string [batch] (an output's name, or "" for the likeliest label) ->
      `words` string and `values` float32 [batch, longest], what each word adds to the score, padded with "" and 0;
      `label` string, `score` and `baseline_score` (of the text with every word hidden) float32 [batch]. The values
      add up to `score - baseline_score`, but for what the quadrature misses.

    Args:
        directory: where to write; made if missing.
        network: takes `token_ids`, `segment_ids` and `padding_mask` int32 [batch, seq_len], returns scores float32
            [batch, outputs]; any callable on tensors whose state is in TensorFlow variables.
        decide: from scores float32 [batch, outputs] to `predicted`.
        tokenizer: a tf.Module that turns text into the network's inputs.
        heads: what the columns of the scores are, in order.
        thresholds: probability 0-1 from which on a label of a multi-label head is predicted, one a column.
        segments: 2 for a network that reads a context before the text.
        explained: what the signature `explain` needs, of a network that reads one text.
        skips_padding: whether the network computes nothing for padding (`components.modeling.unpadded`).

    Returns:
        what was written, as read back from the file.
    """
    labels = tuple(name for head in heads for name in head.outputs)
    if len(labels) != len(thresholds):
        raise ValueError(
            f"{len(labels)} outputs but {len(thresholds)} thresholds; there must be one for each"
        )
    module = ExportedModel(network, decide, tokenizer, heads, segments, explained)
    tf.saved_model.save(module, str(directory), signatures=module.signatures())
    signature_defs = _set_methods(directory)
    description = Description(
        labels=labels,
        thresholds=tuple(float(threshold) for threshold in thresholds),
        heads=tuple(heads),
        max_tokens=tokenizer.max_tokens,
        segments=segments,
        signatures={name: _describe(signature_defs[name]) for name in sorted(signature_defs)},
        skips_padding=skips_padding,
    )
    extra = directory / "assets.extra"
    extra.mkdir()
    document = json.dumps(asdict(description), ensure_ascii=False, indent=2)
    (directory / DESCRIPTION_FILE).write_text(document + "\n", encoding="utf-8")
    write_warmup_requests(extra, _warmup_inputs(segments))
    return description


def _warmup_inputs(segments: int) -> list[dict[str, Sequence[str]]]:
    if segments == 1:
        return [{"text": texts} for texts in _WARMUP_TEXTS]
    return [{"text": texts, "context": texts[::-1]} for texts in _WARMUP_TEXTS]


def _set_methods(directory: Path) -> Mapping[str, Any]:
    """Marks the signatures of Classify and Regress; returns the SignatureDefs.

    `tf.saved_model.save` marks all for Predict.
    """
    path = directory / "saved_model.pb"
    saved_model = SavedModel.FromString(path.read_bytes())
    signature_defs = saved_model.meta_graphs[0].signature_def
    for name, definition in signature_defs.items():
        for prefix, method in (("classify", CLASSIFY), ("regress", REGRESS)):
            if name.partition("_")[0] == prefix:
                definition.method_name = method
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

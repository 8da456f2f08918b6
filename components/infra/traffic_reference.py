"""What is usual for a model: counted of its data, for the server to hold live traffic against."""

from collections.abc import Iterator
from itertools import islice

import tensorflow as tf

from components.core import features
from components.core.artifacts import Examples, ModelEvaluation
from components.data.records.example_proto import decode_example
from components.data.records.tfrecord import read_records
from components.evaluation.predictions import read_predictions
from components.modeling.classifier import LoadedModel
from serving.description import HeadDescription
from serving.watch.counts import Reference, TrafficCounts

__all__ = ["traffic_reference"]

_TEXTS_AT_A_TIME = 1024


def traffic_reference(model: LoadedModel, examples: Examples, evaluation: ModelEvaluation) -> Reference:
    """Counts the texts of the split `train`, and the answers to the split that the model was judged by.

    Of texts that it has learned by heart, a model is surer than it ever will be again.

    The server counts with the same code, so that nothing but the data can differ.
    """
    heads = [HeadDescription(**dict(head)) for head in model.config.heads]
    counts = TrafficCounts(sum(len(head.outputs) for head in heads))
    tokenizer, unknown = model.in_graph_tokenizer, model.tokenizer.vocabulary.index("[UNK]")
    texts = _texts(examples, "train")
    while batch := list(islice(texts, _TEXTS_AT_A_TIME)):
        counts.add_texts(batch)
        tokens = tokenizer(tf.constant(batch, tf.string))
        counts.add_tokens(tokens["token_ids"].numpy(), tokens["padding_mask"].numpy(), unknown)
    split = evaluation.metrics()["split"]
    for scores, _ in read_predictions(evaluation.predictions_path(split)):
        counts.add_answers(scores, range(counts.outputs), heads, model.config.thresholds)
    return Reference(counts, unknown)


def _texts(examples: Examples, split: str) -> Iterator[str]:
    for shard in examples.shards(split):
        for record in read_records(shard):
            yield decode_example(record)[features.TEXT][0].decode("utf-8", "ignore")

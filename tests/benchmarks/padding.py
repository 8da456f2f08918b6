"""What padding costs a server: MiniLM as Keras has it, and as it is exported, in turns in one process on one thread.

GoEmotions test texts in batches of one text, of 5, 8 and 16 in random order, and of 32 sorted by length; milliseconds a
text, the fastest of several passes, and how many times as fast the exported one is. Fails if an answer differs.

    EMOTION_SHARED_DATA=DIR python -m tests.benchmarks.padding [--texts 640] [--passes 4] [--threads 1]
"""

import argparse
import os
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from components.modeling.dataset import pad_tokens
from components.modeling.encoder import load_backbone, resolve_encoder
from components.modeling.pooling import MaskedMean
from components.modeling.unpadded import without_padding
from serving.tokenizer import InGraphTokenizer
from tests.benchmarks.serving import read_texts

_INPUTS = ("token_ids", "segment_ids", "padding_mask")
_SIZES = (1, 5, 8, 16)
_SORTED = 32
_NEAR = 1e-5


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = Path(os.environ.get("EMOTION_SHARED_DATA", "../shared/data"))
    parser.add_argument("--shared-data", type=Path, default=default)
    parser.add_argument("--texts", type=int, default=640)
    parser.add_argument("--passes", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    encoder = resolve_encoder("minilm")
    vocabulary = (Path(encoder.source) / "vocab.txt").read_text(encoding="utf-8").splitlines()
    tokenizer = InGraphTokenizer(
        vocabulary, lowercase=True, strip_accents=True, special_tokens={}, max_tokens=128
    )
    tokens = tokenizer(tf.constant(read_texts(arguments.shared_data, arguments.texts)))
    masks = tokens["padding_mask"].numpy().astype(bool)
    rows = [ids[mask] for ids, mask in zip(tokens["token_ids"].numpy(), masks, strict=True)]
    inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in _INPUTS}
    vectors = load_backbone(encoder)(inputs)["sequence_output"]
    padded = keras.Model(inputs, MaskedMean(dtype="float32")(vectors, inputs["padding_mask"]))
    signature = [{name: tf.TensorSpec([None, None], tf.int32) for name in _INPUTS}]
    functions = {
        name: tf.function(network, input_signature=signature)
        for name, network in (("with", padded), ("without", without_padding(padded)))
    }
    by_length = sorted(rows, key=len)
    for size, ordered, order in (
        *((size, rows, "random") for size in _SIZES),
        (_SORTED, by_length, "sorted"),
    ):
        batches = [
            {name: tf.constant(array) for name, array in pad_tokens(ordered[start : start + size]).items()}
            for start in range(0, len(rows), size)
        ]
        found = {name: function(batches[0]).numpy() for name, function in functions.items()}
        if np.abs(found["with"] - found["without"]).max() > _NEAR:
            raise SystemExit(f"batches of {size}: the answers differ")
        fastest = dict.fromkeys(functions, float("inf"))
        for _ in range(arguments.passes):
            for name, function in functions.items():
                started = time.perf_counter()
                for batch in batches:
                    function(batch)
                fastest[name] = min(fastest[name], 1e3 * (time.perf_counter() - started) / len(rows))
        print(
            f"batches of {size:2}, {order}: with padding {fastest['with']:5.2f} ms a text, without "
            f"{fastest['without']:5.2f}; {fastest['with'] / fastest['without']:.2f} x",
            flush=True,
        )


if __name__ == "__main__":
    main()

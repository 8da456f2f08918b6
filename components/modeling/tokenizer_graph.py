"""The tokenizer alone as a SavedModel, for whoever wants to prepare texts as the model's training did.

```python
import tensorflow as tf, tensorflow_text
tokenize = tf.saved_model.load("tokenizer_graph").signatures["serving_default"]
tokenize(text=tf.constant(["What a day!"]))["token_ids"]
```
"""

from pathlib import Path

import tensorflow as tf
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef, TensorInfo
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from components.modeling.tokenization import in_graph_tokenizer
from tflite.host_tokenizer import TokenizerSpec

__all__ = ["write_tokenizer_graph"]

_PREDICT_METHOD = "tensorflow/serving/predict"


def write_tokenizer_graph(directory: Path, spec: TokenizerSpec) -> None:
    """Writes the SavedModel; equal specifications give equal bytes.

    Its signature `serving_default` takes `text` string [batch], and `context` string [batch] if the specification has
    two segments, and returns `token_ids`, `segment_ids` and `padding_mask`, each int32 [batch, longest].

    The graph has no variables and no functions, so the file is put together here: `tf.saved_model.save` would number
    and sign it anew each time.
    """
    names = ("text", "context")[: spec.segments]
    with tf.Graph().as_default() as graph:
        inputs = {name: tf.compat.v1.placeholder(tf.string, [None], name) for name in names}
        found = in_graph_tokenizer(spec)(*inputs.values())
        outputs = {name: tf.identity(tensor, name) for name, tensor in found.items()}
        meta_graph = tf.compat.v1.train.export_meta_graph(graph=graph)
    meta_graph.meta_info_def.tags.append(tf.saved_model.SERVING)
    signature = meta_graph.signature_def[tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY]
    signature.CopyFrom(_signature(inputs, outputs))
    saved_model = SavedModel(saved_model_schema_version=1, meta_graphs=[meta_graph])
    directory.mkdir(parents=True)
    (directory / "saved_model.pb").write_bytes(saved_model.SerializeToString(deterministic=True))


def _signature(inputs: dict[str, tf.Tensor], outputs: dict[str, tf.Tensor]) -> SignatureDef:
    return SignatureDef(
        inputs={name: _describe(tensor) for name, tensor in inputs.items()},
        outputs={name: _describe(tensor) for name, tensor in outputs.items()},
        method_name=_PREDICT_METHOD,
    )


def _describe(tensor: tf.Tensor) -> TensorInfo:
    return TensorInfo(
        name=tensor.name, dtype=tensor.dtype.as_datatype_enum, tensor_shape=tensor.shape.as_proto()
    )

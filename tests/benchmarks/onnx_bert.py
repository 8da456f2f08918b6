"""The peer of `tests.benchmarks.tflite_bars`: the same network in ONNX, in float32 and in ONNX Runtime's dynamic int8.

Runs in an environment of its own with onnx and onnxruntime: reads the weights by their Keras paths from an .npz file
and writes FLOAT.onnx and INT8.onnx, which take `input_ids`, `attention_mask` and `token_type_ids`, int64 [1, tokens],
and give `scores`, float32 [1, labels].

    python onnx_bert.py WEIGHTS.npz HEADS FLOAT.onnx INT8.onnx
"""

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 20  # the first with Gelu
EPSILON = 1e-12


class Graph:
    """Nodes and constants as they are added; a tensor is its name."""

    def __init__(self, weights: Mapping[str, np.ndarray]) -> None:
        self.weights = weights
        self.nodes: list[Any] = []
        self.constants: dict[str, np.ndarray] = {}

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def weight(self, path: str, shape: tuple[int, ...] | None = None) -> str:
        values = self.weights[path]
        self.constants[path] = values if shape is None else values.reshape(shape)
        return path

    def number(self, values: Any, dtype: Any = np.int64) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(values, dtype)
        return name

    def dense(self, x: str, path: str, shape: tuple[int, int]) -> str:
        product = self.op("MatMul", x, self.weight(f"{path}/kernel", shape))
        return self.op("Add", product, self.weight(f"{path}/bias", (shape[1],)))

    def norm(self, x: str, path: str) -> str:
        scale, bias = self.weight(f"{path}/gamma"), self.weight(f"{path}/beta")
        return self.op("LayerNormalization", x, scale, bias, axis=-1, epsilon=EPSILON)


def main() -> None:
    weights_path, heads, float_path, int8_path = sys.argv[1:]
    with np.load(weights_path) as file:
        weights = {name: file[name] for name in file.files}
    onnx.save(build(weights, int(heads)), float_path)
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(float_path, int8_path, weight_type=QuantType.QInt8, per_channel=True)


def build(weights: Mapping[str, np.ndarray], heads: int) -> onnx.ModelProto:
    """A post-norm BERT with a pooled vector for each label and sigmoids."""
    graph = Graph(weights)
    width = weights["token_embedding/embeddings"].shape[1]
    x = embeddings(graph)
    padding = graph.op("Cast", "attention_mask", to=TensorProto.FLOAT)
    missing = graph.op("Sub", graph.number(1.0, np.float32), padding)
    masked = graph.op("Mul", missing, graph.number(-1e9, np.float32))
    layers = sum(path.endswith("query/kernel") for path in weights)
    for number in range(layers):
        x = layer(graph, x, masked, f"transformer_layer_{number}", width, heads)
    scores = graph.op("Sigmoid", logits(graph, x, padding, masked))
    graph.nodes.append(helper.make_node("Identity", [scores], ["scores"]))
    tokens = [
        helper.make_tensor_value_info(name, TensorProto.INT64, [1, "tokens"])
        for name in ("input_ids", "attention_mask", "token_type_ids")
    ]
    outputs = [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, None])]
    constants = [numpy_helper.from_array(values, name) for name, values in graph.constants.items()]
    made = helper.make_graph(graph.nodes, "bert", tokens, outputs, constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    onnx.checker.check_model(model)
    return model


def embeddings(graph: Graph) -> str:
    words = graph.op("Gather", graph.weight("token_embedding/embeddings"), "input_ids")
    segments = graph.op("Gather", graph.weight("segment_embedding/embeddings"), "token_type_ids")
    length = graph.op("Slice", graph.op("Shape", "input_ids"), *(graph.number([n]) for n in (1, 2)))
    positions = graph.op(
        "Slice", graph.weight("position_embedding/embeddings"), graph.number([0]), length, graph.number([0])
    )
    both = graph.op("Add", graph.op("Add", words, positions), segments)
    return graph.norm(both, "embeddings_layer_norm")


def layer(graph: Graph, x: str, masked: str, path: str, width: int, heads: int) -> str:
    attention = f"{path}/self_attention_layer"
    split = graph.number([0, 0, heads, width // heads])
    queries, keys, values = (
        graph.op("Reshape", graph.dense(x, f"{attention}/{part}", (width, width)), split)
        for part in ("query", "key", "value")
    )
    scaled = graph.op("Mul", queries, graph.number((width / heads) ** -0.5, np.float32))
    fits = graph.op(
        "MatMul",
        graph.op("Transpose", scaled, perm=[0, 2, 1, 3]),
        graph.op("Transpose", keys, perm=[0, 2, 3, 1]),
    )
    shares = graph.op("Softmax", graph.op("Add", fits, masked), axis=-1)
    mixed = graph.op("MatMul", shares, graph.op("Transpose", values, perm=[0, 2, 1, 3]))
    joined = graph.op("Reshape", graph.op("Transpose", mixed, perm=[0, 2, 1, 3]), graph.number([0, 0, width]))
    attended = graph.dense(joined, f"{attention}/attention_output", (width, width))
    x = graph.norm(graph.op("Add", x, attended), f"{attention}_norm")
    inner = graph.weights[f"{path}/feedforward_intermediate_dense/bias"].size
    wide = graph.dense(x, f"{path}/feedforward_intermediate_dense", (width, inner))
    hidden = graph.op("Gelu", wide, approximate="tanh")  # as KerasHub's BERT
    out = graph.dense(hidden, f"{path}/feedforward_output_dense", (inner, width))
    return graph.norm(graph.op("Add", x, out), f"{path}/feedforward_layer_norm")


def logits(graph: Graph, x: str, padding: str, masked: str) -> str:
    """`label_attention` pooling (`components.modeling.pooling.TokenAttention`) and a row of weights a label."""
    fits = graph.op("Transpose", graph.op("MatMul", x, graph.weight("pooling/queries")), perm=[0, 2, 1])
    shares = graph.op("Softmax", graph.op("Add", fits, masked), axis=-1)
    mean = graph.op("Div", padding, graph.op("ReduceSum", padding, graph.number([1]), keepdims=1))
    halves = graph.op("Mul", graph.op("Add", shares, mean), graph.number(0.5, np.float32))
    pooled = graph.op("MatMul", halves, x)
    weighted = graph.op("Mul", pooled, graph.weight("logits/kernel"))
    summed = graph.op("ReduceSum", weighted, graph.number([-1]), keepdims=0)
    return graph.op("Add", summed, graph.weight("logits/bias"))


if __name__ == "__main__":
    main()

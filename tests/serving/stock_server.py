"""Which operations the stock `tensorflow_model_server` 2.20 can run."""

from pathlib import Path

import tensorflow as tf
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

__all__ = ["TEXT_OPERATIONS", "operations", "unknown_to_stock_server"]

TEXT_OPERATIONS = {"FastWordpieceTokenizeWithOffsets", "NormalizeUTF8"}
"""Of TF Text's, those that our graphs may use. The server links all that stand in `ops_lib` of TF Text 2.20
(tensorflow_serving/model_servers/BUILD, SUPPORTED_TENSORFLOW_OPS; tensorflow_text/BUILD)."""

NEWER = {"DecodeJxl"}
"""The one operation that TensorFlow 2.21 has and 2.20 has not, found by comparing the operations both register."""


def operations(saved_model_dir: Path) -> set[str]:
    """Names of all operations in a SavedModel, those of its functions included."""
    saved = SavedModel.FromString((saved_model_dir / "saved_model.pb").read_bytes())
    graphs = [meta_graph.graph_def for meta_graph in saved.meta_graphs]
    return {node.op for graph in graphs for node in graph.node} | {
        node.op for graph in graphs for function in graph.library.function for node in function.node_def
    }


def unknown_to_stock_server(saved_model_dir: Path) -> set[str]:
    """Operations that the server could not run, `PyFunc` and operations of other libraries among them."""
    of_python = {"PyFunc", "EagerPyFunc", "PyFuncStateless"}
    core = {name for name in dir(tf.raw_ops) if not name.startswith("_")} | {"Placeholder"}
    return operations(saved_model_dir) - (core - of_python - NEWER) - TEXT_OPERATIONS

"""How large a model is."""

from components.core.artifacts import Model
from components.modeling.classifier import LoadedModel

__all__ = ["measure_size"]


def measure_size(model: Model, loaded: LoadedModel) -> dict[str, int]:
    """`parameters`, and `bytes` of the file that holds them (float32; an export may hold them in fewer)."""
    return {
        "parameters": int(loaded.network.count_params()),
        "bytes": model.weights_path.stat().st_size,
    }

"""Which precision to train in (bfloat16 where the hardware multiplies it faster, else float32), and to export in."""

from pathlib import Path
from typing import Literal, TypeAlias

__all__ = ["Policy", "Precision", "WeightPrecision", "choose_policy", "cpu_multiplies_bfloat16"]

Precision: TypeAlias = Literal["auto", "float32", "mixed_bfloat16"]
"""As configured."""

Policy: TypeAlias = Literal["float32", "mixed_bfloat16"]
"""A Keras dtype policy. Variables are float32 in both."""

WeightPrecision: TypeAlias = Literal["float32", "bfloat16", "int8"]
"""How an exported encoder's weights are stored: as trained; in half the bytes, and computed with as they are; in a
quarter, with a float32 scale for each output of a matrix and each row of an embedding table."""

_CPU_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})
_AMPERE = (8, 0)


def choose_policy(precision: Precision) -> Policy:
    """The policy for a configured precision; `auto` looks at the accelerators and the CPU that TensorFlow sees."""
    if precision != "auto":
        return precision
    import tensorflow as tf

    if tf.config.list_logical_devices("TPU"):
        return "mixed_bfloat16"
    if gpus := tf.config.list_physical_devices("GPU"):
        capabilities = [
            tf.config.experimental.get_device_details(gpu).get("compute_capability", _AMPERE) for gpu in gpus
        ]
        return "mixed_bfloat16" if min(capabilities) >= _AMPERE else "float32"
    return "mixed_bfloat16" if cpu_multiplies_bfloat16() else "float32"


def cpu_multiplies_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the CPU has AVX512_BF16 or AMX; False where the system has no `/proc/cpuinfo`."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return any(line.startswith("flags") and not _CPU_FLAGS.isdisjoint(line.split()) for line in lines)

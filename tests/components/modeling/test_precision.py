from pathlib import Path

import pytest

from components.modeling.precision import choose_policy, cpu_multiplies_bfloat16


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("fpu sse avx2 avx512f avx512_bf16 avx512_vnni", True),
        ("fpu sse amx_tile amx_bf16", True),
        ("fpu sse avx2 avx512f avx512_vnni", False),
        ("fpu not_avx512_bf16", False),
    ],
)
def test_reads_the_cpus_flags(tmp_path: Path, flags: str, expected: bool) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nmodel name\t: avx512_bf16 in a name\nflags\t\t: {flags}\n")
    assert cpu_multiplies_bfloat16(cpuinfo) is expected


def test_a_system_without_cpuinfo_trains_in_float32(tmp_path: Path) -> None:
    assert cpu_multiplies_bfloat16(tmp_path / "missing") is False


def test_a_configured_precision_is_obeyed() -> None:
    assert choose_policy("float32") == "float32"
    assert choose_policy("mixed_bfloat16") == "mixed_bfloat16"


def test_auto_goes_by_the_cpu_where_there_is_no_accelerator() -> None:
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU") or tf.config.list_physical_devices("TPU"):
        pytest.skip("this machine has an accelerator")
    assert choose_policy("auto") == ("mixed_bfloat16" if cpu_multiplies_bfloat16() else "float32")

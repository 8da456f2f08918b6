import pytest

from components.edge.variants import CANDIDATES, TARGETS, VariantSpec, refusal


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("float32", VariantSpec("float32")),
        ("int8_per_tensor", VariantSpec("int8_per_tensor")),
        ("int8_int4", VariantSpec("int8_int4")),
        ("int4_vocab99", VariantSpec("int4", 0.99)),
        ("int8_int4_vocab98.5_fixed", VariantSpec("int8_int4", 0.985, fixed_length=True)),
        ("float16_fixed", VariantSpec("float16", fixed_length=True)),
    ],
)
def test_a_name_says_what_the_file_is_made_of(name: str, expected: VariantSpec) -> None:
    assert VariantSpec.parse(name) == expected


@pytest.mark.parametrize(
    "name", ["int3", "int4_vocab", "int4_vocab100", "fixed", "int8_fixed_vocab99", "../int8"]
)
def test_another_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no variant; expected one of float32, float16, int8"):
        VariantSpec.parse(name)


def test_every_target_runs_some_candidate_and_says_why_it_runs_no_other() -> None:
    for target in TARGETS:
        reasons = [refusal(target, VariantSpec.parse(name)) for name in CANDIDATES]
        assert None in reasons
        assert all(reason is None or reason.startswith(f"{target} cannot run it: ") for reason in reasons)
    assert refusal("mediapipe", VariantSpec.parse("int4")) is None
    assert refusal("mediapipe-0.10", VariantSpec.parse("int4")) is not None
    assert refusal("bertnl", VariantSpec.parse("int8")) is not None

import pytest

from components.edge.choice_config import ChoiceConfig
from components.edge.variants import VariantSpec


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("float32", VariantSpec("float32")),
        ("int8_per_tensor", VariantSpec("int8_per_tensor")),
        ("int8_weights_vocab99", VariantSpec("int8_weights", 0.99)),
        ("int8_int4", VariantSpec("int8_int4")),
        ("int4_vocab99", VariantSpec("int4", 0.99)),
        ("int8_int4_vocab98.5_fixed", VariantSpec("int8_int4", 0.985, fixed_length=True)),
        ("int8_vocab99_text", VariantSpec("int8", 0.99, takes_text=True)),
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


def test_a_file_with_the_tokenizer_inside_has_no_fixed_length() -> None:
    with pytest.raises(ValueError, match="has no fixed length; leave _fixed out"):
        VariantSpec.parse("int8_fixed_text")


def test_the_target_that_takes_text_is_offered_files_that_do() -> None:
    names = ("float32", "int8_vocab99", "int4_text", "int8_fixed")
    config = ChoiceConfig(target="litert-with-tokenizer", candidates=names)
    assert config.variants() == ("float32_text", "int8_vocab99_text", "int4_text", "int8_text")
    assert ChoiceConfig(candidates=names).variants() == names

import pytest
import yaml

from pipeline.yaml_documents import load_yaml


def test_a_key_that_stands_twice_is_an_error_with_its_line():
    with pytest.raises(
        yaml.MarkedYAMLError, match=r"`trainer` stands in line 1, too; .* or remove one"
    ) as caught:
        load_yaml("trainer: {epochs: 1}\nname: mine\ntrainer: {epochs: 2}\n")
    assert caught.value.problem_mark.line == 2
    with pytest.raises(yaml.MarkedYAMLError, match="`epochs` stands in line 2, too"):
        load_yaml("stages:\n- epochs: 1\n  epochs: 2\n")


def test_keys_that_only_look_alike_are_different_ones():
    assert load_yaml("1: a\n'1': b\none: {x: 1}\ntwo: {x: 2}\n") == {
        1: "a",
        "1": "b",
        "one": {"x": 1},
        "two": {"x": 2},
    }


def test_what_is_merged_may_be_replaced_wherever_it_stands():
    text = """
small: &small {epochs: 1, rate: 0.1}
stages:
  middle: &middle
    <<: *small
    rate: 0.2
large:
  <<: *middle
  epochs: 9
both:
  <<: [*small, *middle]
same: *middle
"""
    assert load_yaml(text) == yaml.safe_load(text)
    assert load_yaml(text)["large"] == {"epochs": 9, "rate": 0.2}

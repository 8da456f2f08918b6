"""What changed in a key is said with values where a person can read them."""

import json

import pytest

from pipeline.cache.changes import changes, explain_miss


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ({"config epochs": "3"}, {"config epochs": "4"}, "config epochs: 3 -> 4"),
        ({"config loss": '"bce"'}, {"config loss": '"focal"'}, "config loss: bce -> focal"),
        (
            {"config head": '{"rate": {"first": 1, "last": 2}, "kind": "linear"}'},
            {"config head": '{"rate": {"first": 1, "last": 3}, "kind": "linear"}'},
            "config head.rate.last: 2 -> 3",
        ),
        ({"config head": "null"}, {"config head": '{"a": 1}'}, 'config head: null -> {"a": 1}'),
        ({}, {"config rate": "0.1"}, "config rate: null -> 0.1"),
        (
            {"packages": '{"keras": "3.14", "numpy": "2"}'},
            {"packages": '{"keras": "3.15", "numpy": "2"}'},
            "package keras: 3.14 -> 3.15",
        ),
        (
            {"component": "train version 1"},
            {"component": "train version 2"},
            "component: train version 1 -> train version 2",
        ),
        ({"input model": "aa"}, {"input model": "bb"}, "input model changed"),
        (
            {"file source/old.csv": "x"},
            {"file source/new.csv": "x"},
            "file source/new.csv is new, file source/old.csv is gone",
        ),
        ({"place source/a.csv": "/here/a.csv"}, {"place source/a.csv": "/there/a.csv"}, ""),
        (
            {"code": "x", "code components/a.py": "1", "code components/b.py": "1"},
            {"code": "y", "code components/a.py": "2", "code components/b.py": "1"},
            "code: components/a.py changed",
        ),
        ({"code": "x"}, {"code": "y", "code components/a.py": "2"}, "code changed"),
        ({"code": "x"}, {"code": "x", "code components/a.py": "2"}, ""),
    ],
)
def test_a_change_is_said_in_words(before: dict[str, str], now: dict[str, str], said: str):
    assert explain_miss(before, now) == said


def test_many_changes_are_counted_and_long_values_cut():
    before, now = ({f"config k{number}": json.dumps(value) for number in range(9)} for value in ("a", "b"))
    assert explain_miss(before, now).endswith("and 5 more")
    (change,) = changes({"config text": '"a"'}, {"config text": json.dumps("b" * 500)})
    assert len(str(change)) < 100
    assert change.now == "b" * 500

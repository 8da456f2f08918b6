import json
import math
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.core.errors import StageError
from components.data.statistics.feature_protos import Detail
from components.data.statistics.label_statistics import LabelStatistics
from components.data.statistics.split_statistics import SplitCounter, SplitStatistics, StatisticsPlan
from tflite.host_tokenizer import TokenizerSpec
from tflite.text import CleaningRules

NAMES = ("joy", "fear")
SPEC = TokenizerSpec(
    vocabulary=("[PAD]", "[UNK]", "[CLS]", "[SEP]", "so", "happy", "##y", "ha"),
    rules=CleaningRules(lowercase=True, strip_accents=True),
    max_tokens=16,
)
PLAN = StatisticsPlan(NAMES, "tiny", SPEC, Detail(top_values=5, ranks=10, buckets=4))

TEXTS = st.sampled_from(["so happy", "hay", "So 😀", "день", "!"]).map(str.encode)
LABELS = st.lists(st.sampled_from([b"joy", b"fear"]), unique=True)
EXAMPLES = st.builds(
    lambda text, labels, weight, context, votes: {
        "text": [text],
        "labels": labels,
        "weight": weight,
        "context": context,
        **({"votes/labels": labels, "votes/counts": votes[: len(labels)]} if labels else {}),
    },
    TEXTS,
    LABELS,
    st.lists(st.floats(0, 100, width=32), max_size=1),
    st.lists(TEXTS, max_size=1),
    st.just([2, 1]),
)


def columns(examples):
    """The values of each feature, example by example."""
    names = dict.fromkeys(name for example in examples for name in example)
    return {name: [example.get(name, []) for example in examples] for name in names}


def count(examples):
    counter = SplitCounter(PLAN)
    if examples:
        counter.add_all(columns(examples))
    return counter.finish()


def written(statistics):
    """What the statistics come to in the files."""
    proto = statistics.to_proto("train", PLAN).SerializeToString(deterministic=True)
    return proto, json.dumps(statistics.to_json(PLAN), allow_nan=False)


def merged(*parts):
    """The parts merged into the first, which none of the others notices."""
    first, *others = (pickle.loads(pickle.dumps(part)) for part in parts)
    for part in others:
        before = written(part)
        first.merge(part)
        assert written(part) == before
    return first


@settings(max_examples=30)
@given(st.lists(EXAMPLES, max_size=12), st.integers(0, 12), st.integers(0, 12))
def test_the_division_into_parts_makes_no_difference(examples, first, second):
    first, second = sorted((first, second))
    parts = [count(examples[:first]), count(examples[first:second]), count(examples[second:])]
    expected = written(count(examples))
    assert written(merged(merged(parts[0], parts[1]), parts[2])) == expected
    assert written(merged(parts[0], merged(parts[1], parts[2]))) == expected
    assert written(merged(SplitStatistics(LabelStatistics(NAMES)), *reversed(parts))) == expected


def test_an_empty_split():
    entry = count([]).to_json(PLAN)
    assert entry["rows"] == 0
    assert entry["label_counts"] == {"joy": 0, "fear": 0}
    assert entry["tokens"]["total"] == 0
    assert entry["length_tokens"]["mean"] is None
    proto = count([]).to_proto("empty", PLAN)
    assert (proto.name, proto.num_examples, len(proto.features)) == ("empty", 0, 0)


def test_numbers_that_no_one_can_average_reach_neither_the_report_nor_an_error():
    examples = [
        {"text": [b"so"], "labels": [], "slice/age": [value]}
        for value in (math.nan, math.inf, 1.0, -math.inf)
    ]
    statistics = count(examples)
    written(statistics)
    age = next(feature for feature in statistics.to_proto("t", PLAN).features if feature.name == "slice/age")
    assert math.isnan(age.num_stats.mean)
    assert age.num_stats.histograms[0].num_nan == 1


def test_the_context_is_tokenized_too():
    statistics = count([{"text": [b"so"], "labels": [], "context": [b"happy happy"]}])
    by_name = {feature.name: feature for feature in statistics.to_proto("t", PLAN).features}
    for name in ("text", "context"):
        assert "nl_statistics" in {custom.name for custom in by_name[name].custom_stats}
    assert statistics.to_json(PLAN)["tokens"]["total"] == 1


def test_features_that_only_later_examples_have_are_missing_before():
    first, second = {"text": [b"so"], "labels": []}, {"text": [b"so"], "labels": [], "slice/x": [b"a"]}
    by_name = {feature.name: feature for feature in count([first, second]).to_proto("t", PLAN).features}
    common = by_name["slice/x"].string_stats.common_stats
    assert (common.num_missing, common.num_non_missing) == (1, 1)


def test_a_feature_of_two_types_is_refused():
    with pytest.raises(StageError, match=r"holds (bytes and int|int and bytes) values"):
        count([{"text": [b"so"], "labels": [], "x": [b"a"]}, {"text": [b"so"], "labels": [], "x": [1]}])

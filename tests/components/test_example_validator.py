import json
import random

import pytest
from pydantic import ValidationError
from tensorflow_metadata.proto.v0 import anomalies_pb2

from components.core.artifacts import ExampleAnomalies, Examples, Schema
from components.core.errors import UserError
from components.core.filesystem import content_digest
from components.example_validator import ExampleValidatorConfig, example_validator
from components.schema_gen import SchemaGenConfig, schema_gen
from tests.benchmarks import drift
from tests.components.data_stages import SHARED_DATA, generate, needs_shared_data, profile, write
from tests.components.written_statistics import write_statistics


def rows(name, count, *labels):
    return [{"text": [f"{name} {n}"], "labels": [labels[n % len(labels)]]} for n in range(count)]


HEALTHY = {
    "train": rows("train", 80, "joy", "fear"),
    "validation": rows("validation", 50, "joy", "fear"),
    "test": rows("test", 50, "joy", "fear"),
}


def run(directory, statistics, examples, *, schema_path=None, baseline=None, **settings):
    schema, anomalies = Schema(directory / "schema"), ExampleAnomalies(directory / "anomalies")
    schema.path.mkdir()
    anomalies.path.mkdir()
    schema_gen(config=SchemaGenConfig(schema_path=schema_path), statistics=statistics, schema=schema)
    told = example_validator(
        config=ExampleValidatorConfig.model_validate(settings),
        statistics=statistics,
        schema=schema,
        examples=examples,
        baseline=baseline,
        anomalies=anomalies,
    )
    return anomalies, told


def validate(directory, splits, *, labels=("joy", "fear"), summary=None, **settings):
    """Validates statistics of these rows, with a summary of ExampleGen written by hand."""
    statistics = write_statistics(directory / "statistics", splits, labels)
    examples = Examples(directory / "examples")
    content = {
        "splits": {split: {"rows": len(found)} for split, found in splits.items()},
        "dead_letters": 0,
        **(summary or {}),
    }
    write(examples.summary_path, json.dumps(content))
    return run(directory, statistics, examples, **settings)


def found(anomalies):
    return [(entry["split"], entry["type"], entry["severity"]) for entry in anomalies.anomalies()]


def test_healthy_data_have_no_anomalies(tmp_path):
    anomalies, told = validate(tmp_path, HEALTHY)
    assert found(anomalies) == []
    assert told == {"errors": 0, "warnings": 0, "first": None}
    assert anomalies.refusal() is None
    proto = anomalies_pb2.Anomalies.FromString(anomalies.anomalies_path("train").read_bytes())
    assert len(proto.baseline.feature) == 2
    assert not proto.anomaly_info


def test_the_result_is_reproducible(tmp_path):
    first, _ = validate(tmp_path / "one", HEALTHY, min_examples=60)
    second, _ = validate(tmp_path / "two", HEALTHY, min_examples=60)
    assert content_digest(str(first.path)) == content_digest(str(second.path))


def test_a_missing_split_refuses_training(tmp_path):
    anomalies, told = validate(tmp_path, {"train": HEALTHY["train"], "test": HEALTHY["test"]})
    assert found(anomalies) == [("validation", "SPLIT_MISSING", "ERROR")]
    assert told["errors"] == 1
    assert "there is no validation split, only train, test" in anomalies.refusal()
    proto = anomalies_pb2.Anomalies.FromString(anomalies.anomalies_path("validation").read_bytes())
    assert proto.data_missing
    assert proto.dataset_anomaly_info.severity == anomalies_pb2.AnomalyInfo.ERROR


def test_splits_that_are_not_required_may_be_missing(tmp_path):
    splits = {"train": HEALTHY["train"], "validation": HEALTHY["validation"]}
    anomalies, _ = validate(tmp_path, splits, required_splits=["train", "validation"])
    assert found(anomalies) == []


def test_an_empty_split_refuses_training(tmp_path):
    anomalies, _ = validate(tmp_path, {**HEALTHY, "test": []})
    assert found(anomalies) == [("test", "SPLIT_EMPTY", "ERROR")]
    assert "there are no examples in this split" in anomalies.refusal()


def test_rare_and_absent_labels_are_warnings(tmp_path):
    splits = {**HEALTHY, "train": HEALTHY["train"] + rows("one more", 1, "grief")}
    anomalies, _ = validate(tmp_path, splits, labels=["joy", "fear", "grief", "pride"])
    assert found(anomalies) == [
        ("train", "LABEL_WITHOUT_EXAMPLES", "WARNING"),
        ("train", "RARE_LABEL", "WARNING"),
    ]
    messages = [entry["message"] for entry in anomalies.anomalies()]
    assert "no example has pride;" in messages[0]
    assert "grief (1);" in messages[1]
    assert anomalies.refusal() is None


def test_severities_are_a_matter_of_configuration(tmp_path):
    splits = {**HEALTHY, "train": HEALTHY["train"] + rows("one more", 1, "grief")}
    anomalies, _ = validate(
        tmp_path, splits, labels=["joy", "fear", "grief"], severities={"RARE_LABEL": "ERROR"}
    )
    assert found(anomalies) == [("train", "RARE_LABEL", "ERROR")]
    assert "grief" in anomalies.refusal()


def test_what_example_gen_has_counted_is_judged(tmp_path):
    summary = {
        "dead_letters": 9,
        "dead_letters_by_reason": {"EMPTY_TEXT": 9},
        "duplicates": {
            "policy": "report",
            "across_splits": [
                {
                    "splits": ["train", "test"],
                    "groups": 3,
                    "exact_groups": 2,
                    "rows": [3, 3],
                    "examples": [{"texts": ["train 0", "Train  0"], "similarity": 1.0}],
                }
            ],
            "conflicts": {"groups": 4, "rows": 8, "examples": []},
            "near_looked_for": False,
            "largest_group": 900,
            "rows_dealt": {"train": 2_000, "validation": 500},
            "rows_together": {"train": 1_600, "validation": 900},
        },
    }
    anomalies, _ = validate(tmp_path, HEALTHY, summary=summary)
    assert set(found(anomalies)) == {
        ("train", "DEAD_LETTERS_HIGH", "WARNING"),
        ("train", "CONFLICTING_LABELS", "WARNING"),
        ("validation", "SPLIT_SIZE_CHANGED", "WARNING"),
        ("test", "TEXT_IN_TWO_SPLITS", "WARNING"),
        ("test", "NEAR_DUPLICATE_IN_TWO_SPLITS", "WARNING"),
    }


def test_shifted_labels_are_found(tmp_path):
    shifted = {**HEALTHY, "test": rows("test", 60, "joy", "joy", "joy", "joy", "fear")}
    anomalies, _ = validate(tmp_path, shifted)
    assert found(anomalies) == [("test", "LABEL_PRIOR_SHIFT", "WARNING")]
    measured = {
        (one["split"], one["at"]): one
        for one in anomalies.comparisons()
        if one["type"] == "LABEL_PRIOR_SHIFT"
    }
    assert measured["test", "joy"]["exceeded"]
    assert not measured["validation", "joy"]["exceeded"]
    assert measured["validation", "joy"]["value"] == 0


SHIFTED = {**HEALTHY, "train": rows("train", 200, "joy", "joy", "joy", "joy", "fear")}


def test_the_last_accepted_run_is_the_baseline(tmp_path):
    baseline = write_statistics(tmp_path / "before", HEALTHY, ["joy", "fear"])
    anomalies, _ = validate(tmp_path, SHIFTED, baseline=baseline, required_splits=["train"])
    drift = [one for one in anomalies.comparisons() if one["comparison"] == "drift" and one["exceeded"]]
    assert {(one["split"], one["control"]) for one in drift} == {("train", "the last accepted run")}
    assert ("train", "LABEL_PRIOR_SHIFT", "WARNING") in found(anomalies)


def test_other_statistics_can_be_the_baseline(tmp_path):
    baseline = write_statistics(tmp_path / "before", HEALTHY, ["joy", "fear"])
    other = write_statistics(tmp_path / "other", SHIFTED, ["joy", "fear"])
    serving = write_statistics(tmp_path / "serving", {"serving": SHIFTED["train"]}, ["joy", "fear"])
    settings = {"previous_statistics": str(other.path), "serving_statistics": str(serving.path)}
    assert [found.path for found in ExampleValidatorConfig(**settings).external_inputs()] == list(
        settings.values()
    )
    splits = {"train": SHIFTED["train"]}
    anomalies, _ = validate(tmp_path, splits, baseline=baseline, required_splits=["train"], **settings)
    assert found(anomalies) == []
    assert {one["control"] for one in anomalies.comparisons()} == {
        "the earlier data",
        "the serving data",
    }


def test_statistics_that_are_not_there(tmp_path):
    gone = str(tmp_path / "gone")
    with pytest.raises(UserError, match=r"gone: no such file"):
        validate(tmp_path, HEALTHY, previous_statistics=gone)
    (problem,) = ExampleValidatorConfig(previous_statistics=gone).problems()
    assert problem.setting == "previous_statistics"
    assert f"{gone}: no such file or directory" in problem.message


CURATED = """
feature { name: "text" type: BYTES presence { min_fraction: 1 } value_count { min: 1 max: 1 } }
feature {
  name: "labels" type: BYTES domain: "labels" value_count { min: 1 max: 1 }
  drift_comparator { infinity_norm { threshold: 0.1 } }
}
string_domain { name: "labels" value: "joy" value: "fear" }
"""


def test_a_curated_schema_stops_labels_that_it_does_not_know(tmp_path):
    splits = {**HEALTHY, "test": HEALTHY["test"] + rows("what", 1, "sadness")}
    anomalies, _ = validate(
        tmp_path,
        splits,
        labels=["joy", "fear", "sadness"],
        schema_path=write(tmp_path / "curated.pbtxt", CURATED),
    )
    assert ("test", "ENUM_TYPE_UNEXPECTED_STRING_VALUES", "ERROR") in found(anomalies)
    assert "test/labels:" in anomalies.refusal()
    assert "'sadness' (1)" in anomalies.refusal()


def test_drift_that_a_curated_schema_asks_for(tmp_path):
    path = write(tmp_path / "curated.pbtxt", CURATED)
    first, _ = validate(tmp_path / "first", HEALTHY, schema_path=path)
    assert found(first) == [("train", "COMPARATOR_CONTROL_DATA_MISSING", "WARNING")]
    baseline = write_statistics(tmp_path / "before", HEALTHY, ["joy", "fear"])
    second, _ = validate(tmp_path / "second", HEALTHY, schema_path=path, baseline=baseline)
    assert found(second) == []
    third, _ = validate(tmp_path / "third", SHIFTED, schema_path=path, baseline=baseline)
    assert ("train", "COMPARATOR_L_INFTY_HIGH", "WARNING") in found(third)
    proto = anomalies_pb2.Anomalies.FromString(third.anomalies_path("train").read_bytes())
    (measured,) = proto.drift_skew_info[0].drift_measurements
    assert (list(proto.drift_skew_info[0].path.step), measured.type) == (["labels"], measured.L_INFTY)
    assert (round(measured.value, 6), measured.threshold) == (0.3, 0.1)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"severities": {"RARE_LABELS": "ERROR"}}, "RARE_LABELS"),
        ({"severities": {"RARE_LABEL": "FATAL"}}, "FATAL"),
        ({"max_category_shift": 2}, "less than or equal to 1"),
    ],
)
def test_settings_that_do_not_fit_are_refused(values, message):
    with pytest.raises(ValidationError, match=message):
        ExampleValidatorConfig.model_validate(values)


def odd_rows(draw, count, share):
    """Rows of random words, one in `share` of them fear, the rest joy."""
    for number in range(count):
        words = " ".join("".join(draw.choices("abcdefgh", k=5)) for _ in range(draw.randint(6, 12)))
        yield f"{words},{'joy' if number % share else 'fear'}\n"


def test_the_real_stages_before_it(tmp_path):
    """Files, ExampleGen and StatisticsGen instead of statistics written by hand."""
    draw = random.Random(1)
    splits = {
        split: write(tmp_path / f"{split}.csv", "text,labels\n" + "".join(odd_rows(draw, 300, share)))
        for split, share in {"train": 3, "validation": 3, "test": 12}.items()
    }
    examples = generate(tmp_path, splits=splits)
    anomalies, _ = run(tmp_path, profile(tmp_path, examples), examples)
    assert found(anomalies) == [("test", "LABEL_PRIOR_SHIFT", "WARNING")]
    measured = {one["type"] for one in anomalies.comparisons()}
    assert measured == {"LABEL_PRIOR_SHIFT", "LABELS_PER_TEXT_SHIFT", "LENGTH_SHIFT"}


@needs_shared_data
@pytest.mark.shared_data
def test_goemotions_may_be_trained_on(tmp_path):
    """Its splits were drawn from one set: nothing but duplicates, if they were looked for, may be odd."""
    examples = generate(tmp_path, preset="goemotions", source=str(SHARED_DATA / "goemotions"))
    anomalies, _ = run(tmp_path, profile(tmp_path, examples), examples)
    assert anomalies.refusal() is None
    duplicates = {"TEXT_IN_TWO_SPLITS", "NEAR_DUPLICATE_IN_TWO_SPLITS", "CONFLICTING_LABELS"}
    assert {entry["type"] for entry in anomalies.anomalies()} <= duplicates


@needs_shared_data
@pytest.mark.shared_data
def test_planted_drift_is_found_and_resamples_are_silent():
    """A few cases of `tests.benchmarks.drift`, which has them all."""
    labels, texts = drift.read_goemotions(SHARED_DATA / "goemotions")
    for parts in (drift.PARTS, drift.SMALL_PARTS):
        assert [drift.validate(texts, labels, parts, seed=seed) for seed in range(3)] == [[]] * 3
    assert drift.is_found(texts, labels, "joy", 2.0, seed=1)
    assert drift.is_found(texts, labels, "embarrassment", 3.0, seed=2)


def valences(offset=0.0):
    lines = [f"row {n} of the file,{2 + n % 5 / 2 + offset}" for n in range(200)]
    return "text,valence\n" + "\n".join(lines) + "\n"


def validate_targets(directory, test, schema):
    splits = {"train": write(directory / "a.csv", valences()), "test": write(directory / "b.csv", test)}
    settings = {"columns": {"targets": ["valence"]}, "duplicates": {"policy": "off"}}
    examples = generate(directory, splits=splits, **settings)
    path = write(directory / "mine.pbtxt", schema)
    anomalies, _ = run(directory, profile(directory, examples), examples, schema_path=path)
    return [entry for entry in anomalies.anomalies() if entry["feature"] == "target/valence"]


def test_numbers_out_of_their_scale_and_of_another_distribution_are_found(tmp_path):
    others = "".join(f'feature {{ name: "{name}" type: BYTES }}\n' for name in ("id", "labels", "text"))
    scale = "float_domain { min: 1 max: 5 }"
    compared = "skew_comparator { jensen_shannon_divergence { threshold: 0.1 } }"
    schema = f'{others}feature {{ name: "target/valence" type: FLOAT {scale} {compared} }}\n'
    assert validate_targets(tmp_path / "healthy", valences(), schema) == []
    anomalies = validate_targets(tmp_path / "shifted", valences(2.0), schema)
    assert {(entry["split"], entry["type"]) for entry in anomalies} == {
        ("test", "FLOAT_TYPE_BIG_FLOAT"),
        ("test", "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH"),
    }

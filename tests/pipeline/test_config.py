import re
from importlib.resources import files

import pytest

from components.core.errors import ConfigError
from components.data.ingestion.division_config import Duplicates
from components.example_gen import ExampleGenConfig
from components.transform import TransformConfig
from pipeline.config import PipelineConfig, load_config, parse_config
from tests.benchmarks.tasks import CASES, configured

EXAMPLES = {"name": "emotions", "example_gen": {"source": "data.csv"}}


def test_statistics_gen_counts_the_tokens_that_transform_makes(tmp_path):
    section = {"encoder": "./mine", "special_tokens": ["[WHO]"], "casing": "cased", "emoji": "words"}
    config = parse_config(
        {**EXAMPLES, "transform": section, "statistics_gen": {"top_values": 7}}, base=tmp_path
    )
    assert config.statistics_gen.encoder == config.transform.encoder == str(tmp_path / "mine")
    assert config.statistics_gen.special_tokens == ("[WHO]",)
    assert config.statistics_gen.casing == "cased"
    assert config.statistics_gen.emoji == "words"
    assert config.statistics_gen.top_values == 7


def test_statistics_gen_takes_the_defaults_of_transform():
    config = parse_config(EXAMPLES)
    assert config.statistics_gen.encoder == config.transform.encoder == "minilm"
    assert config.statistics_gen.special_tokens == config.transform.special_tokens


@pytest.mark.parametrize(
    ("segments", "own", "contexts"),
    [(1, {}, False), (2, {}, True), (2, {"contexts": False}, False), (1, {"contexts": True}, True)],
)
def test_contexts_tell_texts_apart_for_a_model_that_reads_them(segments, own, contexts):
    duplicates = {"policy": "drop", **own}
    read = {**EXAMPLES["example_gen"], "duplicates": duplicates}
    config = parse_config({**EXAMPLES, "example_gen": read, "transform": {"segments": segments}})
    assert config.example_gen.duplicates.contexts is contexts
    assert config.example_gen.duplicates.policy == "drop"


@pytest.mark.parametrize(("own", "contexts"), [({}, True), ({"contexts": False}, False)])
def test_contexts_tell_texts_apart_where_sections_are_objects_too(own, contexts):
    read = ExampleGenConfig(source="data.csv", duplicates=Duplicates(policy="drop", **own))
    config = PipelineConfig(name="emotions", example_gen=read, transform=TransformConfig(segments=2))
    assert config.example_gen == read.model_copy(
        update={"duplicates": Duplicates(policy="drop", contexts=contexts)}
    )


def test_a_root_may_be_a_file_uri():
    assert parse_config({**EXAMPLES, "root": "file:///data/root"}).root == "/data/root"


def test_the_own_section_of_statistics_gen_comes_first():
    config = parse_config({**EXAMPLES, "statistics_gen": {"encoder": None}, "transform": {"casing": "cased"}})
    assert config.statistics_gen.encoder is None
    assert config.statistics_gen.casing == "cased"


@pytest.mark.parametrize(
    "path", sorted(files("pipeline").joinpath("configs").iterdir(), key=str), ids=lambda path: path.name
)
def test_the_shipped_configurations_are_valid(path):
    config = load_config(path)
    assert config.evaluator.thresholds.model_dump(exclude_none=True)
    assert config.name == path.stem


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_benchmarked_configurations_are_valid(case):
    config = configured(case, seed=0)
    assert (config.transform.segments == 2) == (
        config.example_gen.nested is not None and "no" not in case.name
    )


def test_what_is_wrong_with_a_file_is_told_with_its_place(tmp_path):
    path = tmp_path / "emotion.yaml"
    path.write_text("name: mine\ntrainer: [3\n")
    with pytest.raises(
        ConfigError, match=r"emotion\.yaml: not valid YAML: line 3, column 1: expected ',' or ']'"
    ):
        load_config(path)
    path.write_text("text,labels\nso glad,joy\n")
    with pytest.raises(ConfigError, match=r"`emotion init DATA` writes a configuration"):
        load_config(path)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (
            "  label_names: [yes, joy]",
            "`example_gen.label_names.0` is True: expected text; put it in quotes, as YAML reads yes, no, on ",
        ),
        (
            "  salt: 2026-01-31",
            r"`example_gen.salt` is datetime.date(2026, 1, 31): expected text; put it in quotes",
        ),
        ("  label_mapping: {1: joy}", "`example_gen.label_mapping.1` is 1: expected text; put it in quotes"),
        ("trainer:\n  # epochs: 3", "`trainer` is empty; fill it in, or remove it"),
        ("  salt: a\n  salt: b", "not valid YAML: line 5, column 3: `salt` stands in line 4, too; "),
    ],
)
def test_what_yaml_makes_of_a_text_is_explained(tmp_path, section, message):
    path = tmp_path / "emotion.yaml"
    path.write_text(f"name: mine\nexample_gen:\n  source: a.csv\n{section}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="^" + re.escape(f"{path}: {message}")):
        load_config(path)


def test_three_problems_are_told_and_the_rest_is_counted():
    wrong = dict.fromkeys(("epohcs", "learning_rat", "batchsize", "x"), 1)
    with pytest.raises(ConfigError, match=r"`trainer\.epohcs`; did you mean `epochs`\?.*; and 1 more$"):
        parse_config({**EXAMPLES, "trainer": wrong})


def test_data_in_place_of_a_configuration(tmp_path):
    path = tmp_path / "reviews.csv"
    path.write_text("text,labels\na: b,joy\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"holds data; .* `emotion init .*reviews.csv` writes"):
        load_config(path)

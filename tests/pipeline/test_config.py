from pipeline.config import parse_config

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


def test_the_own_section_of_statistics_gen_comes_first():
    config = parse_config({**EXAMPLES, "statistics_gen": {"encoder": None}, "transform": {"casing": "cased"}})
    assert config.statistics_gen.encoder is None
    assert config.statistics_gen.casing == "cased"

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from components.data.validation.schema_rules import compare_with_schema

TOKEN = (
    'token_statistics { string_token: "[UNK]" fraction_of_sequences: 0.25 per_sequence_min_frequency: 1 '
    "per_sequence_max_frequency: 4 }"
)
LANGUAGE = (
    f"feature_coverage: 0.75 avg_token_length: 3.5 min_sequence_length: 2 max_sequence_length: 40 {TOKEN}"
)


def findings(domain="", *, language=LANGUAGE, document=None, tags=""):
    annotation = f"annotation {{ {tags} }}" if tags else ""
    domain = f"natural_language_domain {{ {domain} }}" if domain else ""
    schema = text_format.Parse(f'feature {{ name: "text" {domain} {annotation} }}', schema_pb2.Schema())
    dataset = statistics_pb2.DatasetFeatureStatistics(name="test", num_examples=9)
    text = dataset.features.add(name="text", type="STRING")
    text.string_stats.common_stats.num_non_missing = 9
    if language:
        statistics = text_format.Parse(language, statistics_pb2.NaturalLanguageStatistics())
        text.custom_stats.add(name="nl_statistics").any.Pack(statistics)
    found = compare_with_schema(dataset, schema, document or {}, max_foreign_share=0.1)
    assert {finding.feature for finding in found} <= {"text"}
    return [(finding.type, finding.message) for finding in found]


def token(limits):
    return f'token_constraints {{ string_value: "[UNK]" {limits} }}'


@pytest.mark.parametrize(
    ("broken", "fitting", "kind", "message"),
    [
        (
            "coverage { min_coverage: 0.8 }",
            "coverage { min_coverage: 0.7 }",
            "FEATURE_COVERAGE_TOO_LOW",
            "75.00% of the",
        ),
        (
            "coverage { min_avg_token_length: 4 }",
            "coverage { min_avg_token_length: 3 }",
            "FEATURE_COVERAGE_TOO_SHORT_AVG_TOKEN_LENGTH",
            "tokens have 3.50 characters on average where the schema asks for 4.00",
        ),
        (
            token("min_fraction_of_sequences: 0.5"),
            token("min_fraction_of_sequences: 0.25"),
            "SEQUENCE_VALUE_TOO_SMALL_FRACTION",
            "'[UNK]' is in 25.00% of the texts where the schema asks for at least 50.00%",
        ),
        (
            token("max_fraction_of_sequences: 0.1"),
            token("max_fraction_of_sequences: 0.25"),
            "SEQUENCE_VALUE_TOO_LARGE_FRACTION",
            "where the schema allows 10.00%",
        ),
        (
            token("min_per_sequence: 2"),
            token("min_per_sequence: 1"),
            "SEQUENCE_VALUE_TOO_FEW_OCCURRENCES",
            "'[UNK]' is 1 times in a text where the schema asks for 2",
        ),
        (
            token("max_per_sequence: 3"),
            token("max_per_sequence: 4"),
            "SEQUENCE_VALUE_TOO_MANY_OCCURRENCES",
            "'[UNK]' is 4 times in a text where the schema allows 3",
        ),
        (
            'token_constraints { string_value: "[CLS]" min_per_sequence: 1 }',
            token("min_per_sequence: 1"),
            "STATS_NOT_AVAILABLE",
            "no statistics of the token '[CLS]'",
        ),
        (
            "sequence_length_constraints { min_sequence_length: 3 }",
            "sequence_length_constraints { min_sequence_length: 2 }",
            "SEQUENCE_TOO_SHORT",
            "a text has 2 tokens where the schema asks for 3",
        ),
        (
            "sequence_length_constraints { max_sequence_length: 39 }",
            "sequence_length_constraints { max_sequence_length: 40 }",
            "SEQUENCE_TOO_LONG",
            "a text has 40 tokens where the schema allows 39",
        ),
    ],
)
def test_the_natural_language_domain(broken, fitting, kind, message):
    ((found, told),) = findings(broken)
    assert found == kind
    assert message in told
    assert findings(fitting) == []


@pytest.mark.parametrize(
    "limits",
    [
        "coverage { min_coverage: 0.1 }",
        token("min_per_sequence: 1"),
        "sequence_length_constraints { max_sequence_length: 9 }",
    ],
)
def test_limits_without_statistics_are_not_passed_over(limits):
    assert [kind for kind, _ in findings(limits, language="")] == ["STATS_NOT_AVAILABLE"]


def test_token_lengths_of_the_document_stand_in_for_sequence_lengths():
    limits = "sequence_length_constraints { max_sequence_length: 9 }"
    assert findings(limits, language="", document={"length_tokens": {"min": 2, "max": 9}}) == []
    too_long = findings(limits, language="", document={"length_tokens": {"min": 2, "max": 10}})
    assert [kind for kind, _ in too_long] == ["SEQUENCE_TOO_LONG"]


DOCUMENT = {
    "languages": {"sample": 100, "counts": {"en": 80, "de": 15, "fi": 5}},
    "scripts": {"Latin": 85, "Cyrillic": 12, "Common": 3},
}


@pytest.mark.parametrize(
    ("tags", "kind", "message"),
    [
        (
            'tag: "language:en"',
            "UNEXPECTED_LANGUAGE",
            "20.0% of the texts are in a language that the schema does not name",
        ),
        ('tag: "script:Latin"', "UNEXPECTED_SCRIPT", "12.0% of the texts are in a script"),
    ],
)
def test_languages_and_scripts_that_the_schema_does_not_name(tags, kind, message):
    ((found, told),) = findings(document=DOCUMENT, tags=tags)
    assert found == kind
    assert message in told


def test_languages_and_scripts_that_it_names():
    assert findings(document=DOCUMENT) == []
    assert (
        findings(
            document=DOCUMENT,
            tags='tag: "language:en" tag: "language:de" tag: "script:Latin" tag: "script:Cyrillic"',
        )
        == []
    )
    unknown = [kind for kind, _ in findings(tags='tag: "language:en"')]
    assert unknown == ["STATS_NOT_AVAILABLE"]

"""Texts that the schema's natural-language domain does not allow, and languages and scripts that it does not name.

Coverage and tokens are checked as TFDV does. It has never checked `sequence_length_constraints`; we do.
"""

from collections.abc import Mapping
from typing import Any

from components.data.statistics.feature_view import FeatureView
from components.data.validation.anomalies import AnomalyType
from components.data.validation.domain_rules import Problems

__all__ = ["check_language_domain", "check_languages"]

_MAX_SHOWN_NAMES = 5
_OTHER_VOCABULARY = "choose an encoder for these texts, or add words to its vocabulary"

_UNKNOWN = ("Unknown", "Common", "Inherited", "Zyyy", "Zinh", "Zzzz", "None", "")
"""Scripts of texts without letters: they speak no foreign language."""


def check_language_domain(view: FeatureView, domain: Any, document: Mapping[str, Any]) -> Problems:
    """Holds the natural-language statistics of a feature against its `NaturalLanguageDomain`.

    Args:
        view: the feature.
        domain: the schema's.
        document: the split's entry in `statistics.json`, whose `length_tokens` stand in for sequence lengths.
    """
    statistics = view.language
    coverage = domain.coverage
    if statistics is None:
        asked = coverage.HasField("min_coverage") or coverage.HasField("min_avg_token_length")
        if asked or domain.token_constraints:
            yield _not_available("token statistics")
    else:
        yield from _check_coverage(statistics, coverage)
        yield from _check_tokens(statistics, domain.token_constraints)
    if domain.HasField("sequence_length_constraints"):
        yield from _check_lengths(statistics, domain.sequence_length_constraints, document)


def _check_coverage(statistics: Any, coverage: Any) -> Problems:
    if coverage.HasField("min_coverage") and statistics.feature_coverage < coverage.min_coverage:
        message = (
            f"{statistics.feature_coverage:.2%} of the tokens are in the vocabulary where the schema asks for "
            f"{coverage.min_coverage:.2%}"
        )
        yield "FEATURE_COVERAGE_TOO_LOW", f"{message}; {_OTHER_VOCABULARY}"
    if coverage.HasField("min_avg_token_length"):
        least = coverage.min_avg_token_length
        if statistics.avg_token_length < least:
            message = (
                f"tokens have {statistics.avg_token_length:.2f} characters on average where the schema asks for "
                f"{least:.2f}: words fall into pieces"
            )
            yield "FEATURE_COVERAGE_TOO_SHORT_AVG_TOKEN_LENGTH", f"{message}; {_OTHER_VOCABULARY}"


def _check_tokens(statistics: Any, constraints: Any) -> Problems:
    counted = {_token(found): found for found in statistics.token_statistics}
    for constraint in constraints:
        token = _token(constraint)
        if token is None:
            continue
        found = counted.get(token)
        if found is None:
            yield _not_available(f"statistics of the token {token!r}")
        else:
            yield from _check_token(token, found, constraint)


def _check_token(token: str | int, found: Any, constraint: Any) -> Problems:
    fraction = found.fraction_of_sequences
    advice = "correct the texts, or the schema's token_constraints if they are right"
    least, most = constraint.min_fraction_of_sequences, constraint.max_fraction_of_sequences
    if constraint.HasField("min_fraction_of_sequences") and fraction < least:
        message = (
            f"{token!r} is in {fraction:.2%} of the texts where the schema asks for at least {least:.2%}"
        )
        yield "SEQUENCE_VALUE_TOO_SMALL_FRACTION", f"{message}; {advice}"
    if constraint.HasField("max_fraction_of_sequences") and fraction > most:
        message = f"{token!r} is in {fraction:.2%} of the texts where the schema allows {most:.2%}"
        yield "SEQUENCE_VALUE_TOO_LARGE_FRACTION", f"{message}; {advice}"
    fewest, greatest = found.per_sequence_min_frequency, found.per_sequence_max_frequency
    if constraint.HasField("min_per_sequence") and fewest < constraint.min_per_sequence:
        message = (
            f"{token!r} is {fewest:g} times in a text where the schema asks for {constraint.min_per_sequence}"
        )
        yield "SEQUENCE_VALUE_TOO_FEW_OCCURRENCES", f"{message}; {advice}"
    if constraint.HasField("max_per_sequence") and greatest > constraint.max_per_sequence:
        message = (
            f"{token!r} is {greatest:g} times in a text where the schema allows {constraint.max_per_sequence}"
        )
        yield "SEQUENCE_VALUE_TOO_MANY_OCCURRENCES", f"{message}; {advice}"


def _check_lengths(statistics: Any | None, limits: Any, document: Mapping[str, Any]) -> Problems:
    counted = document.get("length_tokens") or {}
    if statistics is not None and statistics.max_sequence_length:
        shortest, longest = statistics.min_sequence_length, statistics.max_sequence_length
    elif counted.get("max") is not None:
        shortest, longest = counted["min"], counted["max"]
    else:
        yield _not_available("lengths in tokens")
        return
    if limits.HasField("min_sequence_length") and shortest < limits.min_sequence_length:
        message = (
            f"a text has {shortest:,.0f} tokens where the schema asks for {limits.min_sequence_length:,}"
        )
        yield "SEQUENCE_TOO_SHORT", f"{message}; remove it, or correct the schema"
    if limits.HasField("max_sequence_length") and longest > limits.max_sequence_length:
        message = (
            f"a text has {longest:,.0f} tokens where the schema allows {limits.max_sequence_length:,}: what exceeds "
            "`transform.max_tokens` is cut off"
        )
        yield "SEQUENCE_TOO_LONG", f"{message}; divide such texts, or correct the schema"


def check_languages(feature: Any, document: Mapping[str, Any], max_share: float) -> Problems:
    """Languages and scripts that the feature's annotation does not name.

    Args:
        feature: of the schema, with tags such as `language:en` and `script:Latin` in its annotation.
        document: the split's entry in `statistics.json`.
        max_share: share (0-1) of texts in other languages or scripts that is not worth a word, as the language of a
            short text is a guess.
    """
    languages = (document.get("languages") or {}).get("counts")
    yield from _check_names(feature, "language", "UNEXPECTED_LANGUAGE", languages, max_share)
    yield from _check_names(feature, "script", "UNEXPECTED_SCRIPT", document.get("scripts"), max_share)


def _check_names(
    feature: Any, kind: str, title: AnomalyType, counts: Mapping[str, int] | None, max_share: float
) -> Problems:
    expected = _expected_tags(feature, kind)
    if not expected:
        return
    if not counts:
        yield _not_available(f"{kind}s")
        return
    strange = {name: n for name, n in counts.items() if name not in expected and name not in _UNKNOWN}
    share = sum(strange.values()) / sum(counts.values())
    if share > max_share:
        most = sorted(strange.items(), key=lambda item: -item[1])[:_MAX_SHOWN_NAMES]
        shown = ", ".join(f"{name} ({n:,})" for name, n in most)
        message = (
            f"{share:.1%} of the texts are in a {kind} that the schema does not name: {shown}; expected "
            f"{', '.join(sorted(expected))}"
        )
        yield title, f'{message}: remove them, or add `tag: "{kind}:…"` to the annotation of the text'


def _expected_tags(feature: Any, kind: str) -> set[str]:
    """Names in annotation tags of a kind: `en` of `language:en`."""
    prefix = f"{kind}:"
    return {tag.removeprefix(prefix) for tag in feature.annotation.tag if tag.startswith(prefix)}


def _token(named: Any) -> str | int | None:
    for field in ("string_value", "int_value", "string_token", "int_token"):
        if field in named.DESCRIPTOR.fields_by_name and named.HasField(field):
            value: str | int = getattr(named, field)
            return value
    return None


def _not_available(what: str) -> tuple[AnomalyType, str]:
    message = f"the schema has limits for which there are no {what}, so that they are not checked"
    return "STATS_NOT_AVAILABLE", f"{message}; have them computed by `statistics_gen`, or remove the limits"

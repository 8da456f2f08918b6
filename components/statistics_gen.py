"""StatisticsGen: what the examples of every split look like."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field

from components.core.artifacts import Examples, ExampleStatistics
from components.core.component import Output, Summary, component
from components.core.config import Config, ExternalInput, NameOrPath
from components.core.errors import EncoderError, StageError
from components.core.progress import NO_PROGRESS, Progress
from components.modeling.emoji_policy import EmojiPolicy
from components.modeling.encoder import resolve_encoder
from components.modeling.tokenizer_specification import (
    Casing,
    SpecialToken,
    vocabulary_files,
)

if TYPE_CHECKING:
    from tflite.host_tokenizer import TokenizerSpec

__all__ = ["StatisticsGenConfig", "statistics_gen"]

_MAX_TOKENS = 512
"""A tokenizer must have a limit; counting obeys none."""


class StatisticsGenConfig(Config):
    """By which vocabulary tokens are counted, and how much is written down."""

    encoder: NameOrPath | None = None
    """The encoder whose vocabulary the tokens are counted by, named as in `transform.encoder`; a pipeline takes it
    from there. Null leaves tokens out."""

    special_tokens: tuple[SpecialToken, ...] = ()
    """Strings that are one token each; a pipeline takes them from `transform.special_tokens`. What ExampleGen masked
    personal data with comes on top."""

    casing: Casing = "auto"
    """How text is cleaned; a pipeline takes it from `transform.casing`."""

    emoji: EmojiPolicy = "keep"
    """What becomes of emoji before tokens are counted; a pipeline takes it from `transform.emoji`."""

    top_values: int = Field(default=20, ge=1)
    """How many of the most frequent strings are listed per feature; 20 as in TFDV."""

    rank_histogram_values: int = Field(default=1000, ge=1)
    """How many of the most frequent strings the rank histogram of a feature holds; 1000 as in TFDV. The values of a
    feature with a domain are checked against it up to this number."""

    histogram_buckets: int = Field(default=20, ge=1, le=1000)
    """Number of buckets of equal width in histograms of lengths and numbers."""

    def external_inputs(self) -> tuple[ExternalInput, ...]:
        """The files of the vocabulary; none where the encoder cannot be had."""
        try:
            encoder = None if self.encoder is None else resolve_encoder(self.encoder)
        except EncoderError:
            return ()
        if encoder is None or encoder.directory is None:
            return ()
        files = vocabulary_files(encoder)
        return tuple(
            ExternalInput("encoder", str(file), file.relative_to(encoder.directory).as_posix())
            for file in files
        )


@component()
def statistics_gen(
    *,
    config: StatisticsGenConfig,
    examples: Examples,
    statistics: Output[ExampleStatistics],
    progress: Progress = NO_PROGRESS,
) -> Summary:
    """Counts features, texts, tokens and labels of every split, merges the counts, and writes them.

    Tokens are left out, with a word on it, where the encoder's vocabulary cannot be had: what the data look like does
    not depend on it, and Transform will say what to do.

    Raises:
        StageError: an example was lost on the way, or a shard is corrupt.
    """
    from components.data.statistics.dataset_statistics import compute_statistics
    from components.data.statistics.feature_protos import Detail
    from components.data.statistics.split_statistics import StatisticsPlan

    tokenizer = _make_tokenizer(config, examples, progress)
    detail = Detail(config.top_values, config.rank_histogram_values, config.histogram_buckets)
    plan = StatisticsPlan(examples.labels(), config.encoder, tokenizer, detail)

    shards = [(split, shard) for split in examples.splits() for shard in examples.shards(split)]
    progress.update(f"counting {len(shards)} shard{'s' if len(shards) > 1 else ''}")
    compute_statistics(shards, statistics, plan)

    splits = statistics.document()["splits"]
    _require_all_rows(examples, {split: counted["rows"] for split, counted in splits.items()})
    return _summarize(splits)


def _make_tokenizer(
    config: StatisticsGenConfig, examples: Examples, progress: Progress
) -> "TokenizerSpec | None":
    from components.modeling.tokenizer_specification import tokenizer_specification

    if config.encoder is None:
        return None
    progress.update(f"reading the vocabulary of {config.encoder}")
    special_tokens = dict.fromkeys([*config.special_tokens, *examples.placeholders()])
    try:
        return tokenizer_specification(
            resolve_encoder(config.encoder),
            special_tokens=tuple(special_tokens),
            casing=config.casing,
            emoji=config.emoji,
            max_tokens=_MAX_TOKENS,
        )
    except EncoderError as err:
        progress.log(f"tokens are not counted: {err}")
        return None


def _summarize(splits: Mapping[str, Any]) -> Summary:
    rows = sum(counted["rows"] for counted in splits.values())
    emoji = sum(counted["emoji"]["texts"] for counted in splits.values())
    summary = {"rows": rows, "texts with emoji": f"{emoji / max(rows, 1):.1%}"}
    tokens = [counted["tokens"] for counted in splits.values() if counted["tokens"] is not None]
    if tokens:
        total, unknown = (sum(counted[key] for counted in tokens) for key in ("total", "unknown"))
        summary["unknown tokens"] = f"{unknown / max(total, 1):.2%}"
    return summary


def _require_all_rows(examples: Examples, counted: Mapping[str, int]) -> None:
    """Checks that every example was counted once."""
    for split, entry in examples.summary()["splits"].items():
        if counted.get(split) != entry["rows"]:
            raise StageError(
                f"split {split}: {entry['rows']} examples were written but {counted.get(split, 0)} counted; run again"
            )

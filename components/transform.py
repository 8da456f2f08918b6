"""Transform: turns texts into token ids, and fixes how that is done for training, serving and the phone."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from components.core.artifacts import Examples, TransformedExamples, TransformGraph
from components.core.component import Output, Summary, component
from components.core.config import Config, ExternalInput, NameOrPath, Problem
from components.core.errors import DataError, EncoderError, StageError
from components.core.filesystem import content_digest
from components.core.progress import NO_PROGRESS, Progress
from components.modeling.emoji_policy import EmojiPolicy
from components.modeling.encoder import Encoder, plain_limits, resolve_encoder
from components.modeling.tokenizer_specification import (
    Casing,
    SpecialToken,
    tokenizer_specification,
)
from components.modeling.vocabulary_extension import VocabularyExtension

if TYPE_CHECKING:
    from components.modeling.shard_transform import ShardReport
    from tflite.host_tokenizer import TokenizerSpec

__all__ = ["TransformConfig", "configured_tokenizer", "transform"]


class TransformConfig(Config):
    """Which encoder, and how text is cut into its tokens."""

    encoder: NameOrPath = "minilm"
    """The pretrained encoder: `minilm`, a local Hugging Face or KerasHub directory, a KerasHub preset
    (`bert_tiny_en_uncased`), an `hf://` or `kaggle://` handle; `tiny-random` for tests only. MiniLM is the default as
    it is small enough for a CPU and a phone. Its vocabulary is used, and the Trainer starts from it."""

    max_tokens: int = Field(default=128, ge=3, le=8192)
    """Longest sequence in tokens, with [CLS] and [SEP]; the rest of a text is cut off. Of GoEmotions' 54,000 texts one
    has more than 128; a longer limit costs time and memory only on texts that need it."""

    special_tokens: tuple[SpecialToken, ...] = ("[NAME]", "[RELIGION]")
    """Strings that are one token each, matched exactly: placeholders in the data. Each takes one of the vocabulary's
    unused rows, which the Trainer learns. The default are those of GoEmotions."""

    casing: Casing = "auto"
    """`uncased` lower-cases and strips accents, `cased` does neither; `auto`, the default, does as in pretraining."""

    segments: Literal[1, 2] = 1
    """With 2, what was said before a text (the column `context`) is given to the model with it. Where both do not fit
    into `max_tokens`, the context loses its beginning, so that the nearest turn stays."""

    context_position: Literal["before", "after"] = "before"
    """`before` makes [CLS] context [SEP] text [SEP] of a text and its context, `after` [CLS] text [SEP] context [SEP]:
    the text then stands where pretraining and texts without context have it."""

    emoji: EmojiPolicy = "keep"
    """`keep` leaves emoji as they are: one that the vocabulary does not know makes its word [UNK]. `words` replaces
    each by its English name (😂: face with tears of joy; skin tones and flags are left out), `drop` by a space.
    Servers and phones do the same, as it is part of the cleaning."""

    vocabulary_extension: VocabularyExtension | None = None
    """Tokens of the domain that take unused rows of the vocabulary; none by default, as each has to be learnt from the
    data alone."""

    def external_inputs(self) -> tuple[ExternalInput, ...]:
        directory = resolve_encoder(self.encoder).directory
        return () if directory is None else (ExternalInput("encoder", str(directory)),)

    def problems(self) -> Iterator[Problem]:
        try:
            encoder = resolve_encoder(self.encoder)
        except EncoderError as err:
            yield Problem("encoder", str(err))
            return
        limits = plain_limits(encoder)
        if limits is not None and self.max_tokens > limits[0]:
            yield Problem("max_tokens", _too_long(self.max_tokens, encoder, limits[0]))


@component()
def transform(
    *,
    config: TransformConfig,
    examples: Examples,
    transform_graph: Output[TransformGraph],
    transformed: Output[TransformedExamples],
    progress: Progress = NO_PROGRESS,
) -> Summary:
    """Fixes the tokenizer, tokenizes every shard of every split, and counts lengths and unknown tokens.

    1. Reads the encoder's vocabulary; special tokens, and placeholders of masked data, take unused rows of it.
    2. If configured, finds tokens of the domain in `train` and keeps those that help on `validation`.
    3. Writes the tokenizer, as files and as a TensorFlow graph.
    4. Tokenizes all shards.

    Raises:
        DataError: the vocabulary is to be extended and there is no split `train` or `validation`.
        EncoderError: the encoder cannot be had, is too short for `max_tokens`, or has no room for the special tokens.
        StageError: an example was lost on the way, or a shard is corrupt.
    """
    from components.modeling.tokenizer_graph import write_tokenizer_graph

    encoder = resolve_encoder(config.encoder)
    progress.update(f"reading the vocabulary of {encoder.name}")
    tokenizer = _make_tokenizer(config, encoder, examples.placeholders())
    if config.vocabulary_extension is not None:
        progress.update("looking for words that the vocabulary lacks")
        tokenizer = _extend(config.vocabulary_extension, tokenizer, examples, transform_graph)
    _write_graph(transform_graph, encoder, tokenizer, examples)
    write_tokenizer_graph(transform_graph.tokenizer_graph_dir, tokenizer)

    progress.update("tokenizing")
    reports = _transform_splits(examples, transform_graph, transformed)
    _require_all_rows(examples, reports)
    _write_counts(transform_graph, transformed, reports)
    added = (
        {} if config.vocabulary_extension is None else {"added tokens": len(transform_graph.added_tokens())}
    )
    return {**_summarize(reports), **added}


def configured_tokenizer(
    config: TransformConfig, encoder: Encoder, placeholders: Sequence[str]
) -> "TokenizerSpec":
    """The tokenizer of an encoder, as configured, with a token for each placeholder of masked data.

    Raises:
        EncoderError: as `tokenizer_specification`.
    """
    return tokenizer_specification(
        encoder,
        special_tokens=tuple(dict.fromkeys((*config.special_tokens, *placeholders))),
        casing=config.casing,
        emoji=config.emoji,
        max_tokens=config.max_tokens,
        segments=config.segments,
        context_position=config.context_position,
    )


def _make_tokenizer(
    config: TransformConfig, encoder: Encoder, placeholders: Sequence[str]
) -> "TokenizerSpec":
    from components.modeling.encoder import encoder_limits

    longest, rows = encoder_limits(encoder)
    if config.max_tokens > longest:
        raise EncoderError(f"transform.max_tokens {_too_long(config.max_tokens, encoder, longest)}")
    tokenizer = configured_tokenizer(config, encoder, placeholders)
    if len(tokenizer.vocabulary) > rows:
        raise EncoderError(
            f"encoder {encoder.name!r} has {len(tokenizer.vocabulary)} vocabulary entries but only {rows} embeddings; "
            "its files do not belong together"
        )
    return tokenizer


def _too_long(tokens: int, encoder: Encoder, longest: int) -> str:
    return f"is {tokens}, but encoder {encoder.name!r} takes at most {longest} tokens; lower max_tokens"


def _extend(
    config: VocabularyExtension, tokenizer: "TokenizerSpec", examples: Examples, graph: TransformGraph
) -> "TokenizerSpec":
    from components.modeling.extension_pipeline import count_words
    from components.modeling.vocabulary_extension import extend_vocabulary

    counts = {}
    for split in ("train", "validation"):
        if split not in examples.splits():
            raise DataError(
                f"transform.vocabulary_extension needs the split {split!r}; add its file to the source, set "
                "example_gen.validation_share or split_shares, or leave the extension out"
            )
        counts[split] = count_words(examples.shards(split), tokenizer)
    extended, document = extend_vocabulary(tokenizer, config, **counts)
    graph.extension_path.write_text(
        json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    return extended


def _write_graph(
    graph: TransformGraph, encoder: Encoder, tokenizer: "TokenizerSpec", examples: Examples
) -> None:
    tokenizer.save(graph.tokenizer_dir)
    digest = None if encoder.directory is None else content_digest(str(encoder.directory))
    document = {"name": encoder.name, "digest": digest}
    graph.encoder_path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    graph.labels_path.write_text("".join(f"{label}\n" for label in examples.labels()), encoding="utf-8")
    if targets := examples.targets():
        graph.targets_path.write_text("".join(f"{target}\n" for target in targets), encoding="utf-8")


def _transform_splits(
    examples: Examples, graph: TransformGraph, transformed: TransformedExamples
) -> Mapping[str, "ShardReport"]:
    from components.modeling.transform_pipeline import ShardJob, transform_shards

    jobs = []
    for split in examples.splits():
        directory = transformed.split_dir(split)
        directory.mkdir()
        shards = examples.shards(split)
        for number, source in enumerate(shards):
            target = directory / f"transformed-{number:05d}-of-{len(shards):05d}.tfrecord.gz"
            jobs.append(ShardJob(split, source, target))
    return transform_shards(
        jobs, tokenizer_dir=graph.tokenizer_dir, labels=examples.labels(), targets=examples.targets()
    )


def _require_all_rows(examples: Examples, reports: Mapping[str, "ShardReport"]) -> None:
    """Checks that every example was transformed once."""
    for split, entry in examples.summary()["splits"].items():
        rows = reports[split].rows if split in reports else 0
        if rows != entry["rows"]:
            raise StageError(
                f"split {split}: {entry['rows']} examples were written but {rows} transformed; run again"
            )


def _write_counts(
    graph: TransformGraph, transformed: TransformedExamples, reports: Mapping[str, "ShardReport"]
) -> None:
    lengths = {split: dict(sorted(report.lengths.items())) for split, report in reports.items()}
    graph.lengths_path.write_text(json.dumps(lengths, indent=2) + "\n", encoding="utf-8")
    splits = {
        split: {
            "rows": report.rows,
            "longest": max(report.lengths, default=0),
            "truncated": report.truncated,
            "tokens": report.tokens,
            "unknown_tokens": report.unknown_tokens,
        }
        for split, report in reports.items()
    }
    text = json.dumps({"splits": splits}, indent=2) + "\n"
    transformed.summary_path.write_text(text, encoding="utf-8")


def _summarize(reports: Mapping[str, "ShardReport"]) -> Summary:
    rows = sum(report.rows for report in reports.values())
    tokens = sum(report.tokens for report in reports.values())
    truncated = sum(report.truncated for report in reports.values())
    unknown = sum(report.unknown_tokens for report in reports.values())
    return {
        **{f"{split} rows": report.rows for split, report in reports.items()},
        "tokens per text": round(tokens / max(rows, 1), 1),
        "truncated": f"{truncated / max(rows, 1):.2%}",
        "unknown tokens": f"{unknown / max(tokens, 1):.2%}",
    }

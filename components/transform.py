"""Transform: turns texts into token ids, and fixes how that is done for training, serving and the phone."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo

from components.core.artifacts import Examples, TransformedExamples, TransformGraph
from components.core.component import Output, Summary, component
from components.core.config import Config, resolve_input
from components.core.errors import EncoderError, StageError
from components.core.filesystem import content_digest
from components.core.progress import NO_PROGRESS, Progress
from components.modeling.encoder import Encoder, is_path, resolve_encoder

if TYPE_CHECKING:
    from components.modeling.shard_transform import ShardReport
    from tflite.host_tokenizer import TokenizerSpec

__all__ = ["TransformConfig", "transform"]


def _resolve_directory(name: str, info: ValidationInfo) -> str:
    """Takes a relative directory from the configuration file's place; other names stay as they are."""
    return resolve_input(name, info) if is_path(name) else name


class TransformConfig(Config):
    """Which encoder, and how text is cut into its tokens."""

    encoder: Annotated[str, AfterValidator(_resolve_directory)] = "minilm"
    """The pretrained encoder: `minilm`, a local Hugging Face or KerasHub directory, a KerasHub preset
    (`bert_tiny_en_uncased`), an `hf://` or `kaggle://` handle; `tiny-random` for tests only. MiniLM is the default as
    it is small enough for a CPU and a phone. Its vocabulary is used, and the Trainer starts from it."""

    max_tokens: int = Field(default=128, ge=3, le=8192)
    """Longest sequence in tokens, with [CLS] and [SEP]; the rest of a text is cut off. Of GoEmotions' 54,000 texts one
    has more than 128; a longer limit costs time and memory only on texts that need it."""

    special_tokens: tuple[Annotated[str, Field(min_length=1, max_length=64)], ...] = ("[NAME]", "[RELIGION]")
    """Strings that are one token each, matched exactly: placeholders in the data. Each takes one of the vocabulary's
    unused rows, which the Trainer learns. The default are those of GoEmotions."""

    casing: Literal["auto", "uncased", "cased"] = "auto"
    """`uncased` lower-cases and strips accents, `cased` does neither; `auto`, the default, does as in pretraining."""

    def external_inputs(self) -> tuple[str, ...]:
        directory = resolve_encoder(self.encoder).directory
        return () if directory is None else (str(directory),)


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

    Raises:
        EncoderError: the encoder cannot be had, is too short for `max_tokens`, or has no room for the special tokens.
        StageError: an example was lost on the way, or a shard is corrupt.
    """
    encoder = resolve_encoder(config.encoder)
    progress.update(f"reading the vocabulary of {encoder.name}")
    tokenizer = _make_tokenizer(config, encoder)
    _write_graph(transform_graph, encoder, tokenizer, examples.labels())

    progress.update("tokenizing")
    reports = _transform_splits(examples, transform_graph, transformed)
    _require_all_rows(examples, reports)
    _write_counts(transform_graph, transformed, reports)
    return _summarize(reports)


def _make_tokenizer(config: TransformConfig, encoder: Encoder) -> "TokenizerSpec":
    from components.modeling.encoder import embedding_rows, load_backbone
    from components.modeling.vocabulary import place_special_tokens, read_vocabulary
    from tflite.host_tokenizer import TokenizerSpec
    from tflite.text import CleaningRules

    vocabulary = read_vocabulary(encoder)
    architecture = load_backbone(encoder, load_weights=False)
    if config.max_tokens > architecture.max_sequence_length:
        raise EncoderError(
            f"transform.max_tokens is {config.max_tokens}, but encoder {encoder.name!r} takes at most "
            f"{architecture.max_sequence_length} tokens; lower max_tokens"
        )
    if len(vocabulary.tokens) > embedding_rows(architecture):
        raise EncoderError(
            f"encoder {encoder.name!r} has {len(vocabulary.tokens)} vocabulary entries but only "
            f"{embedding_rows(architecture)} embeddings; its files do not belong together"
        )
    tokens, words = place_special_tokens(vocabulary.tokens, config.special_tokens, encoder=encoder.name)
    pretrained = (vocabulary.lowercase, vocabulary.strip_accents)
    choices = {"auto": pretrained, "uncased": (True, True), "cased": (False, False)}
    lowercase, strip_accents = choices[config.casing]
    rules = CleaningRules(lowercase=lowercase, strip_accents=strip_accents, special_tokens=words)
    try:
        return TokenizerSpec(vocabulary=tokens, rules=rules, max_tokens=config.max_tokens)
    except ValueError as err:
        raise EncoderError(f"encoder {encoder.name!r}: {err}") from err


def _write_graph(
    graph: TransformGraph, encoder: Encoder, tokenizer: "TokenizerSpec", labels: tuple[str, ...]
) -> None:
    tokenizer.save(graph.tokenizer_dir)
    digest = None if encoder.directory is None else content_digest(str(encoder.directory))
    document = {"name": encoder.name, "digest": digest}
    graph.encoder_path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    graph.labels_path.write_text("".join(f"{label}\n" for label in labels), encoding="utf-8")


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
    return transform_shards(jobs, tokenizer_dir=graph.tokenizer_dir, labels=examples.labels())


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

"""What the stages after the data stages need of the examples, held against them as soon as there are examples."""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from components.core import features
from components.core.artifacts import Examples, Model
from components.core.errors import ConfigError, EncoderError
from components.data.records.example_proto import decode_example
from components.data.records.tfrecord import read_records
from components.evaluation.evaluator_config import BUILTIN_SLICES, EvaluatorConfig
from components.evaluation.limits_fit import require_fitting_limits
from components.modeling.distillation.distillation_config import DistillationConfig
from components.modeling.distillation.soft_targets import columns_in
from components.modeling.encoder import plain_limits, resolve_encoder
from components.modeling.heads import Head, make_heads, output_names
from components.transform import TransformConfig, configured_tokenizer
from pipeline.config import PipelineConfig
from tflite.errors import MetadataError
from tflite.label_names import read_names

__all__ = ["unmet_needs"]


def unmet_needs(config: PipelineConfig, examples: Examples, *, told: Collection[str] = ()) -> list[str]:
    """Why a run would stop at a later stage, a line each, with what to do.

    Args:
        config: of the run.
        examples: what ExampleGen made.
        told: splits that are known to be missing or empty.
    """
    found = list(_needs_of_transform(config.transform, examples.placeholders()))
    labels, targets = examples.labels(), examples.targets()
    try:
        heads = make_heads(config.trainer.task, config.trainer.heads, labels=labels, targets=targets)
    except ConfigError as err:
        heads = ()
        found.append(f"trainer: {err}")
    found += _needs_of_heads(config, heads)
    judging = config.evaluator.split
    for split, stage in {judging: "evaluator", "validation": "trainer", "train": "trainer"}.items():
        if split in told:
            continue
        needs = list(_needs_of_rows(split, examples))
        if not needs and _is_to_be_looked_at(config, heads):
            needs = list(_needs_of_labels(split, examples, heads, must_be_known=split in ("train", judging)))
        found += [f"{stage}: {need}" for need in needs]
    return found


def _needs_of_transform(config: TransformConfig, placeholders: Sequence[str]) -> Iterator[str]:
    """Room in the vocabulary for special tokens and for what masked data were replaced by."""
    try:
        encoder = resolve_encoder(config.encoder)
        if plain_limits(encoder) is not None:
            configured_tokenizer(config, encoder, placeholders)
    except EncoderError as err:
        yield f"transform: {err}"


def _needs_of_heads(config: PipelineConfig, heads: Sequence[Head]) -> Iterator[str]:
    """Limits, slices, teachers and names that fit what the model will answer."""
    if not heads:
        return
    try:
        require_fitting_limits(config.evaluator, heads)
    except ConfigError as err:
        yield str(err)
    yield from _unknown_slices(config.evaluator, config.example_gen.columns.slices)
    if config.trainer.distillation is not None:
        yield from _unfit_teachers(config.trainer.distillation, heads)
    for locale, path in config.tflite_exporter.label_files.items():
        try:
            read_names(Path(path), output_names(heads))
        except MetadataError as err:
            yield f"tflite_exporter.label_files.{locale}: {err}"


def _unknown_slices(config: EvaluatorConfig, columns: Sequence[str]) -> Iterator[str]:
    named = {name for one in config.slices or () for name in ((one,) if isinstance(one, str) else one)}
    for name in sorted(named.difference(columns, BUILTIN_SLICES)):
        yield (
            f"evaluator.slices names {name!r}, but the slice columns are {', '.join(columns) or 'none'}, and built in "
            f"are {', '.join(BUILTIN_SLICES)}; name it in example_gen.columns.slices first"
        )


def _unfit_teachers(config: DistillationConfig, heads: Sequence[Head]) -> Iterator[str]:
    """Those whose `model.json` says what they answer; a SavedModel would have to be loaded for that."""
    for path in config.teachers:
        described = Model(Path(path)).config_path
        if not described.is_file():
            continue
        document = json.loads(described.read_text(encoding="utf-8"))
        taught = [Head.model_validate(head) for head in document["heads"]]
        tasks = {name: head.task for head in taught for name in head.outputs}
        try:
            columns_in(path, output_names(taught), tasks, heads)
        except ConfigError as err:
            yield str(err)


@dataclass
class _Known:
    """What is known of the rows of a split.

    Attributes:
        weight: the sum of their weights.
        labelled: by head, rows of which all its outputs are known.
        ambiguous: by head of which one label applies, rows with several.
    """

    weight: float = 0.0
    labelled: Counter[str] = field(default_factory=Counter)
    ambiguous: Counter[str] = field(default_factory=Counter)


def _needs_of_rows(split: str, examples: Examples) -> Iterator[str]:
    rows: Mapping[str, Mapping[str, int]] = examples.summary()["splits"]
    remedy = "set example_gen.validation_share or split_shares"
    if split not in rows:
        there = ", ".join(rows) or "none"
        yield f"needs the split {split!r}, but the data have only {there}; add its file to the source, or {remedy}"
    elif not rows[split]["rows"]:
        total = sum(each["rows"] for each in rows.values())
        yield f"needs the split {split!r}, but none of the {total:,} rows is in it; add data, or {remedy}"


def _is_to_be_looked_at(config: PipelineConfig, heads: Sequence[Head]) -> bool:
    """Whether there may be rows that training or evaluation would not take."""
    return config.example_gen.columns.weight is not None or any(head.task != "multi_label" for head in heads)


def _needs_of_labels(
    split: str, examples: Examples, heads: Sequence[Head], *, must_be_known: bool
) -> Iterator[str]:
    known = _look(examples, split, heads)
    if split == "train" and not known.weight:
        yield "every example of the split 'train' has weight 0; some must count"
    for head in heads:
        if several := known.ambiguous[head.name]:
            yield (
                f"{several:,} rows of the split {split!r} have more than one label of head {head.name!r}, which is "
                f"{head.task}; make it multi_label, or give every row one label"
            )
        elif must_be_known and not known.labelled[head.name]:
            yield f"no row of the split {split!r} is labelled for head {head.name!r}; label some, or leave it out"


def _look(examples: Examples, split: str, heads: Sequence[Head]) -> _Known:
    known = _Known()
    own = {head.name: frozenset(name.encode() for name in head.outputs) for head in heads}
    for shard in examples.shards(split):
        for record in map(decode_example, read_records(shard)):
            known.weight += (*record.get(features.WEIGHT, ()), 1.0)[0]
            labels = record.get(features.LABELS, ())
            for head in heads:
                if head.task == "multi_label":
                    known.labelled[head.name] += 1
                elif head.task == "regression":
                    known.labelled[head.name] += all(
                        record.get(f"{features.TARGET_PREFIX}{name}") for name in head.outputs
                    )
                else:
                    count = sum(label in own[head.name] for label in labels)
                    known.labelled[head.name] += count == 1
                    known.ambiguous[head.name] += count > 1
    return known

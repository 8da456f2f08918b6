"""ExampleGen: from source files to labelled examples in splits."""

import json
import shutil
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from components.core.artifacts import Examples
from components.core.component import Output, Summary, component
from components.core.progress import NO_PROGRESS, Progress
from components.data.ingestion.example_gen_config import ExampleGenConfig
from components.data.sources.source_files import SourceFile, files_left_out

if TYPE_CHECKING:
    from components.data.beam.exchange import Exchange
    from components.data.ingestion.accounting import FileReport
    from components.data.ingestion.ingest import IngestPlan

__all__ = ["ExampleGenConfig", "example_gen"]

_MANY_LINES = 20
"""More than an utterance has: so many lines between two quotes are more likely to be rows."""


@component()
def example_gen(
    *, config: ExampleGenConfig, examples: Output[Examples], progress: Progress = NO_PROGRESS
) -> Summary:
    """Reads the source files, makes every row one example or one dead letter, and writes the splits.

    Raises:
        DataError: a file cannot be read as configured, or too many rows cannot be used.
        StageError: rows were lost on the way.
    """
    from components.data.beam.beam_pipeline import exchanging
    from components.data.ingestion.ingest import STAGING

    sources = config.sources()
    with exchanging() as exchange:
        files, plan = _read_sources(config, sources, examples, exchange, progress)
        document = _write_splits(config, files, plan, examples, exchange, progress)
        _log_moved(document["duplicates"], progress)
        _log_corrections(document["corrections"], progress)
    shutil.rmtree(examples.path / STAGING)
    return {
        **{f"{split} rows": entry["rows"] for split, entry in document["splits"].items()},
        "labels": len(document["labels"]),
        **({"targets": len(document["targets"])} if document["targets"] else {}),
        "dead letters": document["dead_letters"],
        **_duplicate_facts(document["duplicates"]),
        **_correction_facts(document["corrections"]),
    }


def _read_sources(
    config: ExampleGenConfig,
    sources: Sequence[SourceFile],
    examples: Examples,
    exchange: "Exchange",
    progress: Progress,
) -> tuple[Sequence["FileReport"], "IngestPlan"]:
    """Stages every row as a record or writes it down as a dead letter, and proves that none was lost."""
    from components.data.ingestion.accounting import merge_units, require_few_dead_letters
    from components.data.ingestion.ingest_pipeline import ingest_units, plan_sources
    from components.data.ingestion.ingest_plan import make_dialect, make_plan, source_columns

    _log_left_out(config, sources, progress)
    progress.update(f"looking at {_number(len(sources), 'file')}")
    readings = plan_sources(sources, make_dialect(config), source_columns(config), exchange)
    plan = make_plan(config, sources, readings)
    _warn_of_mapping(plan, progress)

    units = sum(len(reading.units) for reading in readings)
    progress.update(f"reading {_number(units, 'part')} of {_number(len(sources), 'file')}")
    examples.dead_letters_dir.mkdir()
    reports = ingest_units(sources, readings, plan, examples.path, exchange)
    files = merge_units(sources, readings, reports, plan.named_columns)
    require_few_dead_letters(files, config.max_dead_letter_share)
    _log_files(files, progress)
    return files, plan


def _write_splits(
    config: ExampleGenConfig,
    files: Sequence["FileReport"],
    plan: "IngestPlan",
    examples: Examples,
    exchange: "Exchange",
    progress: Progress,
) -> Mapping[str, Any]:
    """Places every staged record, writes the splits and `summary.json`, and returns the latter."""
    from components.data.ingestion.accounting import finish_splits, require_all_distributed, summarize
    from components.data.ingestion.ingest import STAGING
    from components.data.ingestion.ingest_pipeline import distribute_parts
    from components.data.ingestion.ingest_plan import duplicate_rules, expected_splits
    from components.data.ingestion.label_groups import list_label_names
    from components.data.ingestion.place_rows import place_rows

    progress.update("looking for duplicates")
    units = [unit for file in files for unit in file.units]
    staging = examples.path / STAGING
    placement = place_rows(units, plan.split_names, duplicate_rules(config), staging, exchange)
    progress.update("writing the splits")
    parts = distribute_parts(
        placement.parts, plan.split_names, examples.path, exchange, rows_per_shard=config.rows_per_shard
    )
    require_all_distributed(files, parts)
    seen = (label for file in files for unit in file.units for label in unit.labels)
    parser = plan.parser
    document = summarize(
        files,
        parts,
        labels=list_label_names(
            parser.labels if parser.columns.has_labels else None,
            parser.groups,
            seen,
            where=files[0].source.uri,
        ),
        targets=parser.columns.targets,
        rows=finish_splits(examples, expected_splits(config, [file.source for file in files]), parts),
        placeholders=parser.preparation.masker.placeholders,
        duplicates=placement.write_account(parts, examples.duplicates_path),
        corrections=plan.corrections,
    )
    content = json.dumps(document, indent=2, ensure_ascii=False)
    examples.summary_path.write_text(content + "\n", encoding="utf-8")
    return document


def _number(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def _log_left_out(config: ExampleGenConfig, sources: Sequence[SourceFile], progress: Progress) -> None:
    for source in filter(None, (config.source, *config.splits.values())):
        if left_out := files_left_out(source, config.format, sources):
            progress.log(
                f"{source}: {_number(len(left_out), 'file')} in its directories are left out, as others "
                f"stand beside these (the first is {left_out[0]}); if they belong to the data, name all by a "
                "pattern, as in `**/*.csv`"
            )


def _warn_of_mapping(plan: "IngestPlan", progress: Progress) -> None:
    if strange := ", ".join(plan.parser.labels.unknown_in_mapping):
        progress.log(f"label_mapping maps what is not in the label list and has no effect: {strange}")


def _log_files(files: Sequence["FileReport"], progress: Progress) -> None:
    for file in files:
        if file.encoding.endswith("(detected)"):
            progress.log(f"{file.source.uri}: read as {file.encoding}; set `encoding` if that is wrong")
        if count := file.dead_letters.total():
            progress.log(f"{file.source.uri}: {count:,} dead letters, the first: {file.first_dead_letter}")
        lines, row = file.longest
        if lines >= _MANY_LINES:
            progress.log(f"{file.source.uri}: row {row} spans {lines:,} lines; set `quoting: false`?")


def _log_moved(duplicates: Mapping[str, Any] | None, progress: Progress) -> None:
    if duplicates and (moved := duplicates["moved"]):
        progress.log(
            f"{_number(moved, 'row')} moved to the split of equal or nearly equal texts, the largest group "
            f"of which has {duplicates['largest_group']:,} rows"
        )


def _log_corrections(corrections: Sequence[Mapping[str, Any]], progress: Progress) -> None:
    for file in corrections:
        if count := file["unmatched"]:
            progress.log(
                f"{file['name']}: {_number(count, 'correction')} matched no row "
                f"({', '.join(file['unmatched_ids'][:3])}{', …' if count > 3 else ''}): "
                "its text or labels have changed since"
            )


def _correction_facts(corrections: Sequence[Mapping[str, Any]]) -> Summary:
    if not corrections:
        return {}
    facts = {"corrected": "changed", "removed by review": "dropped", "corrections unmatched": "unmatched"}
    return {told: sum(file[name] for file in corrections) for told, name in facts.items()}


def _duplicate_facts(duplicates: Mapping[str, Any] | None) -> Summary:
    """What the terminal shows of duplicates."""
    if duplicates is None:
        return {}
    facts: dict[str, int] = {
        "repeated texts": duplicates["exact"]["surplus_rows"],
        "texts in two splits": sum(pair["groups"] for pair in duplicates["across_splits"]),
    }
    if duplicates["dropped"]:
        facts["dropped"] = sum(duplicates["dropped"].values())
    return facts

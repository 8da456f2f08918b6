"""`emotion audit`: rows whose labels are probably wrong, in a file for a person."""

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from components.core.artifacts import Examples, TransformGraph
from components.core.atomic_files import write_atomic
from components.core.errors import UserError
from components.core.progress import Progress
from pipeline.artifact_storage import storage_of
from pipeline.commands.output_file import require_free
from pipeline.commands.run import run_logged
from pipeline.config import PipelineConfig, load_config
from pipeline.console import ConsoleObserver
from pipeline.metadata.location import has_store, open_store
from pipeline.native_stderr import stderr_to
from pipeline.printable import escape

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from components.evaluation.audit.audited_rows import AuditedRows
    from components.modeling.heads import Head

__all__ = ["AuditOptions", "audit_command"]

_SHOWN_LINES = 12
_SHOWN_CHARACTERS = 70


@dataclass(frozen=True, kw_only=True)
class AuditOptions:
    """What the command line said.

    Attributes:
        output: file to write; CSV, or JSON Lines if its name says so.
        splits: whose rows are audited, together.
        folds: models; each is asked about rows that the others learned from.
        top: rows to write; None to go by `share`.
        share: share of the rows to write, 0-1.
        seed: of the folds.
        force: overwrite the file.
        as_json: print JSON in place of text.
    """

    output: Path
    splits: tuple[str, ...]
    folds: int
    top: int | None
    share: float
    seed: int
    force: bool
    as_json: bool


@dataclass(frozen=True)
class _Data:
    config: PipelineConfig
    examples: Examples
    graph: TransformGraph


def audit_command(target: Path, options: AuditOptions) -> None:
    """Scores every row out of fold and writes the most doubtful ones down.

    Labels that a person has judged in one of the configured files of corrections are not doubted again.

    Args:
        target: a configuration (YAML), whose data stages run where they have not, or the root of a pipeline that ran.
        options: what the user said.

    Raises:
        UserError: an input or an option is wrong, or the file exists.
    """
    require_free(options.output, force=options.force)
    console = Console(quiet=options.as_json)
    data = _from_config(target, console) if target.suffix in (".yaml", ".yml") else _from_root(target)
    with console.status("reading the rows") as status, stderr_to(os.devnull):
        lines, audited = _audit(data, options, _Status(status, console))
    is_json = options.output.suffix in (".jsonl", ".json")
    _write(options.output, lines, is_json=is_json)
    _tell(options, lines, audited, console)


class _Status:
    """Progress in the status line of a console."""

    def __init__(self, status: Any, console: Console) -> None:
        self._status = status
        self._console = console

    def update(self, message: str, *, completed: float | None = None, total: float | None = None) -> None:
        share = "" if completed is None or not total else f", {completed / total:.0%}"
        self._status.update(escape(message + share))

    def log(self, message: str) -> None:
        self._console.print(escape(message), highlight=False)


def _from_config(path: Path, console: Console) -> _Data:
    """Brings the data up to date; what has not changed comes from the cache."""
    config = load_config(path)
    with ConsoleObserver(console) as observer:
        result = run_logged(config, to="transform", use_cache=True, observer=observer)
    if result.refusals:
        raise UserError(
            f"{path}: the data do not pass, so that there is nothing to audit: {result.refusals[0]}"
        )
    outputs = {name: stage.outputs for name, stage in result.stages.items()}
    examples, graph = outputs["example_gen"]["examples"], outputs["transform"]["transform_graph"]
    assert isinstance(examples, Examples)
    assert isinstance(graph, TransformGraph)
    return _Data(config, examples, graph)


def _from_root(root: Path) -> _Data:
    """The data of the newest run there that came as far as Transform."""
    if not has_store(root):
        raise UserError(
            f"{root}: is neither a configuration (YAML) nor a pipeline root, which holds metadata.sqlite; name "
            "emotion.yaml or runs/<name>"
        )
    store = open_store(root)
    try:
        for run in store.runs():
            outputs = {
                execution.stage: store.outputs(execution.id) for execution in store.executions(run["id"])
            }
            if outputs.get("example_gen") and outputs.get("transform"):
                break
        else:
            raise UserError(f"{root}: no run has come as far as Transform; run `emotion run CONFIG` first")
        storage = storage_of(root, store)
    finally:
        store.close()
    try:
        config = PipelineConfig.model_validate_json(run["config"])
    except ValidationError as err:
        raise UserError(
            f"{root}: its newest run was configured for another version of this program; name the configuration file"
        ) from err
    examples, graph = outputs["example_gen"]["examples"], outputs["transform"]["transform_graph"]
    return _Data(
        config,
        Examples(storage.localize(examples.name, examples.digest)),
        TransformGraph(storage.localize(graph.name, graph.digest)),
    )


def _audit(
    data: _Data, options: AuditOptions, progress: Progress
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The lines of the file, and what was audited."""
    from components.evaluation.audit.audited_rows import read_audited_rows
    from components.evaluation.audit.folds import deal_folds, related_rows
    from components.evaluation.audit.label_audit import audit_labels
    from components.evaluation.audit.review_file import review_lines
    from components.modeling.heads import make_heads
    from components.modeling.layer_vectors import layer_vectors

    trainer, duplicates = data.config.trainer, data.config.example_gen.duplicates
    rows = read_audited_rows(data.examples, options.splits)
    labels = data.examples.labels()
    heads = make_heads(trainer.task, trainer.heads, labels=labels, targets=data.examples.targets())
    targets = rows.targets(heads, labels)
    progress.update("looking for related rows")
    families = related_rows(
        rows.texts,
        rows.groups,
        min_similarity=duplicates.similarity,
        min_words=duplicates.min_words,
    )
    folds = deal_folds(families, options.folds, seed=options.seed)
    vectors = layer_vectors(data.graph, rows.texts, rows.contexts, progress=progress)
    audit = audit_labels(heads, targets, vectors, folds, progress=progress)
    audit = audit.without(_judged(data.config, rows, heads))
    count = options.top if options.top is not None else max(1, round(options.share * len(rows)))
    lines = review_lines(rows, audit, count)
    return lines, {"rows": len(rows), "families": len(set(families.tolist()))}


def _judged(config: PipelineConfig, rows: "AuditedRows", heads: Sequence["Head"]) -> "NDArray[np.bool_]":
    """What persons have judged about the texts before, bool [rows, outputs]."""
    import numpy as np

    from components.data.ingestion.corrections import read_corrections
    from components.modeling.heads import output_names

    names = output_names(heads)
    files = map(read_corrections, config.example_gen.corrections)
    judged = {pair for file in files for pair in file.judged}
    texts = {text for text, _ in judged}
    marks = np.zeros((len(rows), len(names)), np.bool_)
    for row, key in enumerate(rows.keys if judged else ()):
        if key.text in texts:
            marks[row] = [(key.text, name) in judged for name in names]
    return marks


def _write(path: Path, lines: list[dict[str, Any]], *, is_json: bool) -> None:
    from components.evaluation.audit.review_file import to_csv, to_json_lines

    write_atomic(path, to_json_lines(lines) if is_json else to_csv(lines))


def _tell(
    options: AuditOptions, lines: list[dict[str, Any]], audited: dict[str, Any], console: Console
) -> None:
    kinds = Counter((line["label"], line["kind"]) for line in lines)
    listed = len({line["rank"] for line in lines})
    if options.as_json:
        by_label: dict[str, dict[str, int]] = {}
        for (label, kind), count in kinds.items():
            by_label.setdefault(label, {})[kind] = count
        summary = {"output": str(options.output), **audited, "listed": listed, "lines": len(lines)}
        print(json.dumps({**summary, "labels": by_label}, ensure_ascii=False))
        return
    _show(console, lines)
    most = ", ".join(f"{label} {kind} {count}" for (label, kind), count in kinds.most_common(8))
    console.print(
        f"{options.output}: {len(lines):,} lines about the {listed:,} most doubtful of {audited['rows']:,} rows\n"
        f"{escape(most)}\nReview it: write keep, change (to what `suggested` says; edit that if need be) or drop into "
        f"`verdict`, then set `example_gen: {{corrections: {escape(str(options.output))}}}`",
        highlight=False,
        soft_wrap=True,
    )


def _show(console: Console, lines: list[dict[str, Any]]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("rank", "score", "text", "given", "suggested"):
        table.add_column(name, justify="right" if name in ("rank", "score") else "left")
    for line in lines[:_SHOWN_LINES]:
        text = line["text"]
        shown = text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"
        given, suggested = _named(line, "given"), _named(line, "suggested")
        table.add_row(
            f"{line['rank']}", f"{line['score']:.1f}", escape(shown), escape(given), escape(suggested)
        )
    console.print(table)


def _named(line: dict[str, Any], what: str) -> str:
    """`joy present` in place of `present`, and `valence 3.2`."""
    return line[what] if line["kind"] == "other" else f"{line['label']} {line[what]}"

"""`emotion evaluate`: the metrics of predictions that the Evaluator stored, without the model."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from components.core.errors import UserError
from components.evaluation.measurement import as_json_values
from components.evaluation.stored_predictions import measure_predictions
from pipeline.comparison.words import figure_of, metric_words
from pipeline.printable import escape

__all__ = ["evaluate_command"]

_FILES = "predictions-*.npz"
_OF_LABELS = ("support", "precision", "recall", "f1", "average_precision", "auroc", "threshold")
_OF_TARGETS = ("pearson", "spearman", "ccc", "mae", "rmse")


def evaluate_command(paths: Sequence[Path], *, as_json: bool) -> None:
    """Prints the metrics of all files together.

    Raises:
        UserError: a directory holds no predictions.
        DataError: a file is none of predictions, or two are of different models.
    """
    documents = as_json_values(measure_predictions([file for path in paths for file in _files(path)]))
    if as_json:
        print(json.dumps({"heads": documents}, indent=2, ensure_ascii=False))
        return
    console = Console()
    for document in documents:
        _print_head(console, document)


def _files(path: Path) -> list[Path]:
    """The file, or all predictions in a directory of the Evaluator."""
    if not path.is_dir():
        return [path]
    found = sorted(path.glob(_FILES))
    if not found:
        raise UserError(f"{path}: holds no {_FILES}; name such files, or the Evaluator's directory")
    return found


def _print_head(console: Console, document: Mapping[str, Any]) -> None:
    kind = document["task"].replace("_", " ")
    console.print(
        f"[bold]{escape(document['head'])}[/] ({kind}): {document['rows']:,} texts", highlight=False
    )
    if not document["rows"]:
        console.print("[yellow]nothing is known of what it answers[/]", highlight=False)
        return
    averages = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for name, figure in document.items():
        if name != "rows" and (isinstance(figure, float) or _is_estimate(figure)):
            averages.add_row(metric_words(name), _shown(figure))
    console.print(averages)
    if "targets" in document:
        console.print(_table("target", document["targets"], _OF_TARGETS))
    else:
        console.print(_table("label", document["labels"], _OF_LABELS))


def _table(key: str, rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column(metric_words(key), overflow="fold")
    for name in names:
        table.add_column(name.replace("_", " "), justify="right")
    for row in rows:
        table.add_row(escape(row[key]), *(_shown(row[name]) for name in names))
    return table


def _is_estimate(figure: Any) -> bool:
    return isinstance(figure, Mapping) and "value" in figure


def _shown(figure: Any) -> str:
    if isinstance(figure, int):
        return f"{figure:,}"
    return figure_of(figure if isinstance(figure, Mapping) else {"value": figure})

"""The table that a .tflite variant was chosen from."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from pipeline.printable import escape

__all__ = ["print_choice"]

_COLUMNS = ("variant", "MB", "gzip MB", "F1", "loss", "agrees", "ms", "RAM MB")


def print_choice(console: Console, document: Mapping[str, Any]) -> None:
    """Prints every candidate with what was measured of it and why it was not taken.

    Args:
        console: where to.
        document: as `TFLiteExport.choice` reads it.
    """
    limits = document["limits"]
    size = "" if limits["max_size_mb"] is None else f"at most {limits['max_size_mb']:g} MB, "
    console.print(
        f"the {limits['prefer']} for {limits['target']}, {size}losing at most {limits['max_f1_drop']:g} of "
        f"{document['keras_quality']:.4f} on {document['texts']:,} texts of {limits['split']}",
        highlight=False,
        soft_wrap=True,
    )
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in _COLUMNS:
        table.add_column(column, justify="left" if column == "variant" else "right", no_wrap=True)
    table.add_column("", overflow="fold")
    for row in document["candidates"]:
        chosen = row["name"] == document["chosen"]
        table.add_row(
            escape(row["name"]),
            *_figures(row),
            "chosen" if chosen else escape(row["refusal"] or f"not the {limits['prefer']}"),
            style="bold green" if chosen else None,
        )
    console.print(table, highlight=False)


def _figures(row: Mapping[str, Any]) -> list[str]:
    if "size_bytes" not in row:
        return ["–"] * (len(_COLUMNS) - 1)
    agreement = row["agreement"]
    return [
        f"{row['size_bytes'] / 1e6:.2f}",
        f"{row['gzip_bytes'] / 1e6:.2f}",
        f"{row['quality']:.4f}",
        f"{row['drop']:+.4f}",
        "–" if agreement is None else f"{agreement:.2%}",
        f"{row['latency_ms']:.1f}",
        "–" if row["peak_mb"] is None else f"{row['peak_mb']:.0f}",
    ]

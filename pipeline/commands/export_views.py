"""What an export holds, for a person: a SavedModel, and the files for phones."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from components.edge.readme import PLAIN_FILES
from pipeline.commands.tflite_view import facts_table, outputs_table
from pipeline.printable import escape

__all__ = ["show_phone_files", "show_saved_model"]


def show_saved_model(console: Console, path: Path, document: Mapping[str, Any]) -> None:
    """Prints size, signatures, and the outputs of each head with their thresholds."""
    rows = [
        ("SavedModel", f"{path}, {document['size_bytes'] / 1e6:.1f} MB"),
        (
            "texts",
            f"at most {document['max_tokens']} tokens{', with a context' * (document['segments'] > 1)}",
        ),
    ]
    rows += [(name, _signature(tensors)) for name, tensors in document["signatures"].items()]
    console.print(facts_table(rows))
    for head in document["heads"]:
        console.print(f"\n[bold]{escape(head['name'])} ({escape(head['task'])})[/]", highlight=False)
        console.print(outputs_table(head, {**document, "label_names": {}}))


def _signature(signature: Mapping[str, Any]) -> str:
    return f"{_tensors(signature['inputs'])}\n→ {_tensors(signature['outputs'])}"


def _tensors(tensors: Mapping[str, Any]) -> str:
    shapes = {name: [-1 if size is None else size for size in one["shape"]] for name, one in tensors.items()}
    return ", ".join(f"{name} {tensors[name]['dtype']} {shape}" for name, shape in shapes.items())


def show_phone_files(console: Console, path: Path, document: Mapping[str, Any]) -> None:
    """Prints each `.tflite` file with its size and who can open it, and what the other files are for."""
    console.print(facts_table(_files(path, document)))
    example = min(document["export.json"].values(), key=lambda entry: entry["size_bytes"])["file"]
    console.print(
        f"\n  [green]emotion inspect {escape(str(path / example))}[/]", highlight=False, soft_wrap=True
    )


def _files(path: Path, document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for entry in document["export.json"].values():
        opens = "opens in MediaPipe" if entry["mediapipe"] else "not for MediaPipe"
        oldest = entry["min_runtime"] or "any"
        yield entry["file"], f"{entry['size_bytes'] / 1e6:.1f} MB, TensorFlow Lite from {oldest} on, {opens}"
    for name, what in {**PLAIN_FILES, **_FOR_PEOPLE}.items():
        for file in sorted(path.glob(name)):
            yield file.name, what


_FOR_PEOPLE = {
    "choice.json": "the variants that were tried, and what they reached",
    "manifest.json": "SHA-256 of every file, and what the version was made from",
    "README.md": "how to put it into an app",
}

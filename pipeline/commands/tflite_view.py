"""What a .tflite file says of itself: for `emotion inspect`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from pipeline.printable import escape
from tflite.errors import MetadataError
from tflite.metadata import ModelMetadata, read_metadata
from tflite.model_file import ModelDescription, describe, map_file
from tflite.targets import TARGETS, target_faults
from tflite.text_operators import TEXT_INPUT, TEXT_OPERATORS

__all__ = ["facts_table", "outputs_table", "show_tflite", "tflite_document"]

_FACTS = ("description", "version", "author", "license", "min_parser_version")


def tflite_document(path: Path) -> dict[str, Any]:
    """All that the file holds but its weights and its vocabulary's words; nothing of it is run.

    Raises:
        ModelFileError: there is no such file, or it is no .tflite file.
    """
    with map_file(path) as content:
        description = describe(content)
    facts = {
        name: sorted(value) if isinstance(value, frozenset) else value
        for name, value in asdict(description).items()
    }
    document: dict[str, Any] = {"file": str(path), "size_bytes": path.stat().st_size, **facts}
    try:
        metadata = read_metadata(path)
    except MetadataError as err:
        return {**document, "metadata_error": str(err)}
    return {**document, **_said(metadata), "targets": _targets(description, metadata)}


def _said(metadata: ModelMetadata) -> dict[str, Any]:
    document = {"labels": metadata.labels, **asdict(metadata)}
    tokenizer = document.pop("tokenizer")
    vocabulary = tokenizer.pop("vocabulary")
    return {**document, **tokenizer, "vocabulary_size": len(vocabulary)}


def _targets(description: ModelDescription, metadata: ModelMetadata) -> dict[str, list[str]]:
    """Why each target cannot use the file; an empty list if it can."""
    return {target: list(target_faults(description, metadata, target)) for target in TARGETS}


def show_tflite(console: Console, document: Mapping[str, Any]) -> None:
    """Prints `tflite_document` for a person."""
    console.print(escape(document.get("name", "")), style="bold")
    console.print(facts_table(_rows(document)))
    for head in document.get("heads", ()):
        console.print(f"\n{escape(head['name'])} ({escape(head['task'])})", style="bold")
        console.print(outputs_table(head, document))


def facts_table(rows: Iterable[tuple[str, str]]) -> Table:
    """Names, and what is said of each."""
    table = Table(box=None, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(escape(name), escape(value))
    return table


def _rows(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "file", f"{document['file']}, {document['size_bytes'] / 1e6:.1f} MB"
    if "metadata_error" in document:
        yield "metadata", document["metadata_error"]
    for name in _FACTS:
        if name in document:
            yield name.replace("_", " "), document[name] or "–"
    for side in ("inputs", "outputs"):
        yield side, "\n".join(f"{one['name']}  {one['dtype']} {list(one['shape'])}" for one in document[side])
    if "vocabulary_size" in document:
        yield "tokenizer", _tokenizer(document)
        yield "languages", ", ".join(document["label_names"]) or "none: labels have no names to show"
        shown = "labels from their thresholds on" if document["suppress_undecided"] else "every label"
        if [one["name"] for one in document["inputs"]] != [TEXT_INPUT]:
            yield "MediaPipe shows", shown
    yield "constants", f"{document['constant_bytes'] / 1e6:.1f} MB in {document['subgraphs']} graph(s)"
    yield "operators", _operators(document)
    if document["custom_operators"]:
        yield "custom operators", _custom_operators(document["custom_operators"])
    yield "min runtime", document["min_runtime"] or "–"
    for target, faults in document.get("targets", {}).items():
        yield f"runs in {target}", "no: " + "; ".join(faults) if faults else "yes"


def _tokenizer(document: Mapping[str, Any]) -> str:
    rules = document["rules"]
    parts = [
        f"WordPiece of {document['vocabulary_size']:,} words",
        f"at most {document['max_tokens']} tokens",
    ]
    parts += ["lower case"] * rules["lowercase"] + ["no accents"] * rules["strip_accents"]
    if document["segments"] > 1:
        parts.append("behind what was said before")
    if rules["special_tokens"]:
        parts.append("special " + " ".join(rules["special_tokens"]))
    if rules["characters"]:
        parts.append(f"{len(rules['characters'])} characters replaced")
    return ", ".join(parts)


def _custom_operators(names: Sequence[str]) -> str:
    shown = ", ".join(names)
    if set(names) <= set(TEXT_OPERATORS):
        return f"{shown}: needs LiteRT linked with TensorFlow Text (SELECT_TFTEXT_OPS)"
    return shown


def _operators(document: Mapping[str, Any]) -> str:
    versions = document["operator_versions"]
    return ", ".join(f"{count} {name} v{versions[name]}" for name, count in document["operators"].items())


def outputs_table(head: Mapping[str, Any], document: Mapping[str, Any]) -> Table:
    """The outputs of a head: thresholds of labels, means of numbers, and the names that people are shown."""
    table = Table(box=None, header_style="bold")
    start = document["labels"].index(head["outputs"][0])
    columns = {"label": list(head["outputs"])}
    if head["task"] == "multi_label":
        own = document["thresholds"][start : start + len(head["outputs"])]
        columns["threshold"] = [f"{value:.3f}" for value in own]
    if head["task"] == "regression":
        columns |= {"mean": [f"{value:g}" for value in head["mean"]]}
        columns |= {"deviation": [f"{value:g}" for value in head["std"]]}
    for locale, names in document["label_names"].items():
        columns[locale] = list(names[start : start + len(head["outputs"])])
    for name in columns:
        table.add_column(
            escape(name), justify="right" if name in ("threshold", "mean", "deviation") else "left"
        )
    for row in zip(*columns.values(), strict=True):
        table.add_row(*map(escape, row))
    return table

"""README.md of the files for phones: what a developer has to know who gets nothing but their directory."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tflite.metadata import ModelMetadata

__all__ = ["PLAIN_FILES", "readme"]

PLAIN_FILES = {
    "labels.txt": "names of the outputs, in the order of the scores",
    "labels_*.txt": "the names that people are shown, by language",
    "thresholds.json": "score from which on a label applies",
    "heads.json": "which outputs belong together, and what their scores mean",
    "tokenizer.json": "rules by which each text is cleaned before the model reads it",
    "vocab.txt": "word pieces, in the order of their ids; a `_vocab` file has a smaller one of its own",
}
"""Files beside the `.tflite` files, which hold the same inside."""

_MEANINGS = {
    "multi_label": "any number of labels; each applies from its threshold in `thresholds.json` on",
    "single_label": "one label applies, the likeliest",
    "ordinal": "one level applies, the likeliest",
    "regression": "numbers, in the unit of the training data; `heads.json` has their mean and deviation",
}

_CLEANING = """\
**Clean every text first**, as training did; words and switches are in `tokenizer.json`:

1. replace `special_tokens` (`[NAME]`) and `characters` by their words,
2. turn white space into spaces, drop control and format characters, lone surrogates and U+FFFD,
3. with `strip_accents`, decompose (NFD) and drop nonspacing marks,
4. with `lowercase`, lower each code point on its own.

`cleanText` in JavaScript, Kotlin and Swift is in `tflite/samples` of emotion-pipeline, to be copied as it is;
`tflite/text.py` is the reference. Without it `Café` is an unknown word to the model."""


def readme(metadata: "ModelMetadata", entries: Mapping[str, Mapping[str, Any]]) -> str:
    """The page, in Markdown.

    Args:
        metadata: of the files; but for their vocabularies they have the same.
        entries: `export.json`.
    """
    files = "\n".join(_file_row(entry) for entry in entries.values())
    plain = "\n".join(f"| `{name}` | {what} |" for name, what in PLAIN_FILES.items())
    means = "\n".join(f"- `{head.name}`: {_MEANINGS[head.task]}." for head in metadata.heads)
    return f"""# {metadata.name}

{metadata.description}

| file | size | TensorFlow Lite | MediaPipe's TextClassifier |
|---|---|---|---|
{files}

Each of them is complete. The files beside them hold the same in plain form:

| file | what it holds |
|---|---|
{plain}

`manifest.json`, where the model was pushed, lists the SHA-256 of every file.

## What it answers

{means}

## In an app

{_CLEANING}

{_runtimes(metadata, entries)}

On a computer, `emotion inspect FILE` shows what is inside, and `emotion predict --model FILE "text"` what it answers.
"""


def _file_row(entry: Mapping[str, Any]) -> str:
    opens = "yes" if entry["mediapipe"] else "no"
    oldest = f"{entry['min_runtime']} and later" if entry["min_runtime"] else "any"
    return f"| `{entry['file']}` | {entry['size_bytes'] / 1e6:.1f} MB | {oldest} | {opens} |"


def _runtimes(metadata: "ModelMetadata", entries: Mapping[str, Mapping[str, Any]]) -> str:
    told = []
    if any(entry["mediapipe"] for entry in entries.values()):
        back = (
            "labels from their thresholds on"
            if metadata.suppress_undecided
            else "every output with its score"
        )
        shown = (
            f" Names to show come with `displayNamesLocale`: {', '.join(metadata.label_names)}."
            if metadata.label_names
            else ""
        )
        told.append(
            f"**MediaPipe Tasks**, `TextClassifier`: give it the cleaned text; what comes back are {back}.{shown}"
        )
    told.append(
        "**LiteRT**: the inputs are `ids`, `mask` and `segment_ids`, int32 [1, n], of the word pieces between [CLS] "
        f"and [SEP]; resize them to the text. What is longer than {metadata.tokenizer.max_tokens} tokens is cut inside."
        " The output is float32 [1, outputs]. A `_text` file takes one string instead, as it was written, and cleans "
        "it itself."
    )
    return "\n\n".join(told)

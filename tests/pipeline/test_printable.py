"""Nothing that a model, a manifest or a run says of itself is obeyed by a terminal."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from components.core.errors import UserError
from pipeline import cli
from pipeline.commands.anomaly_table import _print_table
from pipeline.commands.answer_tables import Answer, show_answer
from pipeline.commands.explanation_views import _coloured
from pipeline.commands.record_tables import record_table
from pipeline.commands.releases import verify_command
from pipeline.commands.run_view import show_run
from pipeline.commands.tflite_view import facts_table, outputs_table, show_tflite, tflite_document
from pipeline.printable import printable
from tests.tflite import toy
from tflite.heads import Head
from tflite.metadata import attach_metadata

EVIL = "x\x1b]52;c;cm0gLXJmIH4=\x07\x9b2J\x7f"
SHOWN = "x�]52;c;cm0gLXJmIH4=��2J�"


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=200)


def written(console: Console) -> str:
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    assert not set(text) & set("\x1b\x07\x9b\x7f")
    return text


def test_what_people_write_stays() -> None:
    for text in ("line\n\ttab", "👩‍👩‍👧 می‌خواهم 喜悦 naïve", "[bold] \\[/]"):
        assert printable(text) == text
    assert printable("\ud800") == "�"


def test_a_file_of_others(console: Console, tmp_path: Path) -> None:
    path = tmp_path / "emotion_int8.tflite"
    names = {"zh": (EVIL, "喜悦", "爱", "悲伤", "中性")}
    metadata = replace(toy.metadata(), description=EVIL, label_names=names)
    path.write_bytes(attach_metadata(toy.files()["int8"], metadata))
    show_tflite(console, tflite_document(path))
    assert written(console).count(SHOWN) == 2
    console.print(facts_table([(EVIL, "a name")]))
    head = {"outputs": [EVIL], "task": "binary"}
    console.print(outputs_table(head, {"labels": [EVIL], "label_names": {EVIL: ["name"]}}))
    assert written(console).count(SHOWN) == 5


def test_the_labels_of_an_answer(console: Console) -> None:
    heads = [Head(EVIL, "multi_label", (EVIL,)), Head("strength", "ordinal", ("none",))]
    show_answer(console, EVIL, EVIL, heads, Answer((0.5, 0.5), (True, True)), top=1)
    assert written(console).count(SHOWN) == 4


def test_the_words_of_an_explained_text() -> None:
    assert _coloured(EVIL, (), 0.0).plain.strip() == SHOWN


def test_what_ran(console: Console) -> None:
    execution = {
        "stage": "trainer",
        "state": "FAILED",
        "seconds": 1.0,
        "resources": {},
        "summary": {},
        "error": EVIL,
        "outputs": {},
    }
    show_run(console, [execution])
    console.print(record_table([{"id": 1, "pipeline": EVIL}]))
    assert written(console).count(SHOWN) == 2


def test_anomalies_of_data(console: Console) -> None:
    anomaly = {"severity": "ERROR", "split": "train", "feature": EVIL, "type": "NEW", "message": EVIL}
    _print_table(console, [anomaly])
    assert written(console).count(SHOWN) == 2


def test_a_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = {"format_version": 1, "kind": EVIL, "version": 1, "created": EVIL, "files": {}}
    for signature in ({}, {"signature": {"key_id": EVIL}}):
        (tmp_path / "manifest.json").write_text(json.dumps({**manifest, **signature}))
        assert verify_command(tmp_path, key=None, as_json=False) == 0
    (tmp_path / EVIL).touch()
    assert verify_command(tmp_path, key=None, as_json=False) == 3
    out, err = capsys.readouterr()
    assert not set(out + err) & set("\x1b\x07\x9b\x7f")
    assert SHOWN in err


def test_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli._explain(UserError(EVIL)) == 2
    assert capsys.readouterr().err == f"error: {SHOWN}\n"

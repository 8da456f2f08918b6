"""`emotion inspect` and `emotion bench` of a .tflite file, as a person meets them."""

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from components.core.errors import UserError
from pipeline.commands.bench import bench_command
from pipeline.commands.inspect import InspectOptions, inspect_command
from pipeline.commands.tflite_view import show_tflite, tflite_document
from tests.tflite import toy
from tflite.errors import ModelFileError
from tflite.metadata import attach_metadata
from tflite.text_input import take_text, tokenizer_graph


def shown(path: Path) -> str:
    console = Console(file=StringIO(), width=110)
    show_tflite(console, tflite_document(path))
    return console.file.getvalue()


def test_a_file_shows_what_it_is_and_where_it_runs(tmp_path: Path) -> None:
    path = tmp_path / "emotion_int8.tflite"
    names = {"zh": ("愤怒", "喜悦", "爱", "悲伤", "中性")}
    path.write_bytes(attach_metadata(toy.files()["int8"], replace(toy.metadata(), label_names=names)))
    text = shown(path)
    for said in (
        "Toy emotions",
        "1.2.3",
        "Apache-2.0",
        "ids  int32 [1, -1]",
        "at most 16 tokens",
        "FULLY_CONNECTED v12",
    ):
        assert said in " ".join(text.split()) or said in text
    lines = [line.split() for line in text.splitlines()]
    assert ["joy", "0.450", "喜悦"] in lines
    assert ["runs", "in", "mediapipe", "yes"] in lines
    assert "runs in bertnl" in text
    assert "no: FULLY_CONNECTED version 12 is needed" in text


def test_several_heads_show_their_tasks_and_units(tmp_path: Path) -> None:
    path = tmp_path / "several.tflite"
    path.write_bytes(
        attach_metadata(toy.files_of_several_heads()["float32"], toy.metadata_of_several_heads())
    )
    text = shown(path)
    for title in ("emotion (multi_label)", "sentiment (single_label)", "affect (regression)"):
        assert title in text
    assert ["arousal", "-2.5", "2"] in [line.split() for line in text.splitlines()]
    unbroken = " ".join(text.split())
    assert "behind what was said before" in unbroken
    assert "it gives the model texts alone" in unbroken


def test_the_document_is_json_and_lists_no_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(toy.complete_file("float32"))
    inspect_command(str(path), None, InspectOptions(as_json=True))
    document = json.loads(capsys.readouterr().out)
    assert document["labels"] == list(toy.LABELS)
    assert document["vocabulary_size"] == len(toy.spec().vocabulary)
    targets = document["targets"]
    assert targets.pop("litert-with-tokenizer") == [
        "the file takes token ids; a variant with _text behind its name has the tokenizer inside"
    ]
    assert targets == {"mediapipe": [], "mediapipe-0.10": [], "bertnl": [], "litert": []}
    assert "##a" not in json.dumps(document)


def test_a_file_with_the_tokenizer_inside_says_what_runtime_it_needs(tmp_path: Path) -> None:
    path = tmp_path / "emotion_int8_text.tflite"
    content = take_text(toy.files()["int8"], tokenizer_graph(toy.spec()))
    path.write_bytes(attach_metadata(content, toy.metadata()))
    unbroken = " ".join(shown(path).split())
    assert "text string [1]" in unbroken
    assert "needs LiteRT linked with TensorFlow Text (SELECT_TFTEXT_OPS)" in unbroken
    assert "runs in litert-with-tokenizer yes" in unbroken
    assert "runs in litert no: it has no FastBertNormalize" in unbroken
    assert "MediaPipe shows" not in unbroken


def test_a_file_of_others_shows_its_structure(tmp_path: Path) -> None:
    path = tmp_path / "bare.tflite"
    path.write_bytes(toy.files()["float32"])
    text = shown(path)
    assert "has no metadata; export it" in " ".join(text.split())
    assert "GELU" in text
    path.write_bytes(b"PK no model")
    with pytest.raises(ModelFileError, match=r"bare.tflite: not a .tflite file"):
        inspect_command(str(path), None, InspectOptions())


def test_bench_prints_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(toy.complete_file("int8"))
    bench_command(path, None, threads="1", lengths="8", device=None, as_json=False)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[:2] for row in rows if len(row) == 4 and row[0].isdigit()] == [["1", "8"]]


def test_bench_says_what_is_wrong_with_its_arguments(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(toy.complete_file("int8"))
    with pytest.raises(UserError, match=r"--threads: expected whole numbers such as 1,2,4; got 'two'"):
        bench_command(path, None, threads="two", lengths=None, device=None, as_json=False)
    with pytest.raises(UserError, match=r"lengths must be 3 to 16 tokens"):
        bench_command(path, None, threads="1", lengths="512", device=None, as_json=False)
    with pytest.raises(UserError, match="exists already; name a new directory"):
        bench_command(path, None, threads="1", lengths="8", device=tmp_path, as_json=False)


def test_bench_names_the_files_of_a_directory(tmp_path: Path) -> None:
    (tmp_path / "emotion_int8.tflite").write_bytes(b"")
    with pytest.raises(UserError, match=r"is a directory; name a file \(emotion_int8\.tflite\)"):
        bench_command(tmp_path, None, threads="1", lengths=None, device=None, as_json=False)

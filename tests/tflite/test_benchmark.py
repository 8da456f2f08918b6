import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.tflite import toy
from tflite.benchmark import benchmark, lines, sentence_ids
from tflite.device_benchmark import write_device_benchmark
from tflite.errors import MetadataError, ModelFileError

ADB = """#!/bin/sh
# A phone that is a directory of this machine.
command=$1; shift
case $command in
  push) case $2 in */) cp -r "$1" "$PHONE/" ;; *) cp "$1" "$PHONE/$(basename "$2")" ;; esac ;;
  shell) cd "$PHONE" && sh -c "$(echo "$1" | sed "s|/data/local/tmp/emotion-bench|$PHONE|g")" ;;
esac
"""
BENCHMARK_MODEL = """#!/bin/sh
for flag in "$@"; do echo "Inference timings: $flag"; done
"""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("models")
    for variant in ("float32", "int8"):
        (directory / f"{variant}.tflite").write_bytes(toy.complete_file(variant))
    (directory / "bare.tflite").write_bytes(toy.files()["float32"])
    return directory


def test_two_files_are_measured_in_turn(directory: Path) -> None:
    found = benchmark(
        directory / "int8.tflite",
        against=directory / "bare.tflite",
        threads=[1, 2],
        lengths=[16, 8],
        rounds=1,
        runs=3,
    )
    assert [(row["threads"], row["tokens"]) for row in found["latency"]] == [(1, 8), (1, 16), (2, 8), (2, 16)]
    for row in found["latency"]:
        assert all(0 < median <= p90 for median, p90 in zip(row["median_ms"], row["p90_ms"], strict=True))
        assert row["ratio"] == row["median_ms"][0] / row["median_ms"][1]
    assert [model["file"] for model in found["models"]] == [
        str(directory / "int8.tflite"),
        str(directory / "bare.tflite"),
    ]
    for model in found["models"]:
        assert model["open_ms"] > 0
        assert model["first_answer_ms"] > 0
        assert 0 < model["model_peak_mb"] < model["process_peak_mb"] < 1000
    shown = "\n".join(lines(found))
    assert "B  " in shown
    assert "A/B" in shown
    assert json.loads(json.dumps(found)) == found


def test_nothing_of_the_working_directory_is_run(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "numpy.py").write_text("raise SystemExit(1)")
    monkeypatch.chdir(tmp_path)
    found = benchmark(directory / "int8.tflite", threads=[1], lengths=[8], rounds=1, runs=1)
    assert len(found["latency"]) == 1


def test_the_ids_are_those_of_sentences() -> None:
    ids = sentence_ids(toy.spec(), 200)
    assert len(ids) == 200
    assert (ids[0], ids[-1]) == (toy.spec().start_id, toy.spec().end_id)
    assert len(set(ids[1:-1])) > 20
    assert not {toy.spec().start_id, toy.spec().end_id, toy.spec().pad_id} & set(ids[1:-1])


def test_what_cannot_be_measured_is_said(directory: Path) -> None:
    model = directory / "float32.tflite"
    with pytest.raises(ValueError, match=r"lengths must be 3 to 16 tokens, the model's maximum; got \[17\]"):
        benchmark(model, lengths=[8, 17])
    with pytest.raises(ValueError, match=r"threads must be .* got \[0\]"):
        benchmark(model, threads=[0])
    with pytest.raises(MetadataError, match="has no metadata"):
        benchmark(directory / "bare.tflite")
    with pytest.raises(ModelFileError, match=r"gone.onnx: no such file"):
        benchmark(model, against=directory / "gone.onnx")


def test_it_runs_without_the_pipeline(directory: Path) -> None:
    """With nothing but LiteRT and NumPy: neither TensorFlow nor what reads configurations."""
    program = (
        "import sys; sys.argv[1:] = [sys.argv[1], '--threads', '1', '--lengths', '8', '--json'];"
        "from tflite.benchmark import main; main();"
        "banned = {'tensorflow', 'keras', 'pydantic', 'rich', 'typer', 'pipeline', 'components'};"
        "sys.exit(bool(banned & {name.partition('.')[0] for name in sys.modules}))"
    )
    command = [sys.executable, "-c", program, str(directory / "int8.tflite")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["latency"][0]["tokens"] == 8


def test_a_phone_gets_ids_of_its_vocabulary(directory: Path, tmp_path: Path) -> None:
    out, phone = tmp_path / "bench", tmp_path / "phone"
    files = write_device_benchmark(directory / "int8.tflite", out, lengths=[8, 16])
    assert len(files) == 2 + 3 * 2
    assert np.fromfile(out / "inputs" / "ids.16.bin", "<i4").tolist() == sentence_ids(toy.spec(), 16)
    phone.mkdir()
    for name, text in (("adb", ADB), ("benchmark_model", BENCHMARK_MODEL)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    environment = {**os.environ, "ADB": str(tmp_path / "adb"), "PHONE": str(phone)}
    done = subprocess.run(
        [str(out / "run.sh"), str(tmp_path / "benchmark_model"), "2"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    calls = done.stdout.split("== ")[1:]
    assert [call.splitlines()[0] for call in calls] == ["2 threads, 8 tokens", "2 threads, 16 tokens"]
    flags = dict(
        line.removeprefix("Inference timings: --").split("=", 1) for line in calls[1].splitlines()[1:]
    )
    assert flags["num_threads"] == "2"
    assert flags["input_layer_shape"] == "1,16:1,16:1,16"
    assert (phone / Path(flags["graph"]).name).read_bytes() == toy.complete_file("int8")
    values = dict(entry.split(":") for entry in flags["input_layer_value_files"].split(","))
    assert list(values) == flags["input_layer"].split(",")
    assert {name: np.fromfile(file, "<i4").tolist() for name, file in values.items()} == {
        "ids": sentence_ids(toy.spec(), 16),
        "mask": [1] * 16,
        "segment_ids": [0] * 16,
    }
    with pytest.raises(FileExistsError):
        write_device_benchmark(directory / "int8.tflite", out)

"""The infra validator blesses true exports, within the limits that are set."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from components.core.artifacts import Examples, TFLiteExport
from components.core.errors import DataError
from components.infra.probe_texts import HARD_TEXTS
from components.modeling.precision import WeightPrecision
from components.tflite_exporter import TFLiteExporterConfig, tflite_exporter
from tests.components.exported_model import LABELS, Exported, export_both
from tests.components.infra_proof import (
    SCORES,
    TEXTS,
    exported_again,
    failed,
    prove,
    write_examples,
)
from tflite.metadata import attach_metadata, read_metadata


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return export_both(tmp_path_factory.mktemp("exported"))


@pytest.fixture
def examples(tmp_path: Path) -> Examples:
    return write_examples(tmp_path / "examples", train=["never asked"], validation=["nor this"], test=TEXTS)


def test_true_exports_are_blessed(exported: Exported, examples: Examples, tmp_path: Path) -> None:
    blessing, summary = prove(exported, examples, tmp_path)
    assert blessing.refusal() is None, failed(blessing)
    assert summary["blessed"] is True
    names = {check.name for check in blessing.verdict().checks}
    for export in ("saved_model", "tflite_float32", "tflite_int8"):
        assert {
            f"{export}.{what}" for what in ("labels", "heads", "thresholds", "token_ids", "decisions")
        } <= names
    assert names >= SCORES
    assert {
        "tflite_float32.guards",
        "tflite_float32.max_score_difference",
        "tflite_int8.decision_agreement",
    } <= names


def test_the_comparison_is_written_down(exported: Exported, examples: Examples, tmp_path: Path) -> None:
    blessing, summary = prove(exported, examples, tmp_path, rows=3)
    parity = json.loads(blessing.parity_path.read_text())
    assert set(parity) == {"saved_model", "tflite_float32", "tflite_int8"}
    assert (summary["texts"], summary["failed"]) == (3 + len(HARD_TEXTS), 0)
    for entry in parity.values():
        assert entry["rows"] == 3 + len(HARD_TEXTS)
        assert entry["latency_ms_p50"] > 0
        assert 0 <= entry["max_score_difference"] < 0.1
        assert 0.9 < entry["decision_agreement"] <= 1
        assert len(entry["worst"]) == 5
        assert entry["worst"][0]["difference"] == entry["max_score_difference"]
    assert "near_threshold" not in parity["saved_model"]
    assert 0 < parity["tflite_int8"]["near_threshold"] < entry["rows"] * len(LABELS) / 4
    assert parity["tflite_int8"]["size_bytes"] == exported.tflite.model_path("int8").stat().st_size
    assert parity["saved_model"]["grpc"]["server"] == "embedded"
    assert parity["saved_model"]["grpc"]["max_score_difference"] < 1e-5


def test_a_smaller_vocabulary_is_proven_by_its_own_ids(exported: Exported, tmp_path: Path) -> None:
    texts = write_examples(tmp_path / "examples", train=TEXTS, test=TEXTS)
    tflite = TFLiteExport(tmp_path / "tflite")
    tflite.path.mkdir()
    config = TFLiteExporterConfig(variants=("float32", "float32_text", "int8_vocab70"))
    tflite_exporter(config=config, model=exported.model, examples=texts, export=tflite)
    small = replace(exported, tflite=tflite)
    # A vocabulary this small takes some words apart that the random weights knew as wholes.
    blessing, _ = prove(small, texts, tmp_path, min_int8_agreement=0.5)
    assert blessing.refusal() is None, failed(blessing)
    entries = json.loads(tflite.export_path.read_text())
    assert [entries[name]["mediapipe"] for name in ("float32", "float32_text")] == [True, False]
    assert "tflite_float32_text.max_score_difference" in {check.name for check in blessing.verdict().checks}

    path = tflite.model_path("int8_vocab70")
    metadata = read_metadata(path)
    tokens = list(metadata.tokenizer.vocabulary)
    tokens[-1], tokens[-2] = tokens[-2], tokens[-1]
    swapped = replace(metadata, tokenizer=replace(metadata.tokenizer, vocabulary=tuple(tokens)))
    path.write_bytes(attach_metadata(path.read_bytes(), swapped))
    (tmp_path / "again").mkdir()
    blessing, _ = prove(small, texts, tmp_path / "again", min_int8_agreement=0.5)
    assert "tflite_int8_vocab70.token_ids" in failed(blessing)


@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
def test_smaller_weights_have_limits_of_their_own(
    exported: Exported, examples: Examples, tmp_path: Path, precision: WeightPrecision
) -> None:
    smaller = exported_again(exported, tmp_path, precision=precision)
    blessing, _ = prove(smaller, examples, tmp_path)
    assert failed(blessing) == {}
    checks = {check.name: check for check in blessing.verdict().checks}
    assert {checks[name].limit for name in SCORES} == {0.02 if precision == "bfloat16" else 0.06}
    assert checks["saved_model.decision_agreement"].limit == 0.95


def test_no_tflite_file_at_all(exported: Exported, examples: Examples, tmp_path: Path) -> None:
    (tmp_path / "tflite").mkdir()
    blessing, _ = prove(replace(exported, tflite=TFLiteExport(tmp_path / "tflite")), examples, tmp_path)
    assert set(failed(blessing)) == {"tflite.files"}


def test_optional_limits(exported: Exported, examples: Examples, tmp_path: Path) -> None:
    blessing, _ = prove(exported, examples, tmp_path, max_latency_ms=1e-6, max_int8_score_difference=1e-9)
    latencies = {f"{name}.latency_ms_p50" for name in ("saved_model", "tflite_float32", "tflite_int8")}
    assert set(failed(blessing)) == latencies | {"tflite_int8.max_score_difference"}


def executable(directory: Path, body: str) -> Path:
    path = directory / "model_server"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def test_a_model_server_that_is_named_is_asked(
    exported: Exported, examples: Examples, tmp_path: Path
) -> None:
    server = executable(tmp_path, f'exec {sys.executable} -m serving "$@"')
    blessing, _ = prove(exported, examples, tmp_path, server_binary=str(server))
    assert failed(blessing) == {}
    grpc = json.loads(blessing.parity_path.read_text())["saved_model"]["grpc"]
    assert grpc["server"] == "model_server"
    assert grpc["rows"] == len(TEXTS) + len(HARD_TEXTS)
    assert grpc["max_score_difference"] < 1e-5


def test_a_model_server_that_refuses_the_model_is_a_verdict(
    exported: Exported, examples: Examples, tmp_path: Path
) -> None:
    server = executable(tmp_path, 'echo "Op type not registered" >&2; exit 255')
    blessing, _ = prove(exported, examples, tmp_path, server_binary=str(server))
    checks = failed(blessing)
    assert set(checks) == {"saved_model.grpc.answers"}
    message = checks["saved_model.grpc.answers"].message
    assert "stopped with exit code 255" in message
    assert "Op type not registered" in message


def test_the_validation_split_stands_in(exported: Exported, tmp_path: Path) -> None:
    examples = write_examples(tmp_path / "examples", train=["x"], validation=["i am so happy"] * 2)
    blessing, _ = prove(exported, examples, tmp_path)
    assert json.loads(blessing.parity_path.read_text())["saved_model"]["rows"] == 2 + len(HARD_TEXTS)


def test_no_texts_to_ask(exported: Exported, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no split test or validation"):
        prove(exported, write_examples(tmp_path / "examples", train=["x"]), tmp_path)
    (tmp_path / "blessing").rmdir()
    with pytest.raises(DataError, match="split 'test' holds no texts"):
        prove(exported, write_examples(tmp_path / "empty", test=[]), tmp_path)


def test_the_hard_texts_are_many_and_different() -> None:
    assert len(HARD_TEXTS) >= 60
    assert len(set(HARD_TEXTS)) == len(HARD_TEXTS)
    assert max(map(len, HARD_TEXTS)) >= 5000

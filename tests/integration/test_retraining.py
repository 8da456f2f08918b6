"""Data that arrive span by span: what is new is trained on, what is bad is refused, what is served is a good one."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.metadata.store import MetadataStore
from tests.integration.conftest import Workspace, starter_rows


def write_span(directory: Path, span: int, rows: list[dict[str, Any]], version: int = 1) -> None:
    path = directory / f"span-{span}" / f"v{version}" / "texts.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")


def served(directory: Path) -> list[str]:
    models = directory / "models" / "small"
    return sorted(path.relative_to(models).as_posix() for path in models.glob("saved_model/*/saved_model.pb"))


def test_retraining_span_by_span(
    tmp_path: Path, emotion_here: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    def emotion(*arguments: str) -> tuple[int, str]:
        done = emotion_here(tmp_path, *arguments)
        return done.returncode, done.stdout + done.stderr

    workspace = Workspace(tmp_path)
    workspace.write_config(
        example_gen={"source": "span-{SPAN}/v{VERSION}/*.jsonl", "span": {"last": 2}},
        # Spans of 300 texts; what is tried is the way that data take, not the model.
        example_validator={"severities": {"LABEL_PRIOR_SHIFT": "ERROR"}},
        trainer={"epochs": 1, "warm_start": "latest_blessed"},
        tflite_exporter={"variants": ["float32"]},
        infra_validator={"rows": 20},
        runner={"workers": 0},  # all in this process, which has loaded TensorFlow once
    )
    rows = starter_rows(1200)
    command = ("run", "emotion.yaml", "--if-new-data")

    write_span(tmp_path, 1, rows[:400])
    code, told = emotion(*command)
    assert code == 0, told
    assert "there is no run yet" in told
    assert served(tmp_path) == ["saved_model/1/saved_model.pb"]

    code, told = emotion(*command)
    assert (code, "no new data since run 1" in told) == (0, True), told

    write_span(tmp_path, 2, [{**row, "labels": ["joy"]} for row in rows[400:800]])
    code, told = emotion(*command)
    assert code == 3, told
    assert "span-2/v1/texts.jsonl is new" in told
    assert "labels are more or less frequent" in told
    assert served(tmp_path) == ["saved_model/1/saved_model.pb"], "the gate did not bless it"

    code, told = emotion(*command)
    assert (code, "no new data since run 2" in told) == (0, True), "what was refused is not tried again"

    write_span(tmp_path, 2, rows[400:800], version=2)
    code, told = emotion(*command)
    assert code == 0, told
    assert "starts from the model of" in told
    assert served(tmp_path) == ["saved_model/1/saved_model.pb", "saved_model/2/saved_model.pb"]
    manifest = json.loads((tmp_path / "models/small/saved_model/2/manifest.json").read_text())
    assert (manifest["lineage"]["pipeline"], manifest["lineage"]["run_id"]) == ("small", 3)
    assert manifest["lineage"]["verdicts"]["model"]["blessed"] is True

    code, told = emotion("run", "emotion.yaml")
    store = MetadataStore(tmp_path / "root" / "metadata.sqlite")
    states = {execution.state.value for execution in store.executions(4)}
    store.close()
    assert states == {"CACHED"}, "a warm start does not chase its own tail"

    write_span(tmp_path, 3, rows[800:])
    code, told = emotion("run", "emotion.yaml", "--if-drift")
    assert (code, "no drift since run 4, whose model is pushed" in told) == (0, True), told
    assert served(tmp_path)[-1] == "saved_model/2/saved_model.pb"

    write_span(tmp_path, 4, [{**row, "text": f"{row['text']} " * 6} for row in rows[:400]])
    code, told = emotion("run", "emotion.yaml", "--if-drift", "--to", "example_validator")
    assert "drift since run 4" in told
    assert "length" in told

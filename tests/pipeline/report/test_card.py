"""The model card, and what the Hugging Face Hub makes of it."""

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from pipeline.config import parse_config
from pipeline.local_runner import RunResult
from pipeline.metadata.records import State
from pipeline.model_card_config import ModelCardConfig
from pipeline.report import ReportData, collect_report, render_model_card
from tests.pipeline.report.sample import LABELS, sample_run

OWNER = ModelCardConfig(
    title="Moods of reviews",
    license="cc-by-4.0",
    language=("en", "de"),
    tags=("reviews", "emotion"),
    contact="moods@example.org",
    intended_use="Sorting *reviews*.",
    citation="Nobody (2026).",
)


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> ReportData:
    config = parse_config({"name": "goemotions", "example_gen": {"source": "data/*.tsv"}})
    return collect_report(sample_run(tmp_path_factory.mktemp("card") / "run").result, config)


def card(record: ReportData, owner: ModelCardConfig = OWNER) -> str:
    text = render_model_card(record, owner)
    assert text is not None
    return text


def test_the_hub_understands_the_metadata(record: ReportData) -> None:
    hub = pytest.importorskip(
        "huggingface_hub", reason="the encoder's tokenizers bring it, this machine has none"
    )
    data = hub.ModelCard(card(record), ignore_metadata_errors=False).data
    assert data.license == "cc-by-4.0"
    assert data.language == ["en", "de"]
    assert data.pipeline_tag == "text-classification"
    assert data.base_model == "sentence-transformers/all-MiniLM-L6-v2"
    assert data.tags == ["emotion", "tensorflow", "tf-serving", "tflite", "reviews"]
    assert record.metrics is not None
    values = {result.metric_name: result.metric_value for result in data.eval_results}
    assert values["Macro-F1"] == round(record.metrics["macro_f1"]["value"], 4)
    assert {result.dataset_split for result in data.eval_results} == {"test"}


def test_the_card_tells_what_was_measured(record: ReportData) -> None:
    text = card(record)
    for label in LABELS:
        assert re.search(rf"^\| {label} \| 0\.\d{{3}} \(0\.\d{{3}} to 0\.\d{{3}}\) \|", text, re.M), label
    for part in ("Expected calibration error", "| negation |", "religion: Muslim", "99.71 %", "32 min 11 s"):
        assert part in text, part
    assert "Sorting *reviews*." in text
    assert "Energy and emissions were not measured." in text


def test_an_export_of_smaller_weights_says_so(record: ReportData) -> None:
    assert "SavedModel bfloat16" not in card(record)
    assert "SavedModel bfloat16" in card(
        replace(record, saved_model={"precision": "bfloat16", "size_bytes": 1})
    )


def test_the_card_claims_nothing_for_an_owner_who_said_nothing(record: ReportData) -> None:
    text = card(record, ModelCardConfig())
    metadata = yaml.safe_load(text.split("---")[1])
    assert "license" not in metadata
    assert metadata["language"] == ["en"], "what most of the texts seem to be in"
    assert "- **Licence**: not stated" in text
    assert text.count("Not stated by the owner of the model.") == 4


def test_texts_without_a_label_are_not_the_weakest_slice(record: ReportData) -> None:
    assert record.metrics is not None
    head = record.metrics["heads"][0]
    nothing = {"value": 0.0, "low": 0.0, "high": 0.0}
    unlabelled = {**head["slices"][0], "value": "no label at all", "labels": 0, "micro_f1": nothing}
    shown = f"{unlabelled['column']}: no label at all"

    def told(labels: int) -> str:
        slices = [*head["slices"], {**unlabelled, "labels": labels}]
        return card(replace(record, metrics={**record.metrics, "heads": [{**head, "slices": slices}]}))

    assert shown in told(labels=1)
    assert shown not in told(labels=0)


def test_tables_hold_whatever_a_label_is_called(record: ReportData) -> None:
    rows = [line for line in card(record).splitlines() if line.startswith("|")]
    for previous, line in pairwise(rows):
        if set(line) <= set("|-: "):
            assert line.count("|") == previous.count("|")
    text = card(record, ModelCardConfig(license="mit"))
    assert not re.search(r"\{\{|\{%|None|\bnan\b", text)


def test_a_run_without_a_model_has_no_card() -> None:
    config = parse_config({"name": "goemotions", "example_gen": {"source": "data/*.tsv"}})
    assert render_model_card(collect_report(RunResult(1, State.COMPLETE, {}), config), OWNER) is None


def test_a_model_for_tests_says_so(tmp_path: Path) -> None:
    config = parse_config({"name": "toy", "example_gen": {"source": "data/*.tsv"}})
    run = sample_run(tmp_path / "run", for_tests_only=True)
    assert "> **For tests only.**" in card(collect_report(run.result, config))

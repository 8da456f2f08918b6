from pathlib import Path

import pytest

from pipeline.cache import external_parts
from pipeline.config import parse_config
from pipeline.emotion import build_graph
from pipeline.metadata.records import ExecutionRecord, State
from pipeline.retraining import LastRun, new_inputs


@pytest.mark.parametrize(
    ("stage", "part", "new"),
    [
        ("example_gen", "source spacy_legacy", ""),
        ("evaluator", "source shipped cases.jsonl", ""),
        (
            "example_gen",
            "source bigquery://project.corpus.texts",
            "source bigquery://project.corpus.texts: 1 -> null",
        ),
    ],
)
def test_new_versions_of_packages_are_no_new_data(tmp_path: Path, stage: str, part: str, new: str):
    source = tmp_path / "texts.csv"
    source.write_text("text,labels\nGood.,joy\n")
    pii = {"kinds": ["NAME"], "names_pipeline": "spacy_legacy"}
    graph = build_graph(parse_config({"name": "toy", "example_gen": {"source": str(source), "pii": pii}}))
    parts = {**external_parts(graph.nodes[stage].config), part: "1"}
    execution = ExecutionRecord(1, 1, stage, State.COMPLETE, "key", parts, "", 1.0, 1.0, {}, None)
    assert new_inputs(graph, LastRun(1, "", {stage: execution})) == new

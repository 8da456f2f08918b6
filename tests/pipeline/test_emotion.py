"""How the stages of the pipeline are wired, where the wiring itself decides what comes out."""

import random
from pathlib import Path

from components.core.artifacts import ExampleAnomalies
from pipeline import api
from pipeline.config import parse_config
from pipeline.metadata.records import State


def validate(directory: Path, moods: str, *, seed: int) -> tuple[State, list[tuple[str, str]]]:
    """Runs the data stages on rows with these labels in turn; the state of the last one, and what it found where."""
    draw = random.Random(seed)
    words = ["".join(draw.choices("abcdefgh", k=5)) for _ in range(9000)]
    lines = [f"{' '.join(words[10 * n : 10 * n + 10])},{moods[n % len(moods)]}" for n in range(900)]
    (directory / "data.csv").write_text("text,labels\n" + "\n".join(lines) + "\n", encoding="utf-8")
    config = parse_config(
        {
            "name": "drift",
            "root": str(directory / "root"),
            "example_gen": {"source": str(directory / "data.csv")},
            "example_validator": {"severities": {"LABEL_PRIOR_SHIFT": "ERROR"}},
        }
    )
    stage = api.run(config, to="example_validator").stages["example_validator"]
    anomalies = stage.outputs["anomalies"]
    assert isinstance(anomalies, ExampleAnomalies)
    return stage.state, [
        (entry["type"], entry["message"].split(", which")[0])
        for entry in anomalies.anomalies()
        if entry["split"] == "train"
    ]


def test_data_are_held_against_the_last_run_that_accepted_them(tmp_path: Path):
    """What was refused is no baseline, and what did not change is not compared with itself."""
    assert validate(tmp_path, "abc", seed=0) == (State.COMPLETE, [])
    shifted = ("LABEL_PRIOR_SHIFT", "labels are more or less frequent than in the last accepted run")
    assert validate(tmp_path, "aabbbbbc", seed=1) == (State.COMPLETE, [shifted])
    assert validate(tmp_path, "aabbbbbc", seed=2) == (State.COMPLETE, [shifted]), (
        "not against the refused run"
    )
    assert validate(tmp_path, "bca", seed=3) == (State.COMPLETE, [])
    assert validate(tmp_path, "bca", seed=3) == (State.CACHED, [])

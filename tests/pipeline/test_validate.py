"""`emotion validate` on data files."""

import json
import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.conftest import Workspace

Emotion = Callable[..., subprocess.CompletedProcess[str]]

MOODS = ("joy", "anger", "sadness", "love", "neutral")


def write_data(path: Path, rows: int, *, weights: tuple[int, ...] = (3, 1, 1, 1, 4), seed: int = 0) -> str:
    """A CSV file with one label a text, and a language."""
    draw = random.Random(seed)
    lines = ["comment,emotion,lang"]
    for number in range(rows):
        words = " ".join(draw.choices(("rain", "sun", "never", "home", "friend"), k=draw.randint(3, 9)))
        lines.append(f"{words} {seed} {number},{draw.choices(MOODS, weights)[0]},en")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path.name


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A directory with data, and the schema that `emotion validate` has inferred from them."""
    found = Workspace(tmp_path_factory.mktemp("validate"))
    write_data(found.directory / "old.csv", 900)
    done = found.emotion("validate", "old.csv", "--write-schema", "schema.pbtxt")
    assert done.returncode == 0, done.stderr
    assert "old.csv: train 900 rows, 5 labels\ntext in comment, labels in emotion, one a text" in done.stdout
    assert done.stdout.rstrip().endswith("wrote schema.pbtxt")
    return found


def append(workspace: Workspace, name: str, *lines: str) -> str:
    """The old data with further rows."""
    content = (workspace.directory / "old.csv").read_text(encoding="utf-8")
    (workspace.directory / name).write_text(content + "\n".join(lines) + "\n", encoding="utf-8")
    return name


def test_data_that_fit_leave_nothing_behind(workspace: Workspace, emotion_here: Emotion):
    before = sorted(path.name for path in workspace.directory.iterdir())
    data = f"file://{workspace.directory}/old.csv"
    done = emotion_here(workspace.directory, "validate", data, "--schema", "schema.pbtxt", "--previous", data)
    assert (done.returncode, done.stderr) == (0, "")
    assert "held against schema.pbtxt\nfit to train on\n" in done.stdout
    assert sorted(path.name for path in workspace.directory.iterdir()) == before


def test_data_that_do_not_fit_give_a_line_each_and_exit_code_3(workspace: Workspace, emotion_here: Emotion):
    data = append(workspace, "strange.csv", "what is this,surprise,en", "so what,surprise,en")
    done = emotion_here(workspace.directory, "validate", data, "--schema", "schema.pbtxt")
    assert (done.returncode, done.stderr) == (3, "")
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("ERROR")]
    assert line.startswith("ERROR train/labels ENUM_TYPE_UNEXPECTED_STRING_VALUES: 0.22% of the values")
    assert "'surprise' (2); correct the data, or add them to the schema" in line
    assert "not fit to train on: 1 error and 1 warning" in done.stdout


def test_json_holds_the_same(workspace: Workspace, emotion_here: Emotion):
    data = append(workspace, "strange.csv", "what is this,surprise,en")
    done = emotion_here(workspace.directory, "validate", data, "--schema", "schema.pbtxt", "--json")
    assert done.returncode == 3
    told = json.loads(done.stdout)
    assert (told["fit"], told["errors"], told["splits"], told["schema"]) == (
        False,
        1,
        {"train": 901},
        "schema.pbtxt",
    )
    assert told["anomalies"][0]["type"] == "ENUM_TYPE_UNEXPECTED_STRING_VALUES"


@pytest.mark.parametrize("as_statistics", [False, True])
def test_drift_against_earlier_data_or_their_statistics(
    workspace: Workspace, emotion_here: Emotion, as_statistics: bool
):
    previous = "old.csv"
    if as_statistics:
        kept = emotion_here(workspace.directory, "validate", "old.csv", "--root", "kept")
        assert kept.returncode == 0, kept.stderr
        assert kept.stdout.endswith("kept/reports/1/report.html\n")
        assert (workspace.directory / "kept" / "reports" / "1" / "report.html").is_file()
        (path,) = (workspace.directory / "kept" / "statistics_gen" / "statistics").iterdir()
        previous = str(path)
    data = write_data(workspace.directory / "new.csv", 800, weights=(3, 3, 1, 1, 4), seed=1)
    done = emotion_here(workspace.directory, "validate", data, "--previous", previous)
    assert done.returncode == 0, done.stderr
    assert (
        "WARNING train/labels LABEL_PRIOR_SHIFT: labels are more or less frequent than in the earlier data"
        in (done.stdout)
    )
    assert "anger " in done.stdout


def test_a_schema_is_made_to_fit_and_keeps_what_it_had(workspace: Workspace, emotion_here: Emotion):
    directory = workspace.directory
    curated = directory / "curated.pbtxt"
    curated.write_text((directory / "schema.pbtxt").read_text(encoding="utf-8"), encoding="utf-8")
    data = append(workspace, "strange.csv", *[f"what is this {n},surprise,en" for n in range(30)])
    done = emotion_here(
        workspace.directory, "validate", data, "--schema", curated.name, "--write-schema", curated.name
    )
    assert done.returncode == 3, "the exit code is about the schema that was given"
    assert "wrote curated.pbtxt\n  labels: new values 'surprise'\n" in done.stdout
    assert emotion_here(workspace.directory, "validate", data, "--schema", curated.name).returncode == 0
    content = curated.read_text(encoding="utf-8")
    again = emotion_here(
        workspace.directory, "validate", data, "--schema", curated.name, "--write-schema", curated.name
    )
    assert again.returncode == 0
    assert curated.read_text(encoding="utf-8") == content, "what fits is not touched"


def test_columns_that_the_schema_describes_are_read(workspace: Workspace, emotion_here: Emotion):
    content = (workspace.directory / "schema.pbtxt").read_text(encoding="utf-8")
    content += 'feature { name: "slice/lang" type: BYTES string_domain { value: "de" } }\n'
    (workspace.directory / "sliced.pbtxt").write_text(content, encoding="utf-8")
    done = emotion_here(workspace.directory, "validate", "old.csv", "--schema", "sliced.pbtxt")
    assert done.returncode == 3
    assert "ERROR train/slice/lang ENUM_TYPE_UNEXPECTED_STRING_VALUES" in done.stdout


def test_rows_that_cannot_be_used_are_told_with_all_else(workspace: Workspace, emotion_here: Emotion):
    data = append(workspace, "holes.csv", *[",joy,en"] * 12, "so what,surprise,en")
    done = emotion_here(workspace.directory, "validate", data)
    assert (done.returncode, done.stderr) == (3, "")
    assert "6 labels, 12 rows unusable\n  holes.csv, row 902: empty text\n" in done.stdout
    assert "\n  … and 7 more\n" in done.stdout
    assert (
        "ERROR train/(all) DEAD_LETTERS_HIGH: 12 of 913 rows cannot be used (1.3%, limit 1.0%)" in done.stdout
    )
    assert "WARNING train/labels RARE_LABEL: fewer than 20 examples of surprise (1)" in done.stdout


def test_semicolons_and_a_column_for_each_label(workspace: Workspace, emotion_here: Emotion):
    rows = [f"what a day {number};{number % 2};{number % 3 % 2}" for number in range(60)]
    (workspace.directory / "wide.csv").write_text("\n".join(["comment;joy;anger", *rows]), encoding="utf-8")
    done = emotion_here(workspace.directory, "validate", "wide.csv")
    assert (done.returncode, done.stderr) == (0, "")
    assert "60 rows, 2 labels\ntext in comment, a label in each column of 0 and 1" in done.stdout


def test_a_directory_of_splits(workspace: Workspace, emotion_here: Emotion):
    for seed, split in enumerate(("train", "dev", "test")):
        write_data(workspace.directory / "splits" / f"{split}.csv", 200, seed=seed)
    done = emotion_here(workspace.directory, "validate", "splits", "--schema", "schema.pbtxt")
    assert done.returncode == 0, done.stdout
    assert "splits: train 200, test 200, validation 200 rows" in done.stdout


def test_a_configuration_is_validated_as_it_is(workspace: Workspace, emotion_here: Emotion):
    workspace.write_config(
        example_gen={"source": "old.csv", "columns": {"text": "comment", "labels": "emotion"}}
    )
    inferred = emotion_here(workspace.directory, "validate", "emotion.yaml", "--write-schema", "own.pbtxt")
    assert inferred.returncode == 0, inferred.stderr
    done = emotion_here(workspace.directory, "validate", "emotion.yaml", "--schema", "own.pbtxt")
    assert done.returncode == 0, done.stdout
    assert "4/4 example_validator" in done.stdout
    assert "held against own.pbtxt" in done.stdout
    (report,) = [line for line in done.stdout.splitlines() if line.startswith("report in ")]
    assert Path(report.removeprefix("report in ")).is_file()
    wrong = emotion_here(workspace.directory, "validate", "emotion.yaml", "--text", "comment")
    assert wrong.returncode == 2
    assert "--text is for data files; emotion.yaml says it under `example_gen`" in wrong.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone.csv"], "gone.csv: no such file"),
        (["old.csv", "--schema", "gone.pbtxt"], "gone.pbtxt: no such file"),
        (["old.csv", "--schema", "old.csv"], "no tensorflow-metadata schema in text form"),
        (["old.csv", "--previous", "gone.csv"], "gone.csv: no such file"),
        (["old.csv", "--write-schema", "schema.pbtxt"], "exists already; add --force"),
        (["old.csv", "--write-schema", "gone/schema.pbtxt"], "there is no directory gone"),
        (["old.csv", "--labels", "mood"], "no column 'mood' for --labels"),
    ],
)
def test_wrong_input_costs_one_line_and_exit_code_2(
    workspace: Workspace, emotion_here: Emotion, arguments: list[str], message: str
):
    done = emotion_here(workspace.directory, "validate", *arguments)
    assert done.returncode == 2, done.stdout
    (line,) = done.stderr.strip().splitlines()
    assert message in line


def test_rows_that_are_too_few_for_three_splits_are_not_fit(workspace: Workspace, emotion_here: Emotion):
    (workspace.directory / "two.csv").write_text("comment,emotion\nso glad today,joy\nso angry today,anger\n")
    done = emotion_here(workspace.directory, "validate", "two.csv")
    assert (done.returncode, done.stderr) == (3, "")
    told = [line for line in done.stdout.splitlines() if line.startswith("in the way of a run:")]
    assert told
    assert all("needs the split '" in line and "but none of the 2 rows is in it" in line for line in told)
    assert f"a run would stop: {len(told)} thing" in done.stdout


def test_settings_that_the_data_do_not_fit_are_told(workspace: Workspace, emotion_here: Emotion):
    workspace.write_config(
        example_gen={"source": "old.csv", "columns": {"text": "comment", "labels": "emotion"}},
        trainer={"task": "regression"},
    )
    done = emotion_here(workspace.directory, "validate", "emotion.yaml")
    assert (done.returncode, done.stderr) == (3, "")
    assert (
        "in the way of a run: trainer: trainer.task is regression, but the data have no numbers"
        in done.stdout
    )

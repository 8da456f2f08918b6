"""The commands of docs/metadata.md and docs/caching.md, on a pipeline that ran."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import ROOT, blocks, commands
from tests.integration.conftest import Workspace, run_python, starter_rows
from tests.integration.test_run import Ran

SHOWN = [
    words
    for page in ("metadata.md", "caching.md")
    for block in blocks(ROOT / "docs" / page)
    for words in commands(block)
    if words[0] == "emotion" and words[1] in ("inspect", "explain-cache", "gc") and "--delete" not in words
]


def names(workspace: Workspace) -> dict[str, str]:
    """What the documentation's names are here."""
    found = inspect(workspace, "artifacts")
    model = next(record["name"] for record in found if record["type"] == "Model")
    return {
        "trainer/model/6": model,
        "models/reviews": "models/small",
        "http://127.0.0.1:5000": "posted.ndjson",
    }


def inspect(workspace: Workspace, *arguments: str) -> Any:
    done = workspace.emotion("inspect", *arguments, "--root", "root", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("words", SHOWN, ids=" ".join)
def test_a_documented_command_answers(ran: Ran, words: list[str]):
    workspace, _ = ran
    here = names(workspace)
    arguments = [
        next((word.replace(old, new) for old, new in here.items() if old in word), word) for word in words[1:]
    ]
    if words[1] != "explain-cache":
        arguments += ["--root", "root"]
    done = workspace.emotion(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip()


def test_a_pushed_file_is_traced_to_its_texts_settings_and_code(ran: Ran):
    workspace, _ = ran
    document = inspect(workspace, "lineage", "models/small/tflite/1/emotion_int8.tflite")
    stages = {stage["stage"]: stage for stage in document["stages"]}
    assert document["artifact"]["type"] == "PushedModel"
    assert stages.keys() >= {
        "example_gen",
        "transform",
        "trainer",
        "saved_model_exporter",
        "tflite_exporter",
        "pusher",
    }
    (source,) = [origin for origin in stages["example_gen"]["origins"] if origin["kind"] == "file"]
    assert source["name"] == str(workspace.directory / "texts.jsonl")
    assert stages["transform"]["settings"]["encoder"] == "tiny-random"
    assert stages["trainer"]["settings"]["epochs"] == 1
    assert all(len(stage["code"]) == 64 for stage in stages.values())


def test_gc_keeps_what_was_pushed_with_all_that_it_came_from(ran: Ran):
    workspace, _ = ran
    done = workspace.emotion("gc", "--keep-runs", "0", "--root", "root", "--json")
    going = {
        item["place"].removeprefix(f"{workspace.directory}/root/")
        for item in json.loads(done.stdout)["items"]
    }
    needed = inspect(workspace, "lineage", "models/small/tflite/1/emotion_int8.tflite")
    kept = {made["name"] for stage in needed["stages"] for made in stage["gives"].values()}
    assert kept.isdisjoint(going)
    assert any(place.startswith("schema_gen/") for place in going)


@pytest.fixture(scope="module")
def changing(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace whose data stages ran once, to be changed."""
    workspace = Workspace(tmp_path_factory.mktemp("changing"))
    write_texts(workspace, "{}")
    workspace.write_config()
    assert stages(workspace) == dict.fromkeys(("example_gen", "statistics_gen"), "COMPLETE")
    return workspace


def write_texts(workspace: Workspace, layout: str) -> None:
    lines = [json.dumps(row) for row in starter_rows(200)]
    (workspace.directory / "texts.jsonl").write_text("\n".join([layout.format(lines[0]), *lines[1:]]) + "\n")


def stages(workspace: Workspace, *options: str) -> dict[str, str]:
    """Runs, and tells the state of each stage."""
    done = workspace.emotion("run", "emotion.yaml", *(options or ("--to", "statistics_gen")))
    assert done.returncode == 0, done.stderr
    return {stage["stage"]: stage["state"] for stage in inspect(workspace, "run")}


def expected(workspace: Workspace, stage: str) -> dict[str, Any]:
    done = workspace.emotion("explain-cache", stage, "emotion.yaml", "--json")
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_a_byte_that_changes_no_example_stops_at_example_gen(changing: Workspace):
    write_texts(changing, " {}")
    (change,) = expected(changing, "example_gen")["changes"]
    assert (change["part"], change["name"]) == ("file", "example_gen.source/texts.jsonl")
    assert expected(changing, "statistics_gen")["outcome"] == "DEPENDS"
    assert stages(changing) == {"example_gen": "COMPLETE", "statistics_gen": "CACHED"}


def test_a_damaged_artifact_is_named_and_made_again(changing: Workspace):
    (place,) = [
        record["uri"] for record in inspect(changing, "artifacts") if record["type"] == "ExampleStatistics"
    ]
    document = Path(place) / "statistics.json"
    document.write_bytes(document.read_bytes()[:-2] + b" }")
    told = expected(changing, "statistics_gen")
    assert (told["outcome"], told["gone"]) == ("RUNS", ["/".join(place.split("/")[-3:])])
    assert not inspect(changing, "artifact", place)["intact"]
    assert stages(changing) == {"example_gen": "CACHED", "statistics_gen": "COMPLETE"}


def test_from_a_stage_on_everything_runs(changing: Workspace):
    assert stages(changing, "--from", "statistics_gen", "--to", "statistics_gen") == {
        "example_gen": "CACHED",
        "statistics_gen": "COMPLETE",
    }
    wrong = changing.emotion("run", "emotion.yaml", "--from", "no_such_stage")
    assert (wrong.returncode, "no stage is called 'no_such_stage'" in wrong.stderr) == (2, True)


def test_gc_deletes_what_it_shows_and_the_newest_run_stays_whole(changing: Workspace):
    shown = json.loads(changing.emotion("gc", "--keep-runs", "1", "--root", "root", "--json").stdout)
    assert shown["size_bytes"] > 0
    assert all(Path(item["place"]).is_dir() for item in shown["items"])
    done = changing.emotion("gc", "--keep-runs", "1", "--delete", "--root", "root")
    assert done.returncode == 0, done.stderr
    assert not any(Path(item["place"]).exists() for item in shown["items"])
    assert set(stages(changing).values()) == {"CACHED"}
    shutil.rmtree(changing.directory / "root" / "example_gen")
    assert stages(changing) == {"example_gen": "COMPLETE", "statistics_gen": "CACHED"}


def test_inspect_runs_imports_nothing_that_it_can_do_without(ran: Ran):
    workspace, _ = ran
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from pipeline.commands.inspect import InspectOptions, inspect_command\n"
        "inspect_command('runs', None, InspectOptions(root=Path('root')))\n"
        "heavy = ('tensorflow', 'apache_beam', 'numpy', 'jinja2', 'yaml', 'pipeline.config', 'pydantic')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = run_python(["-c", program], workspace.directory)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
    assert "11 run" in done.stdout

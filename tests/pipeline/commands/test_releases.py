"""What a person sees of the published versions, and does with them."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.commands.roots import newest_pushed
from tests.components.publishing.conftest import LABELLED, Key, Publisher

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command in this process: its exit code, what it printed and what it said went wrong."""
    monkeypatch.setenv("COLUMNS", "160")

    def emotion(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["emotion", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        return (code if isinstance(code, int) else 0), *capsys.readouterr()

    return emotion


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    publisher = Publisher(tmp_path / "exports", str(tmp_path / "models" / "emotion"))
    publisher.push("one")
    publisher.push("two")
    return publisher


def test_a_rollback_and_what_is_there_then(
    publisher: Publisher, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, _ = run("rollback", "-m", "too joyful")
    assert (code, out) == (0, "✓ version 3, a copy of 1, is served from now on; before, it was 2\n")
    code, out, _ = run("versions", "--json")
    rows = [(row["version"], row["state"], row["copy of"], row["run"]) for row in json.loads(out)]
    assert rows == [(3, "stable", 1, 1), (2, "withdrawn", None, 1), (1, "", None, 1)]
    _, out, _ = run("versions", publisher.destination.uri, "--history", "--json")
    last = json.loads(out)[-1]
    assert (last["what"], last["version"], last["message"]) == ("rollback", 3, "too joyful")
    _, out, _ = run("versions")
    assert "withdrawn" in out
    assert str(publisher.destination) in out


def test_a_canary_is_promoted_by_the_configuration(publisher: Publisher, run: Run, tmp_path: Path) -> None:
    publisher.push("three", LABELLED, canary=True)
    config = tmp_path / "emotion.yaml"
    config.write_text(
        f"name: toy\nexample_gen: {{source: data.csv}}\npusher: {{destination: '{publisher.destination}'}}\n"
    )
    code, out, _ = run("promote", str(config))
    assert (code, out) == (0, "✓ version 3 is served from now on; before, it was 2\n")
    code, _, err = run("promote", str(config))
    assert code == 2
    assert "has no canary; name a version: it holds 1, 2, 3" in err


def test_a_rollback_with_a_canary_leaves_what_is_served(publisher: Publisher, run: Run) -> None:
    publisher.push("three", LABELLED, canary=True)
    _, out, _ = run("rollback", publisher.destination.uri)
    assert out == "✓ the canary, version 3, is withdrawn; version 2 is served as before\n"


def test_a_canary_is_not_what_predict_asks(
    publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    publisher.push("three", LABELLED, canary=True)
    assert newest_pushed("saved_model").name == "2"
    publisher.releases.promote()
    assert newest_pushed("tflite").name == "3"


def test_nothing_was_pushed(run: Run, tmp_path: Path) -> None:
    for command in ("versions", "rollback"):
        code, _, err = run(command, str(tmp_path / "nowhere"))
        assert code == 2
        assert "nothing was pushed there" in err


def test_verify(run: Run, tmp_path: Path) -> None:
    key, other = Key(tmp_path, "ours"), Key(tmp_path, "theirs")
    publisher = Publisher(tmp_path / "exports", str(tmp_path / "models"), key.signer)
    publisher.push("one")
    directory = Path(publisher.destination.version_dir("tflite", 1))
    code, out, _ = run("verify", str(directory), "--key", str(key.public))
    assert code == 0
    assert out.startswith("✓ version 1 of tflite, 3 files as pushed on ")
    assert f"signed by key {key.signer.key_id}\n" in out
    assert "not checked: name the public key with --key" in run("verify", str(directory))[1]
    code, _, err = run("verify", str(directory), "--key", str(other.public))
    assert (code, "which is not trusted" in err) == (3, True)
    (directory / "emotion_int8.tflite").write_text("eno")
    code, _, err = run("verify", str(directory))
    assert (code, "emotion_int8.tflite has changed" in err) == (3, True)
    assert run("verify", str(directory), "--key", str(tmp_path / "none.pem"))[0] == 2
    code, _, err = run("verify", str(tmp_path / "none"))
    assert (code, "none: no such directory" in err) == (2, True)


def test_the_key_comes_from_the_environment(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = Key(tmp_path, "ours")
    publisher = Publisher(tmp_path / "exports", str(tmp_path / "models"), key.signer)
    publisher.push("one")
    publisher.push("two")
    code, _, err = run("rollback", publisher.destination.uri)
    assert (code, "give the key (pusher.signing_key, or --signing-key)" in err) == (2, True)
    monkeypatch.setenv("EMOTION_SIGNING_KEY", str(key.private))
    assert run("rollback", publisher.destination.uri)[0] == 0


def test_the_key_before_is_trusted_where_it_is_named(run: Run, tmp_path: Path) -> None:
    ours, following = Key(tmp_path, "ours"), Key(tmp_path, "next")
    publisher = Publisher(tmp_path / "exports", str(tmp_path / "models"), ours.signer)
    publisher.push("one")
    publisher.push("two")
    command = ("rollback", publisher.destination.uri, "--signing-key", str(following.private))
    code, _, err = run(*command)
    assert (code, "which is not trusted" in err) == (2, True)
    assert run(*command, "--trusted-keys", str(ours.public))[0] == 0

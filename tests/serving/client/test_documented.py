"""The clients that docs/clients.md offers to copy, as a reader would run them."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.serving.client.test_retries import Server, rest_server
from tests.serving.conftest import LABELS

DOCS = Path(__file__).parents[3] / "docs"
CLIENTS = (DOCS / "clients.md").read_text(encoding="utf-8")
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="no node on PATH")

TEXTS = ["What a lovely day!", "Leave me alone."]


def sources(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", CLIENTS, re.DOTALL)


def run(command: list[str], server: Any) -> str:
    url = f"http://127.0.0.1:{server.rest_port}"
    done = subprocess.run(
        command,
        env={**os.environ, "EMOTION_URL": url, "NO_PROXY": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def decisions(predictor: Any) -> list[tuple[str, ...]]:
    return [answer.decided_labels for answer in predictor.predict(TEXTS)]


@pytest.mark.parametrize(("scheme", "source"), list(zip(("grpc", "http"), sources("python"), strict=True)))
def test_python(server: Any, predictor: Any, scheme: str, source: str) -> None:
    # The guide's addresses are the servers' defaults; its deadline is for a server that has CPUs to itself.
    source = source.replace("localhost:8500", f"127.0.0.1:{server.port}")
    source = source.replace("localhost:8501", f"127.0.0.1:{server.rest_port}")
    source = source.replace("timeout_s=2", "timeout_s=60")
    lines = run([sys.executable, "-c", source], server).splitlines()
    assert lines[:-2] == (["version 7"] if scheme == "grpc" else [])
    for line, expected in zip(lines[-2:], decisions(predictor), strict=True):
        assert line.startswith(str(expected))


@needs_node
@pytest.mark.parametrize("before", ["", "delete globalThis.process;\n"], ids=["node", "as in a browser"])
def test_node(server: Any, predictor: Any, tmp_path: Path, before: str) -> None:
    (source,) = sources("js")
    file = tmp_path / "predict.mjs"
    source = source.replace("localhost:8501", f"127.0.0.1:{server.rest_port}")
    file.write_text(before + source, encoding="utf-8")
    answers = [json.loads(line) for line in run(["node", str(file)], server).splitlines()]
    assert [answer["text"] for answer in answers] == TEXTS
    for answer, expected in zip(answers, predictor.predict(TEXTS), strict=True):
        assert list(answer["scores"]) == list(LABELS)
        assert tuple(answer["scores"].values()) == pytest.approx(expected.scores, abs=1e-5)
        assert set(answer["predicted"]) == set(expected.decided_labels)


@needs_node
def test_node_waits_for_nothing_beyond_the_deadline(tmp_path: Path) -> None:
    (source,) = sources("js")
    file = tmp_path / "predict.mjs"
    file.write_text(source, encoding="utf-8")
    with rest_server(Server(["RESOURCE_EXHAUSTED"], retry_after="60")) as busy:
        done = subprocess.run(
            ["node", str(file)],
            env={**os.environ, "EMOTION_URL": busy.url, "NO_PROXY": "127.0.0.1"},
            capture_output=True,
            text=True,
            timeout=50,
        )
    assert "Error: 429: told to" in done.stderr


def test_no_shell_takes_the_call_for_a_modifier_of_the_url() -> None:
    """As zsh does with `$URL:r`."""
    for page in DOCS.glob("*.md"):
        content = page.read_text(encoding="utf-8")
        assert "$URL:" not in content, page
        assert "${URL}" not in content or re.search(r"^URL=", content, re.MULTILINE), page


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on PATH")
def test_curl(server: Any, predictor: Any) -> None:
    (source,) = sources("sh")
    output = run(["bash", "-euo", "pipefail", "-c", source], server)
    predicted, classified, status, metadata = _documents(output)
    assert predicted["outputs"]["scores"][0] == pytest.approx(predictor.predict(TEXTS)[0].scores, abs=1e-5)
    assert [label for label, _ in classified["results"][0]] == list(LABELS)
    assert status["model_version_status"][0]["state"] == "AVAILABLE"
    assert metadata["model_spec"]["version"] == "7"


def _documents(text: str) -> list[Any]:
    """JSON documents one after the other."""
    found = []
    while text.strip():
        document, end = json.JSONDecoder().raw_decode(text.lstrip())
        found.append(document)
        text = text.lstrip()[end:]
    return found

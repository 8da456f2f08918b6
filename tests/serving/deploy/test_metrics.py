"""Rules and dashboard ask for what a server shows; its configuration is the one that is shipped."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.flags import parse_flags
from serving.model_config import read_model_config
from serving.server import ModelServer
from tests.serving.conftest import ToyModel
from tests.serving.deploy.deployed import DEPLOY, dashboard_queries, rule_queries, series_in


@pytest.fixture(scope="module")
def server(toy_model: ToyModel) -> Iterator[ModelServer]:
    config = parse_flags(
        [
            "--model_name=emotion",
            f"--model_base_path={toy_model.directory.parent}",
            "--host=127.0.0.1",
            f"--monitoring_config_file={DEPLOY / 'config' / 'monitoring.txt'}",
            "--enable_batching",
            f"--batching_parameters_file={DEPLOY / 'config' / 'batching.txt'}",
        ],
        port=0,
        rest_api_port=0,
    )
    with ModelServer(config) as running:
        yield running


@pytest.fixture(scope="module")
def shown(server: ModelServer) -> dict[str, set[str]]:
    """The labels of every series on the page; none where it has no value yet."""
    metrics = server.metrics
    with (
        metrics.request("emotion", api="Predict", entrypoint="GRPC"),
        metrics.runtime("emotion", "Predict"),
    ):
        pass
    found: dict[str, set[str]] = {}
    for line in metrics.page().decode().splitlines():
        if head := re.match(r"# TYPE (\S+) (\w+)", line):
            suffixes = ("_bucket", "_sum", "_count") if head[2] == "histogram" else ("",)
            found |= {head[1] + suffix: set() for suffix in suffixes}
        elif sample := re.match(r"([^#\s{]+)(.*)", line):
            found[sample[1]].update(re.findall(r'(\w+)="', sample[2]))
    return found


@pytest.mark.parametrize("queries", [rule_queries(), dashboard_queries()], ids=["rules", "dashboard"])
def test_a_server_shows_what_is_asked_for(queries: dict[str, str], shown: dict[str, set[str]]) -> None:
    asked = [(name, *series) for name, query in queries.items() for series in series_in(query)]
    assert len(asked) > 10
    for name, series, labels in asked:
        assert series in shown, f"{name}: no series {series}"
        if shown[series]:
            assert labels <= shown[series], f"{name}: {series} has no labels {labels - shown[series]}"


def test_the_model_config_is_read() -> None:
    (settings,) = read_model_config(DEPLOY / "config" / "models.txt")
    assert (settings.name, settings.base_path) == ("emotion", Path("/models/emotion"))


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool (Debian: prometheus)")
@pytest.mark.parametrize(
    "command", [["check", "config", "prometheus.yml"], ["test", "rules", "alerts_test.yml"]]
)
def test_the_rules_raise_what_they_should(command: list[str]) -> None:
    done = subprocess.run(
        ["promtool", *command],
        cwd=DEPLOY / "prometheus",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr

"""The data stages on other Beam runners: every byte that they write is the in-process runner's."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

import pipeline
from components.core.errors import StageError
from components.core.filesystem import content_digest
from components.data.beam.beam_config import BeamConfig
from components.data.beam.beam_pipeline import collect, running_on
from pipeline.config import parse_config
from tests.components.toy_corpus import toy_rows
from tests.ports import free_port

REPOSITORY = Path(pipeline.__file__).parents[1]
DATA_STAGES = ("example_gen", "statistics_gen", "schema_gen", "example_validator", "transform")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three files of texts, one of them with a row that becomes a dead letter."""
    directory = tmp_path_factory.mktemp("source")
    for number in range(3):
        rows = [f"{row['text']},{'|'.join(row['labels'])}" for row in toy_rows(60, seed=number)]
        rows += ["a text without a label,"] if number == 1 else []
        (directory / f"texts-{number}.csv").write_text("\n".join(["text,labels", *rows]) + "\n")
    return directory


def run_data_stages(source: Path, root: Path, **beam: Any) -> Mapping[str, str]:
    """Digests of all that the data stages write, by stage and output."""
    config = parse_config(
        {
            "name": "runners",
            "root": str(root),
            "beam": beam,
            "example_gen": {
                "source": f"{source}/*.csv",
                "separator": "|",
                "rows_per_shard": 40,
                "max_dead_letter_share": 0.1,
            },
            "transform": {"encoder": "tiny-random", "max_tokens": 32},
        }
    )
    result = pipeline.run(config, to="transform")
    assert tuple(result.stages) == DATA_STAGES
    return {
        f"{stage}/{name}": content_digest(str(artifact.path))
        for stage, done in result.stages.items()
        for name, artifact in done.outputs.items()
    }


@pytest.fixture(scope="module")
def in_process(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    digests = run_data_stages(source, tmp_path_factory.mktemp("in_process"))
    assert len(digests) == 6
    return digests


@contextmanager
def serving(module: str, *arguments: str, port: int, log: Path) -> Iterator[None]:
    """A Python module that listens on `port`, as a process of its own."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # The worker pool starts a bare `python`.
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(REPOSITORY)}
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_for(port, process, log)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("localhost", port), timeout=1):
            return
        time.sleep(0.1)
    raise AssertionError(f"nothing listens on port {port}:\n{log.read_text(errors='replace')}")


@pytest.fixture(scope="module")
def portable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A job service and a pool of workers: what a Flink or Spark cluster is to the pipeline."""
    logs = tmp_path_factory.mktemp("logs")
    job, pool = free_port(), free_port()
    services = "apache_beam.runners.portability.local_job_service_main"
    workers = "apache_beam.runners.worker.worker_pool_main"
    with (
        serving(services, "-p", str(job), port=job, log=logs / "job_service.log"),
        serving(workers, "--service_port", str(pool), port=pool, log=logs / "worker_pool.log"),
    ):
        yield {
            "runner": "PortableRunner",
            "options": {
                "job_endpoint": f"localhost:{job}",
                "environment_type": "EXTERNAL",
                "environment_config": f"localhost:{pool}",
            },
        }


def test_over_the_portability_api(
    source: Path, tmp_path: Path, in_process: Mapping[str, str], portable: dict[str, Any]
):
    assert run_data_stages(source, tmp_path / "root", **portable) == in_process


def test_over_the_portability_api_with_workers_that_do_not_see_the_files(
    source: Path, tmp_path: Path, in_process: Mapping[str, str], portable: dict[str, Any]
):
    """Every file goes through `scratch`; the worker gets a temporary directory of its own."""
    beam = {**portable, "scratch": str(tmp_path / "scratch"), "shared_files": False}
    assert run_data_stages(source, tmp_path / "root", **beam) == in_process
    assert [path for path in (tmp_path / "scratch").rglob("*") if path.is_file()] == []


def test_through_an_object_store(source: Path, tmp_path: Path, in_process: Mapping[str, str]):
    assert run_data_stages(source, tmp_path / "root", scratch="memory://runners") == in_process


def test_in_worker_processes_of_this_machine(
    source: Path, tmp_path: Path, in_process: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    assert run_data_stages(source, tmp_path / "root", workers=2) == in_process


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_process_that_is_killed_is_an_error_and_no_waiting(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    driver = os.getpid()

    def kill(element: int) -> int:
        if os.getpid() != driver:
            os.kill(os.getpid(), signal.SIGKILL)
        return element

    def build(pipeline: Any) -> Any:
        import apache_beam as beam

        return pipeline | beam.Create([1, 2, 3]) | beam.Map(kill)

    with running_on(BeamConfig(workers=2)), pytest.raises(StageError, match="the Beam pipeline failed"):
        collect(build)


@pytest.fixture
def dask_cluster(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    distributed = pytest.importorskip("distributed")
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=request.param == "processes", dashboard_address=None
    ) as cluster:
        options = {"dask_client_address": cluster.scheduler_address, "dask_partition_size": 1}
        yield {"runner": "DaskRunner", "options": options}


DASK_WARNINGS = pytest.mark.filterwarnings("default::Warning")


@DASK_WARNINGS
@pytest.mark.parametrize("dask_cluster", ["processes"], indirect=True)
def test_on_a_dask_cluster(
    source: Path, tmp_path: Path, in_process: Mapping[str, str], dask_cluster: dict[str, Any]
):
    assert run_data_stages(source, tmp_path / "root", **dask_cluster) == in_process


@DASK_WARNINGS
@pytest.mark.parametrize("dask_cluster", ["threads"], indirect=True)
def test_what_dask_doubles_in_worker_threads_is_an_error(
    source: Path, tmp_path: Path, dask_cluster: dict[str, Any]
):
    """Beam 2.77 gives all threads of a worker one list of results."""
    with pytest.raises(StageError, match=r"doubled|Beam pipeline failed"):
        run_data_stages(source, tmp_path / "root", **dask_cluster)

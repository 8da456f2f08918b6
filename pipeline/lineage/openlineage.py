"""The lineage as OpenLineage run events, for catalogues such as Marquez or DataHub (openlineage.io, specification 2).

A stage is a job, an execution of it a run with the pipeline's run as its parent, and artifacts and source files are
data sets whose version is the SHA-256 of their content. The same execution gives the same events each time.
"""

import json
import os
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from components.core.atomic_files import write_atomic
from components.core.errors import StorageError, UserError
from components.core.filesystem import is_remote, local_path
from pipeline.artifact_storage import ArtifactStorage
from pipeline.lineage.ancestry import Ancestry, Origin, Step
from pipeline.metadata.records import ArtifactRecord, State

if TYPE_CHECKING:
    from openlineage.client.event_v2 import Job, RunEvent

__all__ = ["export_events", "run_events"]

_PRODUCER = "urn:emotion-pipeline"
_DEFAULT_NAMESPACE = "emotion-pipeline"
_RETRY = {
    "total": 2,
    "backoff_factor": 0.5,
    "status_forcelist": [500, 502, 503, 504],
    "allowed_methods": ["POST"],
}
"""A person waits: two more attempts, of which the last one begins a second after the first."""

_ENDS = {State.COMPLETE: "COMPLETE", State.FAILED: "FAIL", State.CANCELED: "ABORT", State.REFUSED: "ABORT"}


def export_events(ancestry: Ancestry, target: str) -> int:
    """Writes the events to a file, one a line, or posts them to a server; returns how many.

    Args:
        ancestry: what is told of.
        target: path of a file, or the URL of an OpenLineage server. `OPENLINEAGE_API_KEY` and `OPENLINEAGE_NAMESPACE`
            are taken from the environment.

    Raises:
        UserError: the `lineage` extra is not installed.
        StorageError: the server does not take them.
    """
    try:
        from openlineage.client.serde import Serde
    except ModuleNotFoundError as err:
        raise UserError("this needs openlineage-python: pip install 'emotion-pipeline[lineage]'") from err
    events = list(run_events(ancestry, os.environ.get("OPENLINEAGE_NAMESPACE", _DEFAULT_NAMESPACE)))
    target = local_path(target)
    if is_remote(target):
        _post(events, target)
    else:
        write_atomic(Path(target), "".join(f"{Serde.to_json(event)}\n" for event in events))
    return len(events)


def run_events(ancestry: Ancestry, namespace: str) -> "Iterator[RunEvent]":
    """Begin and end of the run and of each of the executions.

    Args:
        ancestry: what is told of.
        namespace: of the jobs.
    """
    from openlineage.client.event_v2 import Job, set_producer
    from openlineage.client.facet_v2 import job_type_job

    set_producer(_PRODUCER)
    run, pipeline = ancestry.run, ancestry.run["pipeline"]

    def job(name: str, kind: str) -> Job:
        facet = job_type_job.JobTypeJobFacet(
            processingType="BATCH", integration="EMOTION_PIPELINE", jobType=kind
        )
        return Job(namespace=namespace, name=name, facets={"jobType": facet})

    whole = job(pipeline, "DAG")
    run_id = _run_id(ancestry.storage, "run", run["id"])
    if ancestry.of is None:
        yield _event("START", run["started_at"], run_id, whole, {})
    for step in ancestry.steps:
        yield from _step_events(
            step, job(f"{pipeline}.{step.execution.stage}", "TASK"), pipeline, ancestry.storage
        )
    if ancestry.of is None and run["finished_at"] is not None:
        yield _event(_ENDS[State(run["state"])], run["finished_at"], run_id, whole, {})


def _step_events(step: Step, job: "Job", pipeline: str, storage: ArtifactStorage) -> "Iterator[RunEvent]":
    execution = step.execution
    run_id = _run_id(storage, "execution", execution.id)
    facets = _run_facets(step, job.namespace, pipeline, storage)
    inputs = [_input(record, storage) for record in step.reads.values()]
    inputs += [_origin(origin, job.namespace) for origin in step.origins if origin.kind != "encoder"]
    if execution.state is State.REFUSED:
        yield _event("ABORT", execution.started_at, run_id, job, facets)
        return
    yield _event("START", execution.started_at, run_id, job, facets, inputs=inputs)
    if execution.state in _ENDS:
        end = datetime.fromisoformat(execution.started_at) + timedelta(seconds=execution.seconds or 0.0)
        outputs = [_output(record, storage) for record in step.gives.values()]
        yield _event(
            _ENDS[execution.state], end.isoformat(), run_id, job, facets, inputs=inputs, outputs=outputs
        )


def _event(
    kind: str, time: str, run_id: str, job: "Job", facets: Mapping[str, Any], **datasets: Any
) -> "RunEvent":
    from openlineage.client.event_v2 import Run, RunEvent, RunState

    run = Run(runId=run_id, facets=dict(facets))
    return RunEvent(
        eventTime=time, eventType=RunState(kind), run=run, job=job, producer=_PRODUCER, **datasets
    )


def _run_facets(step: Step, namespace: str, pipeline: str, storage: ArtifactStorage) -> dict[str, Any]:
    from openlineage.client.facet_v2 import (
        error_message_run,
        execution_parameters_run,
        parent_run,
        processing_engine_run,
        tags_run,
    )

    execution = step.execution
    parameters = [
        execution_parameters_run.ExecutionParameter(key=name, value=json.dumps(value, ensure_ascii=False))
        for name, value in step.settings.items()
    ]
    tags = [
        tags_run.TagsRunFacetFields(key=name, value=value, source="INTEGRATION")
        for name, value in {"code_sha256": step.code, **step.packages}.items()
        if value
    ]
    facets = {
        "parent": parent_run.ParentRunFacet(
            run=parent_run.Run(runId=_run_id(storage, "run", execution.run_id)),
            job=parent_run.Job(namespace=namespace, name=pipeline),
        ),
        "processing_engine": processing_engine_run.ProcessingEngineRunFacet(
            version=metadata.version("emotion-pipeline"), name="emotion-pipeline"
        ),
        "executionParameters": execution_parameters_run.ExecutionParametersRunFacet(parameters=parameters),
        "tags": tags_run.TagsRunFacet(tags=tags),
    }
    if execution.error:
        facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(
            message=execution.error, programmingLanguage="PYTHON"
        )
    return facets


def _input(record: ArtifactRecord, storage: ArtifactStorage) -> Any:
    from openlineage.client.event_v2 import InputDataset

    namespace, name = _place(storage.uri(record.name))
    return InputDataset(namespace=namespace, name=name, facets=_dataset_facets(record.digest, record.type))


def _output(record: ArtifactRecord, storage: ArtifactStorage) -> Any:
    from openlineage.client.event_v2 import OutputDataset

    namespace, name = _place(storage.uri(record.name))
    return OutputDataset(namespace=namespace, name=name, facets=_dataset_facets(record.digest, record.type))


def _origin(origin: Origin, jobs: str) -> Any:
    from openlineage.client.event_v2 import InputDataset

    namespace, name = (
        _place(origin.name) if origin.kind == "file" or is_remote(origin.name) else (jobs, origin.name)
    )
    return InputDataset(namespace=namespace, name=name, facets=_dataset_facets(origin.version, None))


def _dataset_facets(version: str, artifact_type: str | None) -> dict[str, Any]:
    from openlineage.client.facet_v2 import dataset_type_dataset, dataset_version_dataset

    kind = "MODEL" if artifact_type == "Model" else "FILE"
    return {
        "version": dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=version),
        "datasetType": dataset_type_dataset.DatasetTypeDatasetFacet(datasetType=kind, subType=artifact_type),
    }


def _place(uri: str) -> tuple[str, str]:
    """Namespace and name by OpenLineage's rules: `file` and the path, or `gs://bucket` and the path in it."""
    if not is_remote(uri):
        return "file", uri
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}", parts.path.lstrip("/")


def _run_id(storage: ArtifactStorage, kind: str, number: int) -> str:
    """A UUID that is the same each time."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{storage.work_dir}#{kind}-{number}"))


def _post(events: "list[RunEvent]", url: str) -> None:
    import requests
    from openlineage.client.transport.http import HttpConfig, HttpTransport

    parts = urlsplit(url)
    settings: dict[str, Any] = {"url": f"{parts.scheme}://{parts.netloc}", "retry": _RETRY}
    if parts.path.strip("/"):
        settings["endpoint"] = parts.path.lstrip("/")
    if key := os.environ.get("OPENLINEAGE_API_KEY"):
        settings["auth"] = {"type": "api_key", "apiKey": key}
    transport = HttpTransport(HttpConfig.from_dict(settings))
    try:
        for event in events:
            transport.emit(event)
    except requests.RequestException as err:
        raise StorageError(
            f"{url}: the events were not taken ({err}); look whether the server is there"
        ) from err
    finally:
        transport.close()

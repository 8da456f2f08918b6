"""Pusher: publishes the proven exports where servers and apps take them from."""

import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from components.core.artifacts import (
    Examples,
    InfraBlessing,
    Model,
    ModelBlessing,
    PushedModel,
    SavedModelExport,
    TFLiteExport,
)
from components.core.component import Lineage, Output, Summary, component
from components.core.config import InputPath, OutputPath, Problem, SecretPath
from components.core.errors import UserError
from components.core.filesystem import is_remote, remote
from components.core.progress import NO_PROGRESS, Progress
from components.core.verdict import Verdict
from components.publishing.destination import Destination
from components.publishing.releases import Releases
from components.publishing.settings import PublishingSettings
from components.publishing.signing import load_signer, load_trusted_keys

__all__ = ["PusherConfig", "pusher"]


class PusherConfig(PublishingSettings):
    """Where the model goes, and who is told."""

    destination: OutputPath = Field(default="models/emotion", min_length=1)
    """Directory or URI (`gs://`, `s3://`): a local path is taken from the working directory. Its `saved_model` is the
    base path of a model server, its `tflite` holds the files for apps. Give each pipeline one of its own."""

    keep_versions: int | None = Field(default=None, ge=1)
    """How many of the newest versions to keep; those that are served, tried out, or that a rollback would go back to
    stay anyhow. None, the default, keeps all: a version takes some 200 MB with MiniLM."""

    canary: bool = False
    """A new version is only tried out (label `canary`, or a share of KServe's requests) until `emotion promote`."""

    signing_key: SecretPath | None = None
    """Signs the manifests: path of an Ed25519 private key in PEM, or `env:NAME` for PEM text in an environment
    variable. None signs nothing."""

    trusted_keys: InputPath | None = None
    """PEM file of the public keys that signed before, once the key was changed: what is read back to be signed
    again (for a rollback, or for apps while a canary is tried out) must be signed by one of them, or by the key."""

    def problems(self) -> Iterator[Problem]:
        try:
            load_signer(self.signing_key)
        except UserError as err:
            yield Problem("signing_key", str(err))
        try:
            load_trusted_keys(self.trusted_keys)
        except UserError as err:
            yield Problem("trusted_keys", str(err))
        if reason := _why_unwritable(self.destination):
            yield Problem("destination", f"{self.destination}: {reason}")

    @property
    def settings(self) -> PublishingSettings:
        """What the destination remembers."""
        return PublishingSettings(**{name: getattr(self, name) for name in PublishingSettings.model_fields})

    @model_validator(mode="after")
    def _check_that_versions_can_be_named(self) -> "PusherConfig":
        if self.canary and not self.names_versions:
            raise ValueError(
                "`canary` needs `served_as` or `kserve`: without them a server takes the newest version"
            )
        if self.kserve is not None and not is_remote(self.kserve.storage_uri or self.destination):
            raise ValueError(
                f"`kserve.storage_uri` is missing: a cluster cannot read {self.destination}; give what it reads "
                "(pvc://, s3://, gs://)"
            )
        return self


@component(version="2")
def pusher(
    *,
    config: PusherConfig,
    saved_model: SavedModelExport,
    tflite: TFLiteExport,
    model: Model | None = None,  # noqa: ARG001 - `lineage` tells its digest
    examples: Examples | None = None,  # noqa: ARG001 - likewise
    model_blessing: ModelBlessing | None = None,
    export_blessing: InfraBlessing | None = None,
    pushed: Output[PushedModel],
    lineage: Lineage | None = None,
    progress: Progress = NO_PROGRESS,
) -> Summary:
    """Publishes the exports under the next version number.

    1. Looks at what is there: a model that is served already stands; one that was rolled back is not pushed again.
    2. Takes the next number, which no other pusher gets.
    3. Copies the files for apps, then those for servers, each with a signed `manifest.json`: a directory appears whole
       or not at all, and none is ever overwritten.
    4. Writes down what happened, tells servers and apps, and deletes versions that are not to be kept.

    `model`, `examples` and the blessings are only told of in the manifests.

    Raises:
        UserError: the destination cannot be written, or the signing key cannot be used.
        StorageError: the disk is full or the connection broke; nothing was published.
    """
    destination = Destination(config.destination)
    told = _tell_lineage(lineage, model=model_blessing, exports=export_blessing)
    releases = Releases(destination, load_signer(config.signing_key, config.trusted_keys))
    result = releases.push(
        {"saved_model": saved_model.saved_model_dir, "tflite": tflite.path},
        lineage=told,
        settings=config.settings,
        canary=config.canary,
        keep_versions=config.keep_versions,
    )
    if result.withdrawn is not None:
        progress.log(
            f"not pushed: version {result.withdrawn} holds this very model and was rolled back; `emotion promote "
            f"{destination} --version {result.withdrawn}` serves it again"
        )
    places = destination.places(result.version)
    document = {
        "version": result.version,
        "destination": str(destination),
        "event": result.event.number,
        **places,
    }
    pushed.pushed_path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    summary: dict[str, str | int | bool] = {"version": result.version, "is_new": result.is_new, **places}
    if result.withdrawn is not None:
        summary["withdrawn"] = result.withdrawn
    if result.version == result.event.state.canary:
        summary["label"] = "canary"
    return summary


def _why_unwritable(destination: str) -> str:
    """Empty if a directory can be made there, or is there already; of an object store only its driver is known."""
    if is_remote(destination):
        try:
            remote(destination)
        except UserError as err:
            return str(err).removeprefix(f"{destination}: ")
        return ""
    place = Path(destination).expanduser().resolve()
    there = next(each for each in (place, *place.parents) if each.exists())
    if not there.is_dir():
        return f"{there} is a file; name another directory"
    return "" if os.access(there, os.W_OK) else f"no write permission in {there}; name a directory of yours"


def _tell_lineage(
    lineage: Lineage | None, **blessings: ModelBlessing | InfraBlessing | None
) -> Mapping[str, Any]:
    """What a manifest says of where the model comes from."""
    run = {} if lineage is None else {"pipeline": lineage.pipeline, "run_id": lineage.run_id}
    inputs = {} if lineage is None else dict(lineage.inputs)
    verdicts = {name: _tell(found.verdict()) for name, found in blessings.items() if found is not None}
    return {**run, "inputs": inputs, "verdicts": verdicts}


def _tell(verdict: Verdict) -> dict[str, Any]:
    checks = [
        {"name": check.name, "value": _finite(check.value), "limit": check.limit, "passed": check.passed}
        for check in verdict.checks
    ]
    return {"blessed": verdict.blessed, "checks": checks}


def _finite(value: float | None) -> float | None:
    """JSON has no NaN."""
    return value if value is not None and math.isfinite(value) else None

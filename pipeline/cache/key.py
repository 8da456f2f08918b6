"""The cache key of a stage: what it is made of, and its digest."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

from components.core.component import Component
from components.core.config import Config, ExternalInput
from components.core.filesystem import content_digest, resolve_files
from pipeline.cache.code import code_digest, source_digests
from pipeline.metadata.records import ArtifactRecord

__all__ = ["external_parts", "fingerprint", "fingerprint_parts", "own_parts"]

_PACKAGES = (
    "ai-edge-litert",
    "apache-beam",
    "keras",
    "keras-hub",
    "datasketches",
    "emoji",
    "numpy",
    "phonenumbers",
    "py3langid",
    "pyarrow",
    "python-stdnum",
    "rapidfuzz",
    "spacy",
    "tensorflow",
    "tensorflow-metadata",
    "tensorflow-text",
)
"""Packages whose version can change what a stage writes."""

_SOURCE_FILE, _PLACE = "code ", "place "
"""What parts begin with that say more of others, and are no part of the key."""


def fingerprint_parts(
    component: Component, config: Config, inputs: Mapping[str, ArtifactRecord]
) -> dict[str, str]:
    """What the key is made of, by name.

    ```
    component        name and version
    code             SHA-256 of the source of the stage and of what it imports
    code <file>      digest of each of these files: says what changed in `code`, is no part of the key itself
    packages         {"keras": "3.15.1", …}
    config <key>     the setting, as JSON
    input <name>     SHA-256 of the artifact's content
    file <setting>   SHA-256 of a file or directory outside the pipeline that a setting names
    place <setting>  where that was; is no part of the key itself
    source <name>    version of what is no file
    ```
    """
    return {
        **own_parts(component, config),
        **{f"input {name}": record.digest for name, record in inputs.items()},
    }


def own_parts(component: Component, config: Config) -> dict[str, str]:
    """The parts that do not depend on other stages."""
    return dict(_own_parts(component, config))


def _own_parts(component: Component, config: Config) -> Iterator[tuple[str, str]]:
    module = component.function.__module__
    yield "component", f"{component.spec.name} version {component.spec.version}"
    yield "code", code_digest(module)
    for file, digest in source_digests(module).items():
        yield f"{_SOURCE_FILE}{file}", digest
    yield "packages", json.dumps({name: _package_version(name) for name in _PACKAGES})
    for key, value in config.without_places().items():
        yield f"config {key}", json.dumps(value, sort_keys=True)
    yield from external_parts(config).items()


def external_parts(config: Config) -> dict[str, str]:
    """The parts that lie outside the pipeline: digests of files with their places, versions of tables."""
    parts = {}
    for found in config.external_inputs():
        for name, path in _files(found):
            parts[f"file {name}"] = content_digest(path)
            parts[f"{_PLACE}{name}"] = path
    for source, version in config.external_versions().items():
        parts[f"source {source}"] = version
    return parts


def _files(found: ExternalInput) -> Iterator[tuple[str, str]]:
    """What an input means now: names that do not depend on where it is, and paths."""
    base = f"{found.setting}/{found.name}".rstrip("/")
    files = (found.path,) if Path(found.path).is_dir() else resolve_files(found.path)
    if files == (found.path,):
        yield base, found.path
        return
    fixed = re.split(r"[*?\[]", found.path, maxsplit=1)[0]
    for path in files:
        yield f"{base}/{path.removeprefix(fixed[: fixed.rfind('/') + 1])}", path


def fingerprint(parts: Mapping[str, str]) -> str:
    """SHA-256 (hex) of the parts."""
    key = {name: value for name, value in parts.items() if not name.startswith((_SOURCE_FILE, _PLACE))}
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()


@cache
def _package_version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "absent"

"""When a stage need not run again: the key is made of content, never of dates or paths of artifacts."""

import ast
import hashlib
import importlib.util
import json
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

from components.core.component import Component
from components.core.config import Config
from components.core.filesystem import content_digest, resolve_files
from pipeline.metadata_store import ArtifactRecord

__all__ = ["explain_miss", "external_parts", "fingerprint", "fingerprint_parts"]

_PROJECT = ("components", "serving", "tflite")

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


def fingerprint_parts(
    component: Component, config: Config, inputs: Mapping[str, ArtifactRecord]
) -> dict[str, str]:
    """The parts of the cache key by name: code, configuration, packages, inputs and external files."""
    parts = {
        "component": f"{component.spec.name} version {component.spec.version}",
        "code": _code_digest(component.function.__module__),
        "packages": json.dumps({name: _package_version(name) for name in _PACKAGES}),
    }
    for key, value in config.model_dump(mode="json").items():
        parts[f"config {key}"] = json.dumps(value, sort_keys=True)
    for name, record in inputs.items():
        parts[f"input {name}"] = record.digest
    return parts | external_parts(config)


def external_parts(config: Config) -> dict[str, str]:
    """The parts of the cache key that lie outside the pipeline: digests of files, versions of tables."""
    parts = {}
    for source in config.external_inputs():
        for file in (source,) if Path(source).is_dir() else resolve_files(source):
            parts[f"file {file}"] = content_digest(file)
    for source, version in config.external_versions().items():
        parts[f"source {source}"] = version
    return parts


def fingerprint(parts: Mapping[str, str]) -> str:
    """SHA-256 (hex) of the parts."""
    return hashlib.sha256(json.dumps(dict(parts), sort_keys=True).encode()).hexdigest()


def explain_miss(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Which parts of the key changed since the stage last ran, in words."""
    changed = [name for name in now if name in before and before[name] != now[name]]
    added = [name for name in now if name not in before]
    removed = [name for name in before if name not in now]
    told = [f"{name} changed" for name in changed]
    told += [f"{name} is new" for name in added] + [f"{name} is gone" for name in removed]
    return ", ".join(told[:4]) + (f" and {len(told) - 4} more" if len(told) > 4 else "")


@cache
def _package_version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "absent"


@cache
def _code_digest(module: str) -> str:
    """Digest of the module's source and of every project module that it imports, directly or not."""
    digest = hashlib.sha256()
    for name, source in sorted(_imported_sources(module).items()):
        digest.update(f"{name}\0".encode() + source)
    return digest.hexdigest()


def _imported_sources(module: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = _source_path(name)
        if name in found or path is None:
            continue
        found[name] = path.read_bytes()
        waiting += _project_imports(name, path)
    return found


@cache
def _project_imports(_name: str, path: Path) -> tuple[str, ...]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return tuple(sorted(name for name in names if name.split(".")[0] in _PROJECT))


@cache
def _source_path(module: str) -> Path | None:
    """Where the module's source is; found without importing its parents, which may load TensorFlow."""
    package, *parts = module.split(".")
    spec = importlib.util.find_spec(package)
    for directory in (spec.submodule_search_locations or ()) if spec is not None else ():
        base = Path(directory).joinpath(*parts)
        for path in (base.with_suffix(".py"), base / "__init__.py"):
            if path.is_file():
                return path
    return None

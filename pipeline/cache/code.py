"""The source files behind a stage: its module and every project module that it imports, directly or not."""

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

__all__ = ["PROJECT", "code_digest", "source_digests"]

PROJECT = ("components", "serving", "tflite")
"""Packages whose code can change what a stage writes."""


@cache
def code_digest(module: str) -> str:
    """SHA-256 (hex) of the source of the module and of what it imports."""
    digest = hashlib.sha256()
    for name, (_, source) in sorted(_imported_sources(module).items()):
        digest.update(f"{name}\0".encode() + source)
    return digest.hexdigest()


@cache
def source_digests(module: str) -> dict[str, str]:
    """By source file, from the directory of its package: the first 16 digits of its SHA-256, to tell what changed."""
    return {
        "/".join(path.parts[-_depth(name, path) :]): hashlib.sha256(source).hexdigest()[:16]
        for name, (path, source) in sorted(_imported_sources(module).items())
    }


def _depth(module: str, path: Path) -> int:
    return len(module.split(".")) + (path.name == "__init__.py")


@cache
def _imported_sources(module: str) -> dict[str, tuple[Path, bytes]]:
    found: dict[str, tuple[Path, bytes]] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = _source_path(name)
        if name in found or path is None:
            continue
        found[name] = path, path.read_bytes()
        waiting += _project_imports(name, path)
    return found


@cache
def _project_imports(_name: str, path: Path) -> tuple[str, ...]:
    names: set[str] = set()
    for node in _statements(ast.parse(path.read_bytes()).body):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return tuple(sorted(name for name in names if name.split(".")[0] in PROJECT))


def _statements(body: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """Every statement, at any depth. Expressions hold no imports, and walking them takes most of the time."""
    for node in body:
        yield node
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            inner = getattr(node, name, None)
            if isinstance(inner, list):
                yield from _statements(inner)


@cache
def _source_path(module: str) -> Path | None:
    """Where the module's source is; found without importing its parents, which may load TensorFlow."""
    if module == "__main__":
        program = getattr(sys.modules[module], "__file__", None)
        return Path(program) if program is not None else None
    package, *parts = module.split(".")
    spec = importlib.util.find_spec(package)
    for directory in (spec.submodule_search_locations or ()) if spec is not None else ():
        base = Path(directory).joinpath(*parts)
        for path in (base.with_suffix(".py"), base / "__init__.py"):
            if path.is_file():
                return path
    # A module beside no others, as the file of a stage of one's own may be.
    if spec is not None and not parts and spec.submodule_search_locations is None and spec.origin is not None:
        return Path(spec.origin)
    return None

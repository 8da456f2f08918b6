"""The source files behind a stage: its module and all that it imports, directly or not, and that is not installed."""

import ast
import hashlib
import importlib.util
import sys
import sysconfig
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["PROJECT", "code_digest", "source_digests"]

PROJECT = ("components", "serving", "tflite")
"""Packages whose code can change what a stage writes, installed or not."""

_PROGRAM = "__main__"

_RUNNER = "pipeline"
"""Runs stages, and is part of none."""

_STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib")).resolve()
_INSTALLED = frozenset({"site-packages", "dist-packages"})
"""What changes in such directories changes its version, too: of the environment, of a user, of Debian."""


@dataclass(frozen=True)
class _Source:
    """A source file: where, its SHA-256 (hex), and the modules that it imports, with what may be one."""

    path: Path
    digest: str
    imports: tuple[str, ...]


def code_digest(module: str) -> str:
    """SHA-256 (hex) of the source of the module and of what it imports.

    Of a module without a source file, such as a notebook, it is another one each time: what cannot be told apart is
    never taken from the cache.
    """
    sources = _imported_sources(module)
    if module not in sources:
        return uuid.uuid4().hex
    digest = hashlib.sha256()
    for name, source in sorted(sources.items()):
        digest.update(f"{name}\0{source.digest}\n".encode())
    return digest.hexdigest()


def source_digests(module: str) -> dict[str, str]:
    """By source file, from the directory of its package: the first 16 digits of its SHA-256, to tell what changed."""
    return {
        "/".join(source.path.parts[-_depth(name, source.path) :]): source.digest[:16]
        for name, source in sorted(_imported_sources(module).items())
    }


def _depth(module: str, path: Path) -> int:
    return len(module.split(".")) + (path.name == "__init__.py")


def _imported_sources(module: str) -> dict[str, _Source]:
    own = {*PROJECT, module.split(".")[0]}
    if module == _PROGRAM:
        own.add(_package_of_program().split(".")[0])
    found: dict[str, _Source] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = None if name in found else _source_path(name)
        package = name.split(".")[0]
        if path is None or package == _RUNNER or not (package in own or _can_change(path)):
            continue
        stat = path.stat()
        found[name] = _read(name, path, stat.st_mtime_ns, stat.st_size)
        waiting += found[name].imports
    return found


def _can_change(path: Path) -> bool:
    return _INSTALLED.isdisjoint(path.parts) and not path.is_relative_to(_STANDARD_LIBRARY)


@cache
def _read(module: str, path: Path, _mtime_ns: int, _size: int) -> _Source:
    content = path.read_bytes()
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    if module == _PROGRAM:
        package = _package_of_program()
    names: set[str] = set()
    for node in _statements(ast.parse(content).body):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, package)
            names |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return _Source(path, hashlib.sha256(content).hexdigest(), tuple(sorted(names)))


def _package_of_program() -> str:
    """The package whose module runs as the program (`python -m package.module`); empty for a file or a notebook."""
    return getattr(sys.modules[_PROGRAM], "__package__", None) or ""


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    try:
        return importlib.util.resolve_name("." * node.level + (node.module or ""), package)
    except ImportError:  # A file beside no package, which may try it all the same.
        return ""


def _statements(body: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """Every statement, at any depth. Expressions hold no imports, and walking them takes most of the time."""
    for node in body:
        yield node
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            inner = getattr(node, name, None)
            if isinstance(inner, list):
                yield from _statements(inner)


def _source_path(module: str) -> Path | None:
    """Where the module's source is; found without importing its parents, which may load TensorFlow."""
    if module == _PROGRAM:
        program = getattr(sys.modules[module], "__file__", None)
        return Path(program).resolve() if program is not None and Path(program).is_file() else None
    package, *parts = module.split(".")
    directories, origin = _package(package)
    for directory in directories:
        base = directory.joinpath(*parts)
        for path in (base.with_suffix(".py"), base / "__init__.py"):
            if path.is_file():
                return path
    # A module beside no others, as the file of a stage of one's own may be.
    return origin if not parts and not directories else None


@cache
def _package(name: str) -> tuple[tuple[Path, ...], Path | None]:
    """Where modules of a package are, and the file of a module that is none."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return (), None
    if spec is None:
        return (), None
    directories = tuple(Path(directory).resolve() for directory in spec.submodule_search_locations or ())
    origin = Path(spec.origin).resolve() if spec.has_location and spec.origin else None
    return directories, origin if origin and origin.suffix == ".py" else None

"""What the documentation says can be typed: commands, settings and imports are checked against the code."""

import ast
import importlib.util
import re
from pathlib import Path

import pytest
import typer
import yaml

from pipeline.cli import app
from pipeline.config import PipelineConfig, parse_config
from tests.docs.pages import ROOT, Block, blocks, commands, pages

PAGES = pages()
_IDS = [str(page.relative_to(ROOT)) for page in PAGES]

_LEAST = {"name": "documented", "example_gen": {"source": "data.csv"}}
"""What a fragment of a configuration lacks to be whole."""


@pytest.mark.parametrize("page", PAGES, ids=_IDS)
def test_every_command_is_one(page: Path):
    wrong = []
    for block in blocks(page):
        for words in commands(block):
            try:
                check(words)
            except Exception as err:
                wrong.append(f"{' '.join(words)}: {err!r}")
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=_IDS)
def test_every_setting_is_one(page: Path, monkeypatch: pytest.MonkeyPatch):
    for block in blocks(page):
        if block.language != "yaml":
            continue
        for name in re.findall(r"\$\{(\w+)\}", block.text):
            monkeypatch.setenv(name, "value")
        for document in yaml.safe_load_all(block.text):
            if isinstance(document, dict) and document.keys() <= PipelineConfig.model_fields.keys():
                parse_config(completed(document), source=block.page)


@pytest.mark.parametrize("page", PAGES, ids=_IDS)
def test_every_import_is_there(page: Path):
    for block in blocks(page):
        if block.language == "python":
            for module, name in imported(ast.parse(block.text)):
                assert defines(module, name), f"{block.page}: from {module} import {name}"


def test_the_checks_find_what_is_wrong():
    with pytest.raises(Exception, match="no-such"):
        check(["emotion", "run", "emotion.yaml", "--no-such"])
    with pytest.raises(KeyError):
        check(["emotion", "frobnicate"])
    with pytest.raises(AssertionError):
        check(["python", "-m", "tests.benchmarks.no_such_benchmark"])
    with pytest.raises(AssertionError):
        check(["make", "coffee"])
    assert not defines("pipeline.config", "NoSuchName")
    assert list(commands(Block("page", "", "emotion run a.yaml --to \\\n  trainer | tee log  # all\n"))) == [
        ["emotion", "run", "a.yaml", "--to", "trainer"]
    ]


def check(words: list[str]) -> None:
    """Raises if the words begin as a command of the project and are none."""
    program, *arguments = words
    match program.removeprefix(".venv/bin/"), arguments:
        case "emotion", [name, *options]:
            command = typer.main.get_command(app).commands[name]
            while hasattr(command, "commands"):
                command = command.commands[options.pop(0)]
            command.make_context(name, [option for option in options if option != "..."])
        case (("python" | "python3"), ["-m", module, *options]):
            check_module(module, options)
        case "make", [target, *_] if "=" not in target:
            makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
            assert re.search(rf"^{re.escape(target)}:", makefile, re.M), f"no target {target}"
        case _:
            pass


def check_module(module: str, options: list[str]) -> None:
    if module.split(".")[0] not in ("tests", "serving", "tflite", "pipeline", "components"):
        return
    spec = importlib.util.find_spec(module)
    assert spec is not None, f"no module {module}"
    assert spec.origin is not None
    source = Path(spec.origin).read_text(encoding="utf-8")
    if module == "serving":
        source = (ROOT / "serving" / "flags.py").read_text(encoding="utf-8")
    for option in options:
        name = option.removeprefix("--").partition("=")[0]
        if option.startswith("--"):
            assert re.search(rf"\b{re.escape(name)}\b", source) or name.replace("-", "_") in source, option


def completed(document: dict[str, object]) -> dict[str, object]:
    """A fragment with what every configuration must have."""
    whole = {**_LEAST, **document}
    example_gen = whole["example_gen"]
    assert isinstance(example_gen, dict)
    if not example_gen.keys() & {"source", "splits", "preset"}:
        whole["example_gen"] = {**_LEAST["example_gen"], **example_gen}
    return whole


def imported(tree: ast.Module) -> list[tuple[str, str]]:
    """The names that are imported from packages of the project, as (module, name)."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            found += [(node.module, alias.name) for alias in node.names]
    ours = ("pipeline", "components", "serving", "tflite")
    return [(module, name) for module, name in found if module.split(".")[0] in ours]


def defines(module: str, name: str) -> bool:
    """Whether the module's source binds the name, or it is a submodule; nothing is imported but packages."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return False
    source = Path(spec.origin).read_text(encoding="utf-8")
    if re.search(rf"\b{re.escape(name)}\b", source):
        return True
    is_package = spec.submodule_search_locations is not None
    return is_package and importlib.util.find_spec(f"{module}.{name}") is not None

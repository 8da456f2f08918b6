"""`emotion init`: a configuration for data that it has looked at."""

import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from rich.console import Console

from components.core.atomic_files import write_atomic
from components.core.errors import UserError
from pipeline.commands.data_look import SAMPLE_ROWS, Findings, look_at
from pipeline.printable import escape

__all__ = ["init_command"]

_TOKENS_PER_WORD = 1.3
_EPOCHS = 4
_SMALL_DATA_EPOCHS = 8


def init_command(data: Path, *, output: Path, text: str | None, labels: str | None, force: bool) -> None:
    """Looks at the data and writes `output`.

    Raises:
        UserError: the configuration exists, or no text or label column can be told.
    """
    if output.exists() and not force:
        raise UserError(
            f"{output}: exists already; add --force to overwrite it or name another with --output"
        )
    findings = look_at(str(data), text=text, labels=labels)
    write_atomic(output, _render(data, output, findings))
    for line in _told(findings, output):
        Console().print(line, highlight=False, soft_wrap=True)


def _told(findings: Findings, output: Path) -> Iterator[str]:
    yield f"looked at {findings.rows:,} rows of {escape(findings.source.uri)}:"
    where = f"in [bold]{escape(findings.labels)}[/]" if findings.labels else "in columns of 0 and 1"
    yield f"  text in [bold]{escape(findings.text)}[/], labels {where}"
    common = ", ".join(f"{label} {count:,}" for label, count in Counter(findings.counts).most_common(8))
    yield f"  {len(findings.counts)} labels: {escape(common)}{' …' if len(findings.counts) > 8 else ''}"
    told = escape(str(output))
    yield f"wrote [bold]{told}[/]; look it over, then: [green]emotion run {told}[/]"


def _render(data: Path, output: Path, findings: Findings) -> str:
    environment = Environment(
        loader=PackageLoader("pipeline", "commands"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters["yaml"] = lambda value: json.dumps(value, ensure_ascii=False)
    environment.filters["basename"] = os.path.basename
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", data.name.split(".")[0]).strip("-.") or "emotion"
    return environment.get_template("init.yaml.j2").render(
        name=name,
        output=output.name,
        path=Path(os.path.relpath(data.resolve(), output.resolve().parent)).as_posix(),
        source=findings.source,
        found=findings,
        max_tokens=_max_tokens(findings.longest_words),
        epochs=_SMALL_DATA_EPOCHS if findings.rows < SAMPLE_ROWS else _EPOCHS,
    )


def _max_tokens(longest_words: int) -> int:
    """The power of two that holds the longest text, within what BERT takes."""
    wanted = int(longest_words * _TOKENS_PER_WORD) + 2
    return min(512, max(32, 1 << (wanted - 1).bit_length()))

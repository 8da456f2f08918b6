"""The code blocks of README and documentation."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

_BLOCK = re.compile(r"^(?P<indent> *)```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^(?P=indent)```$", re.M | re.S)


@dataclass(frozen=True)
class Block:
    """A fenced block: its page, the language behind the fence, and its text."""

    page: str
    language: str
    text: str


def pages() -> list[Path]:
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(path: Path) -> list[Block]:
    text = path.read_text(encoding="utf-8")
    name = str(path.relative_to(ROOT))
    return [Block(name, found["language"], found["text"]) for found in _BLOCK.finditer(text)]


def commands(block: Block) -> Iterator[list[str]]:
    """The commands of a block of a shell, each as its words; output, comments and continued lines are seen to."""
    if block.language not in ("", "bash", "sh", "console", "shell"):
        return
    for line in block.text.replace("\\\n", " ").splitlines():
        # What a program printed is indented or holds signs that end no command; only known beginnings are commands.
        if not line or line[0].isspace():
            continue
        words = split(line)
        if words and not words[0].startswith("#"):
            yield words


def split(line: str) -> list[str]:
    """A command line as words, up to a pipe, a redirection or the next command; nothing if it is none."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    words: list[str] = []
    try:
        for word in lexer:
            if set(word) <= set("|&;<>"):
                break
            words.append(word)
    except ValueError:
        return []
    return words

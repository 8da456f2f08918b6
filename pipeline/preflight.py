"""What would stop a run, told before its first stage begins."""

from collections.abc import Iterable

from components.core.errors import UserError
from pipeline.graph import Node

__all__ = ["find_problems", "require_no_problems"]


def find_problems(nodes: Iterable[Node]) -> list[str]:
    """What keeps stages from running, as far as their settings and what these name tell: a line each.

    What two stages name is told once, of the later one: the Tuner's section repeats the Trainer's.
    """
    told: dict[str, str] = {}
    for node in nodes:
        for problem in node.config.problems():
            told[problem.message] = ".".join(filter(None, (node.name, problem.setting)))
    return [f"{setting}: {message}" for message, setting in told.items()]


def require_no_problems(nodes: Iterable[Node]) -> None:
    """Raises a `UserError` that tells all of them."""
    problems = find_problems(nodes)
    if len(problems) == 1:
        raise UserError(problems[0])
    if problems:
        raise UserError("\n  ".join([f"{len(problems)} things are in the way:", *problems]))

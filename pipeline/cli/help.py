"""How `--help` names what a command takes."""

from collections.abc import Iterable
from typing import Any

from typer.core import TyperArgument, TyperCommand, TyperGroup

__all__ = ["Command", "Group"]


class Command(TyperCommand):
    """A command whose arguments are written in capitals, and whose flags, which take no value, without a type."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _named(super().get_params(ctx))


class Group(TyperGroup):
    """Likewise."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _named(super().get_params(ctx))


def _named(parameters: Iterable[Any]) -> list[Any]:
    found = list(parameters)
    for parameter in found:
        if isinstance(parameter, TyperArgument):
            name = str(parameter.name).upper()
            if parameter.nargs != 1:
                name = f"{name}..." if parameter.required else f"[{name}]..."
            parameter.metavar = parameter.metavar or name
        elif parameter.is_flag:
            parameter.metavar = ""
    return found

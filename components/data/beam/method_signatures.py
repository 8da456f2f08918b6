"""What Beam looks up of functions, looked up once.

Beam 2.77 inspects every method of every DoFn eight times for each pipeline that it builds and runs: a quarter of the
time of a pipeline over some hundred rows. A function's parameters do not change.
"""

from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

__all__ = ["remember_signatures"]

_Found: TypeAlias = tuple[list[str], list[Any]]

_NAME = "get_function_args_defaults"


def remember_signatures() -> None:
    """Has Beam remember the parameters of functions in this process; one that finds them otherwise stays as it is."""
    from apache_beam.transforms import core

    look_up = getattr(core, _NAME, None)
    if look_up is not None and not isinstance(look_up, _Remembering):
        setattr(core, _NAME, _Remembering(look_up))


class _Remembering:
    """Calls a function of a function or method: once for each, while the function lives."""

    def __init__(self, look_up: Callable[[Any], _Found]) -> None:
        self._look_up = look_up
        self._of_functions: WeakKeyDictionary[FunctionType, _Found] = WeakKeyDictionary()
        self._of_methods: WeakKeyDictionary[FunctionType, _Found] = WeakKeyDictionary()

    def __call__(self, function: Any) -> _Found:
        """Names of the parameters, and the values of defaults; a method's without what it is bound to."""
        known, key = self._of_functions, function
        if isinstance(function, MethodType):
            known, key = self._of_methods, function.__func__
        if not isinstance(key, FunctionType):
            return self._look_up(function)
        found = known.get(key)
        if found is None:
            found = known[key] = self._look_up(function)
        names, defaults = found
        return list(names), list(defaults)

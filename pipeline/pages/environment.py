"""How a page is made of its template."""

import re
from collections.abc import Callable
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, PrefixLoader, StrictUndefined, select_autoescape

from pipeline.pages import formats

__all__ = ["page_environment"]

_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def page_environment(folder: str, **filters: Callable[..., Any]) -> Environment:
    """Returns the environment of a page's templates, which extend `frame.html.j2`.

    Args:
        folder: of this package, where the templates are.
        filters: by name, besides or in place of those that every page has.
    """
    environment = Environment(
        loader=ChoiceLoader(
            [
                PackageLoader("pipeline", folder),
                PackageLoader("pipeline", "pages"),
                PrefixLoader({"serving": PackageLoader("serving", "page")}),
            ]
        ),
        autoescape=select_autoescape(("html.j2",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printable,
    )
    environment.filters.update(
        score=formats.format_score,
        count=formats.format_count,
        seconds=formats.format_seconds,
        value=formats.format_value,
        when=formats.format_moment,
        **filters,
    )
    environment.globals["figure"] = formats.format_figure
    return environment


def _printable(value: Any) -> Any:
    """Text without what no HTML file may hold: control characters and lone surrogates become U+FFFD."""
    if not isinstance(value, str) or not _UNPRINTABLE.search(value):
        return value
    return type(value)(_UNPRINTABLE.sub("\ufffd", value))

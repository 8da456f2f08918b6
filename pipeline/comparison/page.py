"""Writes a comparison as one HTML file that needs no network and no script."""

from collections.abc import Mapping
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, select_autoescape

from pipeline.comparison.words import change_of, figure_of, metric_words, p_value, value_of
from pipeline.report import formats

__all__ = ["render_comparison"]


def render_comparison(document: Mapping[str, Any]) -> str:
    """Returns the HTML of what `compare_runs` found."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("pipeline", "comparison"), PackageLoader("pipeline", "report")]),
        autoescape=select_autoescape(("html.j2",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        figure=figure_of,
        change=change_of,
        words=metric_words,
        p=p_value,
        value=value_of,
        count=formats.format_count,
    )
    return environment.get_template("comparison.html.j2").render(**document)

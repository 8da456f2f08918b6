"""Writes a comparison as one HTML file that needs no network and no script."""

from collections.abc import Mapping
from typing import Any

from pipeline.comparison.words import change_of, figure_of, metric_words, p_value
from pipeline.pages.environment import page_environment

__all__ = ["render_comparison"]


def render_comparison(document: Mapping[str, Any]) -> str:
    """Returns the HTML of what `compare_runs` found."""
    environment = page_environment(
        "comparison",
        figure=figure_of,
        change=change_of,
        words=metric_words,
        p=p_value,
    )
    return environment.get_template("comparison.html.j2").render(**document)

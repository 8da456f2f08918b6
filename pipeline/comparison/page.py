"""Writes a comparison as one HTML file that needs no network and no script."""

from collections.abc import Mapping
from typing import Any

from pipeline.comparison.words import (
    by_change,
    change_of,
    figure_of,
    is_certain,
    metric_words,
    p_value,
    run_names,
)
from pipeline.pages.environment import page_environment
from pipeline.pages.formats import format_share

__all__ = ["render_comparison"]


def render_comparison(document: Mapping[str, Any]) -> str:
    """Returns the HTML of what `compare_runs` found."""
    environment = page_environment(
        "comparison",
        figure=figure_of,
        change=change_of,
        by_change=by_change,
        words=metric_words,
        p=p_value,
        share=format_share,
    )
    environment.tests["certain"] = is_certain
    return environment.get_template("comparison.html.j2").render(
        **document, names=run_names(document["runs"])
    )

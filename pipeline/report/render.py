"""Writes the report, the statistics page (each one HTML file that needs no network) and the model card."""

import re
from functools import cache

from jinja2 import Environment
from markupsafe import Markup, escape

from pipeline.model_card_config import ModelCardConfig
from pipeline.pages import formats
from pipeline.pages.environment import page_environment
from pipeline.report import headline, sections
from pipeline.report.behaviour import fairness, robustness
from pipeline.report.card import card_values
from pipeline.report.collect import ReportData
from pipeline.report.data import data_sections
from pipeline.report.exports import export_rows
from pipeline.report.lineage import lineage
from pipeline.report.quality import head_sections
from pipeline.report.training import training
from pipeline.report.tuning import tuning

__all__ = ["render_model_card", "render_report", "render_statistics"]


def render_report(record: ReportData) -> str:
    """Returns the HTML of a run's report."""
    metrics = record.metrics or {}
    for_tests_only = bool(metrics.get("for_tests_only") or (record.model or {}).get("for_tests_only"))
    about_data = data_sections(record)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            data=record,
            for_tests_only=for_tests_only,
            verdict=headline.verdict(record),
            checks=headline.checks(record),
            key_numbers=headline.key_numbers(record),
            heads=head_sections(record),
            training=training(record),
            tuning=tuning(record),
            data_sections=about_data,
            whole=False,
            robustness=robustness(metrics),
            fairness=fairness(metrics),
            lineage=lineage(record),
            exports=export_rows(record),
            left_out=sections.left_out(record),
        )
    )


def render_statistics(record: ReportData) -> str:
    """Returns the HTML of the page that tells all about the data of a run, feature by feature and split by split."""
    about_data = data_sections(record, with_features=True)
    template = _environment().get_template("statistics.html.j2")
    return template.render(data=record, data_sections=about_data, whole=True)


def render_model_card(record: ReportData, owner: ModelCardConfig) -> str | None:
    """Returns the Markdown of the model's card; None if the run measured no model."""
    values = card_values(record, owner)
    return None if values is None else _environment().get_template("MODEL_CARD.md.j2").render(values)


@cache
def _environment() -> Environment:
    return page_environment(
        "report",
        number=formats.format_number,
        percent=formats.format_percent,
        points=formats.format_points,
        share=formats.format_share,
        signed=formats.format_signed,
        bytes=formats.format_bytes,
        breakable=_breakable,
        cell=_cell,
        code=_code,
    )


def _cell(text: object) -> str:
    """Text that cannot end a cell of a Markdown table."""
    return " ".join(str(text).replace("|", "\\|").split())


def _breakable(name: str) -> Markup:
    """A name that may break into lines after each dot, slash and underscore."""
    return Markup(re.sub(r"([./_])", r"\1<wbr>", str(escape(name))))


def _code(sentence: str) -> Markup:
    """A sentence whose words in backticks are code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(sentence))))

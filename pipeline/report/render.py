"""Writes the report: templates, styles and charts in one HTML file that needs no network and no script."""

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from pipeline.report import formats, headline, sections
from pipeline.report.collect import ReportData
from pipeline.report.exports import export_rows

__all__ = ["render_report"]


def render_report(record: ReportData) -> str:
    """Returns the HTML of a run's report."""
    environment = Environment(
        loader=PackageLoader("pipeline", "report"),
        autoescape=select_autoescape(("html.j2",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        score=formats.format_score,
        count=formats.format_count,
        percent=formats.format_percent,
        bytes=formats.format_bytes,
        seconds=formats.format_seconds,
        value=formats.format_value,
        breakable=_breakable,
    )
    metrics = record.metrics or {}
    for_tests_only = bool(metrics.get("for_tests_only") or (record.model or {}).get("for_tests_only"))
    return environment.get_template("report.html.j2").render(
        data=record,
        for_tests_only=for_tests_only,
        verdict=headline.verdict(record),
        checks=headline.checks(record),
        key_numbers=headline.key_numbers(record),
        labels=sections.labels(record),
        training=sections.training(record),
        balance=sections.balance(record),
        lengths=sections.lengths(record),
        repeated=sections.repeated_rows(record),
        overlapping=sections.overlapping_texts(record),
        stages=sections.stages(record),
        exports=export_rows(record),
        left_out=sections.left_out(record),
    )


def _breakable(name: str) -> Markup:
    """A dotted or underscored name that may break into lines after each of its parts."""
    return Markup(str(escape(name)).replace(".", ".<wbr>").replace("_", "_<wbr>"))

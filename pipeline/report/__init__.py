"""The run's report: one self-contained HTML file that a person reads and keeps."""

from pipeline.report.collect import ReportData, collect_report
from pipeline.report.render import render_report

__all__ = ["ReportData", "collect_report", "render_report"]

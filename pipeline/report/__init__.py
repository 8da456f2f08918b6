"""What a person reads and keeps of a run: self-contained HTML files, and the model's card."""

from pipeline.report.collect import ReportData, collect_report
from pipeline.report.render import render_model_card, render_report, render_statistics

__all__ = ["ReportData", "collect_report", "render_model_card", "render_report", "render_statistics"]

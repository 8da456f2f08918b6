"""What differs between two runs."""

from pipeline.comparison.compare import compare_runs
from pipeline.comparison.page import render_comparison
from pipeline.comparison.recorded_run import RecordedRun, find_run

__all__ = ["RecordedRun", "compare_runs", "find_run", "render_comparison"]

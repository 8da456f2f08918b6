"""What the report has nothing to show of, and why."""

from pipeline.report.collect import ReportData
from pipeline.report.data.balance import balance
from pipeline.report.exports import export_rows
from pipeline.report.training import training

__all__ = ["left_out"]


def left_out(data: ReportData) -> list[dict[str, str]]:
    """The sections (`name`) that the run has nothing for, each with one sentence why (`reason`)."""
    present = {
        "Checks": ("evaluator", data.model_verdict is not None),
        "Quality by label, slices, errors": ("evaluator", data.metrics is not None),
        "Training": ("trainer", training(data) is not None),
        "Data": ("example_gen", data.examples is not None),
        "Anomalies": ("example_validator", data.anomalies is not None),
        "Label balance": ("statistics_gen", balance(data) is not None or _has_numbers_only(data)),
        "Exports": ("saved_model_exporter", bool(export_rows(data))),
        "Proof of the exports": ("infra_validator", data.parity is not None),
    }
    return [
        {"name": name, "reason": _absence(data, stage)}
        for name, (stage, there) in present.items()
        if not there
    ]


def _has_numbers_only(data: ReportData) -> bool:
    """Whether the data have no labels that could be out of balance, but numbers."""
    examples = data.examples or {}
    return bool(examples.get("targets")) and not examples["labels"]


def _absence(data: ReportData, stage: str) -> str:
    result = data.stages.get(stage)
    if result is None:
        return f"{stage} was no part of this run."
    if result["state"] == "REFUSED":
        return f"{stage} was not run, for the reason at the top."
    return f"{stage} left nothing to show."

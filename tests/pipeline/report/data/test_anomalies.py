import pytest

from components.data.validation.anomalies import DEFAULT_SEVERITIES
from pipeline.report import ReportData
from pipeline.report.data.anomalies import anomalies
from pipeline.report.data.remedies import anomaly_title, remedy


def found(kind, severity, split="train"):
    return {"split": split, "feature": "text", "type": kind, "severity": severity, "message": "so it is"}


def report_on(*anomalies):
    return ReportData("p", 1, "REFUSED", "2026-11-25T12:00:00+00:00", anomalies=anomalies)


def test_errors_come_first_and_kinds_stand_together():
    groups = anomalies(
        report_on(
            found("RARE_LABEL", "WARNING"),
            found("SPLIT_EMPTY", "ERROR"),
            found("TEXT_IN_TWO_SPLITS", "WARNING"),
            found("RARE_LABEL", "WARNING", "test"),
        )
    )["groups"]
    assert [(group["name"], group["count"]) for group in groups] == [("Errors", 1), ("Warnings", 3)]
    kinds = {kind["title"]: [each["split"] for each in kind["found"]] for kind in groups[1]["kinds"]}
    assert kinds == {"Rare label": ["train", "test"], "Leaked texts": ["train"]}


@pytest.mark.parametrize("kind", DEFAULT_SEVERITIES)
def test_every_type_says_what_to_do(kind):
    assert remedy(kind)
    assert "_" not in anomaly_title(kind)


def test_an_unknown_type_is_told_by_its_name():
    assert anomaly_title("SOMETHING_TOO_LOW") == "Something too low"
    assert remedy("SOMETHING_TOO_LOW") is None


def test_types_of_one_family_share_their_remedy():
    assert anomaly_title("INT_TYPE_BIG_INT") == "Number outside its domain"
    assert remedy("INT_TYPE_SMALL_INT") == remedy("INT_TYPE_BIG_INT")


def test_data_that_were_not_checked_are_not_called_sound():
    assert anomalies(ReportData("p", 1, "COMPLETE", "2026-11-25T12:00:00+00:00")) is None
    assert anomalies(report_on()) == {"groups": []}

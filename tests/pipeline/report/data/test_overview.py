from pipeline.report import ReportData
from pipeline.report.data.overview import overview


def test_sources_are_named_in_the_summaries_of_earlier_versions_too():
    sources = [{"name": "data/train.tsv", "rows": 2}, {"uri": "/old/data/test.tsv", "rows": 1}]
    examples = {"splits": {"train": {"rows": 3}}, "sources": sources}
    found = overview(ReportData("p", 1, "COMPLETE", "2026-11-25T12:00:00+00:00", examples=examples))
    assert found is not None
    assert [(each["folder"], each["name"]) for each in found["sources"]] == [
        ("data", "train.tsv"),
        ("/old/data", "test.tsv"),
    ]

from pipeline.report import ReportData
from pipeline.report.data.writing import writing


def report_on(**splits):
    return ReportData("p", 1, "COMPLETE", "2026-11-25T12:00:00+00:00", statistics={"splits": splits})


def test_languages_have_names_and_shares_of_the_sample():
    languages = {"sample": 200, "counts": {"en": 150, "und": 40, "xx": 10}}
    found = writing(report_on(train={"languages": languages}, test={"languages": None}))
    rows = {row["name"]: row["shares"]["train"] for row in found["languages"]["rows"]}
    assert rows == {"English": 0.75, "not told": 0.2, "xx": 0.05}
    assert found["samples"] == {"train": 200}
    assert found["scripts"] is None


def test_what_is_seldom_is_gathered_and_nothing_is_lost():
    scripts = {f"Script {at}": 100 - at for at in range(30)}
    table = writing(report_on(train={"scripts": scripts}, test={"scripts": {"Script 29": 7}}))["scripts"]
    assert len(table["rows"]) == 9
    assert table["rows"][-1]["name"] == "22 more"
    for split, total in (("train", sum(scripts.values())), ("test", 7)):
        assert sum(row["counts"][split] for row in table["rows"]) == total

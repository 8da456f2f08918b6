from pipeline.report import ReportData, render_statistics
from pipeline.report.data.duplicates import duplicates
from tests.pipeline.report.page import Page


def report_on(**found):
    examples = {"labels": ["joy", "fear"], "splits": {"train": {"rows": 9}}, "duplicates": found}
    return ReportData("p", 1, "COMPLETE", "2026-11-25T12:00:00+00:00", examples=examples)


def across(*splits, texts=("one", "two"), similarity=0.8):
    examples = [{"texts": list(texts), "similarity": similarity}]
    return {"splits": list(splits), "groups": 2, "exact_groups": 1, "rows": [3, 5], "examples": examples}


def test_train_stands_before_what_leaks_into_it():
    (pair,) = duplicates(report_on(across_splits=[across("test", "train")]))["across"]
    assert pair["splits"] == ["train", "test"]
    assert pair["rows"] == [("train", 5), ("test", 3)]
    assert [pieces[0]["words"] for pieces in pair["examples"][0]["texts"]] == ["two", "one"]


def test_how_much_two_texts_are_alike_is_said_in_words():
    pairs = [
        across("train", "test", texts=("Same.", "Same."), similarity=1.0),
        across("train", "test", texts=("Same.", "Same!"), similarity=1.0),
        across("train", "test", similarity=0.737),
        across("train", "test", similarity=None),
    ]
    found = duplicates(report_on(across_splits=pairs))["across"]
    assert [pair["examples"][0]["alike"] for pair in found] == ["equal", "same words", "74 % alike", "alike"]


def test_labels_in_dispute_are_told_from_those_that_all_agree_on():
    examples = [{"text": "well", "labels": [["joy"], ["joy", "fear"]]}]
    found = duplicates(report_on(conflicts={"groups": 1, "rows": 2, "examples": examples}))["conflicts"]
    shared = [
        {label["name"]: label["shared"] for label in labels} for labels in found["examples"][0]["labels"]
    ]
    assert shared == [{"joy": True}, {"joy": True, "fear": False}]


def test_what_was_not_looked_for_is_not_called_absent():
    none = {"groups": 0, "rows": 0, "surplus_rows": 0}
    page = Page(render_statistics(report_on(exact=none, near=none, near_looked_for=False, similarity=0.7)))
    assert "nearly equal were not looked for" in page.text
    assert [row[0] for row in page.table("Kind")] == ["Equalbut for case and white space"]
    assert duplicates(report_on()) is None


def test_sound_data_are_called_sound():
    page = Page(render_statistics(report_on(policy="drop", across_splits=[], conflicts={"groups": 0})))
    assert "No text stands in two splits" in page.text
    assert "Nothing was dropped or moved (policy drop )" in page.text
    assert "different labels" not in page.text

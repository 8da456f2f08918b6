import pytest

from pipeline.report import ReportData
from pipeline.report.data.cooccurrence import cooccurrence


def report_on(labels, matrix, rows=100):
    statistics = {"labels": labels, "splits": {"train": {"rows": rows, "cooccurrence": matrix}}}
    return ReportData("p", 1, "COMPLETE", "2026-11-25T12:00:00+00:00", statistics=statistics)


def test_shares_are_of_the_texts_of_the_row():
    found = cooccurrence(report_on(["joy", "love", "fear"], [[40, 10, 0], [10, 20, 1], [0, 1, 50]]))["maps"][
        0
    ]
    assert found["labels"] == ["fear", "joy", "love"]
    shares = {row["label"]: [cell["share"] for cell in row["cells"]] for row in found["rows"]}
    assert shares == {"fear": [1, 0, 0.02], "joy": [0, 1, 0.25], "love": [0.05, 0.5, 1]}
    levels = {row["label"]: [cell["level"] for cell in row["cells"]] for row in found["rows"]}
    assert levels["joy"][2] == 5
    assert levels["love"][0] == 2


def test_pairs_tell_how_much_more_often_than_by_chance():
    found = cooccurrence(report_on(["a", "b", "c"], [[50, 25, 20], [25, 50, 2], [20, 2, 20]]))["maps"][0]
    assert [(pair["labels"], pair["count"]) for pair in found["frequent"]] == [
        (["a", "b"], 25),
        (["a", "c"], 20),
        (["b", "c"], 2),
    ]
    assert [(pair["labels"], pair["lift"]) for pair in found["strong"]] == [
        (["a", "c"], pytest.approx(2)),
        (["a", "b"], pytest.approx(1)),
    ]


def test_labels_without_texts_take_no_row():
    found = cooccurrence(report_on(["a", "b", "none"], [[5, 1, 0], [1, 3, 0], [0, 0, 0]]))["maps"][0]
    assert found["labels"] == ["a", "b"]
    assert found["left_out"] == 1


def test_hundreds_of_labels_are_cut_to_the_most_frequent():
    labels = [f"label {at}" for at in range(300)]
    matrix = [[(at + 1) if at == other else 1 for other in range(300)] for at in range(300)]
    found = cooccurrence(report_on(labels, matrix, rows=1000))["maps"][0]
    assert found["labels"][0] == "label 299"
    assert len(found["rows"]) == len(found["rows"][0]["cells"]) == 40
    assert found["left_out"] == 260


def test_one_label_a_text_makes_no_map():
    assert cooccurrence(report_on(["a", "b"], [[5, 0], [0, 3]])) is None

"""The drawing of a run's stages and artifacts."""

from pipeline.report.collect import ReportData
from pipeline.report.lineage import lineage


def run(**reads: dict[str, str]) -> ReportData:
    """A run whose stages read what is told, in this order."""
    stages = {
        name: {
            "state": "COMPLETE",
            "seconds": 1.0 + at,
            "outputs": {"out": f"/runs/{name}"},
            "digests": {"out": f"{at}" * 64},
            "reads": inputs,
        }
        for at, (name, inputs) in enumerate(reads.items())
    }
    return ReportData(pipeline="toy", run_id=1, state="COMPLETE", created_at="", stages=stages)


def test_a_line_goes_from_the_writer_past_others_to_its_last_reader() -> None:
    found = lineage(run(first={}, second={"in": "first.out"}, third={"in": "first.out"}))
    rails = [[rail["path"] for rail in row["rails"]] for row in found["rows"]]
    assert [len(paths) for paths in rails] == [1, 2, 1]
    (leaves,), (reads, passes), (ends,) = rails
    node, lane = found["width"] - 9, 9
    assert leaves == f"M{node} 50C{lane} 50 {lane} 60 {lane} 100"
    assert reads == ends == f"M{lane} 0C{lane} 40 {lane} 50 {node} 50"
    assert passes == f"M{lane} 0V100"


def test_lines_that_run_side_by_side_have_columns_of_their_own() -> None:
    found = lineage(
        run(
            a={},
            b={"x": "a.out"},
            c={"x": "a.out", "y": "b.out"},
            d={"y": "c.out"},
        )
    )
    starts = {rail["path"].split()[0] for rail in found["rows"][2]["rails"] if rail["path"].endswith(" 50")}
    assert len(starts) == 2, "two artifacts arrive at c by two lines"
    assert found["width"] == 9 + 2 * 13 + 9, "a column is used again when its line has ended"


def test_a_verdict_that_only_lets_begin_is_dashed() -> None:
    found = lineage(run(judge={}, gated={"judge.out": "judge.out"}, reader={"verdict": "judge.out"}))
    assert [rail["gate"] for row in found["rows"] for rail in row["rails"]] == [False] * 4
    found = lineage(run(judge={}, gated={"judge.out": "judge.out"}))
    assert [rail["gate"] for row in found["rows"] for rail in row["rails"]] == [True, True]


def test_what_an_earlier_run_left_has_no_line_but_a_name() -> None:
    found = lineage(
        run(trainer={}, evaluator={"model": "trainer.out", "baseline": "latest blessed trainer.out"})
    )
    assert found["rows"][1]["reads"] == ["trainer.out", "latest blessed trainer.out"]
    assert len(found["rows"][1]["rails"]) == 1

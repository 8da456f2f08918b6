import fsspec
import pytest
from pydantic import ValidationError

from components.core.errors import DataError
from components.data.sources.spans import SpanPath, SpanRule, find_spans
from components.example_gen import ExampleGenConfig
from tests.components.data_stages import generate, read_all, write

ALL = SpanRule(last=None)


@pytest.fixture(params=["local", "memory"])
def root(request, tmp_path):
    return str(tmp_path) if request.param == "local" else f"memory://spans{tmp_path}"


def fill(root, *names, content="x"):
    for name in names:
        with fsspec.open(f"{root}/{name}", "wb", auto_mkdir=True) as stream:
            stream.write(content.encode())


def test_the_newest_span_in_its_newest_version(root):
    fill(
        root, "span-1/v1/a.csv", "span-9/v10/a.csv", "span-9/v9/a.csv", "span-10/v1/a.csv", "span-10/v2/a.csv"
    )
    pattern = root + "/span-{SPAN}/v{VERSION}/a.csv"
    assert find_spans(pattern, SpanRule()) == (SpanPath(f"{root}/span-10/v2/a.csv", "10", "2"),)
    assert [(path.span, path.version) for path in find_spans(pattern, ALL)] == [
        ("1", "1"),
        ("9", "10"),
        ("10", "2"),
    ]
    assert [path.span for path in find_spans(pattern, SpanRule(last=2))] == ["9", "10"]


def test_ranges_hold_both_ends(root):
    fill(root, *(f"span-{n:02d}/a.csv" for n in range(1, 12)))
    pattern = root + "/span-{SPAN}/a.csv"
    assert [path.span for path in find_spans(pattern, SpanRule(None, "3", "5"))] == ["03", "04", "05"]
    assert [path.span for path in find_spans(pattern, SpanRule(None, "10"))] == ["10", "11"]
    assert [path.span for path in find_spans(pattern, SpanRule(2, None, "7"))] == ["06", "07"]


def test_dates_are_spans(root):
    fill(root, "2026-01-31.csv", "2026-02-01.csv", "2025-12-24.csv", "2026-13-01.csv", "notes.csv")
    pattern = root + "/{YYYY}-{MM}-{DD}.csv"
    assert [path.span for path in find_spans(pattern, ALL)] == ["2025-12-24", "2026-01-31", "2026-02-01"]
    assert [path.span for path in find_spans(pattern, SpanRule(None, "2026-01-01", "2026-01-31"))] == [
        "2026-01-31"
    ]


def test_the_rest_of_a_path_may_be_a_pattern(root):
    fill(root, "2026/01/02/b-{x}.csv", "2026/01/02/a.csv", "2026/01/01/a.csv")
    (found,) = find_spans(root + "/{YYYY}/{MM}/{DD}/*.csv", SpanRule())
    assert found == SpanPath(f"{root}/2026/01/02/*.csv", "2026-01-02", None)


def test_a_placeholder_that_comes_twice_must_hold_the_same(root):
    fill(root, "1/data-1.csv", "2/data-1.csv", "2/data-2.csv")
    assert [path.pattern for path in find_spans(root + "/{SPAN}/data-{SPAN}.csv", ALL)] == [
        f"{root}/1/data-1.csv",
        f"{root}/2/data-2.csv",
    ]


def test_versions_need_no_spans(root):
    fill(root, "v1.csv", "v12.csv", "v3.csv")
    (found,) = find_spans(root + "/v{VERSION}.csv", SpanRule())
    assert (found.pattern, found.span, found.version) == (f"{root}/v12.csv", None, "12")


def test_a_pattern_without_placeholders_stays_as_it_is():
    assert find_spans("data/*.csv", SpanRule()) == (SpanPath("data/*.csv"),)


@pytest.mark.parametrize(
    ("pattern", "rule", "message"),
    [
        ("/day-{SPAN}/a.csv", SpanRule(), r"no file or directory matches it; .* holds span-1, span-2"),
        ("/gone/span-{SPAN}", SpanRule(), r"there is nothing in .*/gone"),
        ("/span-{SPAN}", SpanRule(None, "3"), r"no span from 3 to the newest; the spans are 1, 2"),
        ("/span-{SPAN}", SpanRule(None, "2026-01-01"), r"its spans are numbers; `span` gives '2026-01-01'"),
        ("/{YYYY}-{MM}", SpanRule(), r"a date needs all of"),
        ("/{SPAN}/{YYYY}-{MM}-{DD}", SpanRule(), r"either \{SPAN\} or a date"),
        ("/{DAY}.csv", SpanRule(), r"\{DAY\} is no placeholder; use \{SPAN\}"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(root, pattern, rule, message):
    fill(root, "span-1/a.csv", "span-2/a.csv")
    with pytest.raises(DataError, match=message):
        find_spans(root + pattern, rule)


def rows_of(*numbers):
    return "id,text,labels\n" + "".join(f"{n},text {n},joy\n" for n in numbers)


def test_a_pipeline_reads_the_spans_that_it_is_told_to(tmp_path):
    for span, version, numbers in ((1, 1, (1,)), (2, 1, (2,)), (2, 2, (3, 4)), (3, 1, (5,))):
        write(tmp_path / f"span-{span}" / f"v{version}" / "rows.csv", rows_of(*numbers))
    source = str(tmp_path / "span-{SPAN}" / "v{VERSION}")
    for name, span, expected in (
        ("newest", "newest", ["5"]),
        ("last", {"last": 2}, ["3", "4", "5"]),
        ("range", {"from": 1, "to": "2"}, ["1", "3", "4"]),
        ("all", "all", ["1", "3", "4", "5"]),
    ):
        config = {"source": source, "span": span, "columns": {"id": "id"}}
        assert sorted(read_all(generate(tmp_path / name, **config))) == expected
        chosen = ExampleGenConfig.model_validate(config).sources()
        assert [(file.span, file.version) for file in chosen][-1] == (
            ("2", "2") if name == "range" else ("3", "1")
        )


def test_splits_must_come_from_the_same_spans(tmp_path):
    for name in ("train-1.csv", "train-2.csv", "test-1.csv"):
        write(tmp_path / name, rows_of(1))
    splits = {split: str(tmp_path / (split + "-{SPAN}.csv")) for split in ("train", "test")}
    with pytest.raises(DataError, match=r"different spans \(train: 2; test: 1\)"):
        ExampleGenConfig(splits=splits).sources()
    found = ExampleGenConfig.model_validate({"splits": splits, "span": {"to": 1}}).sources()
    assert [(file.split, file.span) for file in found] == [("train", "1"), ("test", "1")]


def test_dates_that_yaml_has_read_are_dates(tmp_path):
    import yaml

    for day in ("2026-01-30", "2026-01-31", "2026-02-01"):
        write(tmp_path / f"{day}.csv", rows_of(1))
    settings = yaml.safe_load("span: {from: 2026-01-31}")
    config = ExampleGenConfig.model_validate({"source": str(tmp_path / "{YYYY}-{MM}-{DD}.csv"), **settings})
    assert [file.span for file in config.sources()] == ["2026-01-31", "2026-02-01"]


@pytest.mark.parametrize(
    ("span", "message"),
    [
        ({}, "give `last`, `from` or `to`"),
        ({"from": "May"}, "neither a number nor a date"),
        ("oldest", "newest"),
    ],
)
def test_a_span_that_makes_no_sense_is_refused(span, message):
    with pytest.raises(ValidationError, match=message):
        ExampleGenConfig.model_validate({"source": "a-{SPAN}.csv", "span": span})

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.config import parse_config
from pipeline.report import ReportData, collect_report, render_report, render_statistics
from pipeline.report.example_sample import sample_examples
from pipeline.report.feature_table import read_features
from tests.components.data_stages import generate, profile, write
from tests.pipeline.report.data_sample import HOSTILE, ROWS, examples_summary, split_statistics
from tests.pipeline.report.page import Page
from tests.pipeline.report.sample import LABELS, sample_run

_MOST_BYTES = 600_000


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> ReportData:
    config = parse_config({"name": "goemotions", "example_gen": {"source": "data/*.tsv"}})
    return collect_report(sample_run(tmp_path_factory.mktemp("sample") / "run").result, config)


@pytest.fixture(scope="module")
def html(record: ReportData) -> str:
    return render_statistics(record)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_the_page_shows_everything_about_the_data(page: Page) -> None:
    assert page.sections == [
        "data",
        "data-labels",
        "data-texts",
        "data-duplicates",
        "data-rows",
        "data-examples",
        "features",
    ]
    for said in (
        "span-41, span-42",
        "Jensen-Shannon",
        "Times chance",
        "Krippendorff",
        "Characters per token",
        "Cyrillic",
        "a sample: 2,000 of train",
        "😂",
        "82 % alike",
        "12 rows were dropped from train",
        "[PHONE]",
        "unknown label",
        "Figures of weight by split",
    ):
        assert said in page.text, said


def test_both_pages_are_small_enough_to_be_mailed(record: ReportData, html: str) -> None:
    assert len(html.encode()) < _MOST_BYTES
    assert len(render_report(record).encode()) < _MOST_BYTES


def test_the_page_needs_no_network_and_no_script(page: Page) -> None:
    assert not list(page.all("script"))
    assert not re.search(r"https?://|@import|url\(", page.html)
    assert {attributes.get("href", "")[:5] for attributes in page.all("link")} == {"data:"}
    identifiers = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    links = {str(attributes["href"]) for attributes in page.all("a")}
    assert links == {f"#{section}" for section in page.sections}
    assert {link[1:] for link in links} <= identifiers


def test_the_page_can_be_read_without_seeing_it(page: Page) -> None:
    counts = Counter(name for name, _ in page.elements)
    assert counts["h1"] == 1
    assert counts["caption"] == counts["table"] > 20
    assert all("scope" in attributes for attributes in page.all("th"))
    for attributes in page.all("svg"):
        assert attributes.get("role") == "img" or attributes.get("aria-hidden") == "true"
    regions = [attributes for attributes in page.all("div") if attributes.get("role") == "region"]
    assert len(regions) == counts["table"]
    assert all(region.get("tabindex") == "0" and region["aria-label"] for region in regions)
    names = Counter(region["aria-label"] for region in regions)
    assert set(names.values()) == {1}, "a screen reader lists regions by name"


def test_texts_of_the_data_are_shown_as_they_are_and_break_nothing(page: Page) -> None:
    assert "<script>alert('x')</script> & \"quotes\"" in page.text
    assert "<script>" not in page.html
    assert not re.search("[\x00\x1b]", page.html)
    assert "\ufffd" in page.text
    unisolated = re.sub(r"<bdi>.*?</bdi>", "", page.html, flags=re.S)
    assert "\u202e" not in unisolated, "an override must not turn around what stands beside it"


@pytest.mark.parametrize("text", ["\ud800 alone", "\ufffe", "a\x00b", "]]>", "<!--", "{{ 7 * 7 }}"])
def test_any_text_makes_a_file_that_can_be_written(record: ReportData, text: str, tmp_path: Path) -> None:
    letters = [{"file": text, "row": None, "reason": text, "detail": text, "content": text}]
    hostile = replace(record, dead_letters=letters, pipeline=text)
    for html in (render_report(hostile), render_statistics(hostile)):
        (tmp_path / "page.html").write_text(html, encoding="utf-8")
        assert "49" not in Page(html).text[:40]


def test_the_heat_map_says_what_was_counted(record: ReportData, page: Page) -> None:
    assert record.statistics is not None
    maps = [rows for rows in page.tables if rows[0][0] == "Label" and len(rows[0]) == len(LABELS) + 1]
    assert len(maps) == len(ROWS), "one for each split"
    for (head, *rows), split in zip(maps, ROWS, strict=True):
        together = record.statistics["splits"][split]["cooccurrence"]
        assert len(rows) == len(LABELS)
        for label, *cells in rows:
            at = LABELS.index(label)
            for other, cell in zip(head[1:], cells, strict=True):
                count = together[at][LABELS.index(other)]
                expected = "·" if other == label else f"{100 * count / together[at][at]:.0f}" if count else ""
                assert cell == expected, (split, label, other)


def test_every_cell_of_the_heat_map_tells_its_number_of_texts(record: ReportData, page: Page) -> None:
    assert record.statistics is not None
    titles = [str(attributes.get("title")) for attributes in page.all("td") if "title" in attributes]
    told = {title for title in titles if title.endswith(" texts")}
    together = record.statistics["splits"]["train"]["cooccurrence"]
    for first, row in zip(LABELS, together, strict=True):
        for second, count in zip(LABELS, row, strict=True):
            if first != second and count:
                assert f"{first} and {second}: {count:,} texts" in told


def test_label_balance_counts_every_split(record: ReportData, page: Page) -> None:
    assert record.statistics is not None
    rows = page.table("Label", "Share of train")[1:]
    assert len(rows) == len(LABELS)
    for name, _, *figures in rows:
        label = name.removesuffix(" rare")
        counts = [document["label_counts"][label] for document in record.statistics["splits"].values()]
        assert [int(figure.replace(",", "")) for figure in figures[::2]] == counts
        assert (name != label) == (counts[0] / ROWS["train"] < 0.01)


def keys(document: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every key of nested objects; those of one split stand for all."""
    for key, value in document.items() if isinstance(document, dict) else ():
        if path == ("splits",) and key != "train":
            continue
        yield (*path, key)
        yield from keys(value, (*path, key))


def without(document: Any, path: tuple[str, ...], put: Callable[[Any, str], None]) -> Any:
    """A copy in which `put` has changed the key at `path` in every split."""
    changed = json.loads(json.dumps(document))
    parents = [changed]
    for depth, key in enumerate(path[:-1]):
        everywhere = path[0] == "splits" and depth == 1
        parents = [
            child for parent in parents for child in (parent.values() if everywhere else [parent[key]])
        ]
    for parent in parents:
        put(parent, path[-1])
    return changed


def drop(parent: Any, key: str) -> None:
    del parent[key]


def null(parent: Any, key: str) -> None:
    parent[key] = None


_OPTIONAL = re.compile(
    r"examples/(labels|dead_letters\w*|placeholders|masked\w*|spans|sources|duplicates(/\w+)?)"
    r"|statistics/(tokenizer|splits/train/(cooccurrence|labels_per_text|length_\w+|scripts"
    r"|(tokens|languages|emoji|annotators)(/\w+)?))"
)


@pytest.mark.parametrize("put", [drop, null])
def test_what_is_missing_is_left_out(record: ReportData, put: Callable[[Any, str], None]) -> None:
    rng = np.random.default_rng(0)
    labels = ("joy", "fear", "anger")
    targets = rng.integers(0, 2, (50, 3))
    splits = {split: split_statistics(labels, targets, rng, rated=True) for split in ("train", "test")}
    statistics = {"labels": labels, "tokenizer": {"encoder": "minilm"}, "splits": splits}
    documents = {"examples": examples_summary(labels), "statistics": statistics}
    small = replace(record, **documents, features={}, sampled=None, token_lengths=None)
    whole = Page(render_statistics(small)).text
    changed = 0
    for name, document in documents.items():
        for path in keys(document):
            if _OPTIONAL.fullmatch("/".join((name, *path))):
                partial = replace(small, **{name: without(document, path, put)})
                shown = Page(render_statistics(partial)).text
                assert len(re.findall(r"\bNone\b(?! found)", shown)) == 0, path
                changed += shown != whole
    assert changed > 30


def test_an_artifact_of_before_still_has_its_page(record: ReportData) -> None:
    assert record.statistics is not None
    kept = ("rows", "label_counts", "cooccurrence", "labels_per_text", "length_characters", "length_words")
    old = {
        "labels": list(LABELS),
        "splits": {
            split: {**{key: document[key] for key in kept}, "duplicates": {"texts": 40, "surplus_rows": 61}}
            for split, document in record.statistics["splits"].items()
        },
        "overlaps": [],
    }
    summary = {"labels": list(LABELS), "splits": {split: {"rows": rows} for split, rows in ROWS.items()}}
    partial = replace(record, statistics=old, examples=summary, features={}, sampled=None, dead_letters=())
    page = Page(render_statistics(partial))
    assert page.sections == ["data", "data-labels", "data-texts"]


def test_data_without_a_single_text_have_a_page(record: ReportData) -> None:
    empty = {
        "rows": 0,
        "label_counts": {"joy": 0, "fear": 0},
        "cooccurrence": [[0, 0], [0, 0]],
        "labels_per_text": {},
        "length_characters": dict.fromkeys(("min", "mean", "median", "p95", "max", "histogram")),
        "length_tokens": None,
        "scripts": {},
        "languages": {"sample": 0, "counts": {}},
        "emoji": {"texts": 0, "share": None, "top": []},
    }
    statistics = {"labels": ["joy", "fear"], "splits": {"train": empty, "test": empty}}
    examples = {
        "labels": ["joy", "fear"],
        "splits": {"train": {"rows": 0}, "test": {"rows": 0}},
        "dead_letters": 0,
    }
    nothing = replace(
        record, statistics=statistics, examples=examples, features={}, sampled=None, token_lengths=None
    )
    for html in (render_report(nothing), render_statistics(nothing)):
        assert "None: every row became an example." in Page(html).text


def test_the_page_of_real_data(tmp_path: Path, record: ReportData) -> None:
    texts = write(
        tmp_path / "train.csv",
        'text,labels,weight\nI won!,joy,0.5\nI won!,"joy,pride",\n"<spiders>, brr & so on",fear,2\n',
    )
    examples = generate(tmp_path, splits={"train": texts}, columns={"weight": "weight"})
    statistics = profile(tmp_path, examples)
    real = replace(
        record,
        examples=examples.summary(),
        dead_letters=(),
        sampled=sample_examples(examples),
        statistics=statistics.document(),
        features=read_features(statistics),
        anomalies=None,
        token_lengths=None,
    )
    page = Page(render_statistics(real))
    assert "<spiders>, brr & so on" in page.text
    weight = next(rows for rows in page.tables if "Smallest" in rows[0])
    assert weight[1] == ["train", "2", "1 33.33 %", "1", "0.5", "1.25", "1.25", "2", "0.75", "0"]
    values = [row for rows in page.tables if rows[0][0] == "Value" for row in rows[1:]]
    assert ["I won!", "2"] in [[value, count] for value, _, count in values]


def test_estimates_are_told_from_counts(page: Page) -> None:
    unique = {
        rows[1][4]
        for rows in page.tables
        if rows[0][:3] == ["Split", "Present", "Missing"] and "Unique" in rows[0]
    }
    assert unique == {"about 43,370", "28"}


def test_the_hostile_text_is_in_the_sample(record: ReportData) -> None:
    assert record.sampled is not None
    shown = [text["text"] for texts in record.sampled.by_split.values() for text in texts]
    assert HOSTILE in shown

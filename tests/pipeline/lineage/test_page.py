import re
from html.parser import HTMLParser

import pytest

from pipeline.lineage.ancestry import find_ancestry
from pipeline.lineage.page import render_page
from tests.pipeline.test_local_runner import Root


class Page(HTMLParser):
    """Collects what the tests ask for, and fails where tags are not closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.kinds: list[str] = []
        self.paths = 0
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids |= {given["id"] or ""} if "id" in given else set()
        self.links |= {given["href"] or ""} if tag == "a" else set()
        self.kinds += [given["class"] or ""] if tag == "g" else []
        self.paths += tag == "path" and "marker-end" in given
        if tag not in ("meta", "link"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def html(told: Root) -> str:
    return render_page(find_ancestry("judge/blessing/3", told.store, told.storage))


def test_every_stage_of_the_picture_leads_to_what_it_was_made_with(html: str):
    page = Page(html)
    assert page.open == []
    assert {link.removeprefix("#") for link in page.links} == {"stage-1", "stage-2", "stage-3"} <= page.ids
    assert page.kinds == ["origin", "stage", "stage", "subject"]
    assert page.paths == 3


def test_data_code_settings_and_packages_are_on_it(html: str, told: Root):
    for said in (str(told.data), "train/model/2", "factor", "keras", "code", "Lineage of judge/blessing/3"):
        assert said in html
    assert not re.search(r'(?:src|href)="(?!#|data:)', html), "it needs no network"


def test_a_failure_is_marked_and_its_words_are_escaped(told: Root):
    run = told.store.start_run("<b>toy</b>", "{}")
    execution = told.store.start_execution(run, "read", "key", {"file /a/<i>.csv": "d"}, {})
    told.store.record_unfinished(execution, told.store.executions(3)[-1].state, "<script>", 1.0)
    html = render_page(find_ancestry(str(run), told.store, told.storage))
    assert Page(html).kinds == ["origin", "unfinished"]
    assert "<script>" not in html
    assert "<i>.csv" not in html


def test_many_files_of_one_source_are_one_card(told: Root):
    run = told.store.start_run("toy", "{}")
    parts = {f"file /data/part-{number}.csv": "d" for number in range(40)}
    told.store.start_execution(run, "read", "key", parts, {})
    html = render_page(find_ancestry(str(run), told.store, told.storage))
    assert Page(html).kinds == ["origin", "unfinished"]
    assert "part-0.csv, 39 more" in html
    assert "/data/part-39.csv" in html

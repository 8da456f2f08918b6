"""The report in a real browser: accessibility, width, keyboard, and what is left without scripts."""

from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.config import parse_config
from pipeline.report import collect_report, render_report
from tests.browser import PATIENCE_MS, in_browser, open_browser, serious_violations
from tests.pipeline.report.sample import sample_run

pytestmark = in_browser


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("browser")
    config = parse_config({"name": "goemotions", "example_gen": {"source": "data/*.tsv"}})
    file = folder / "report.html"
    file.write_text(
        render_report(collect_report(sample_run(folder / "run").result, config)), encoding="utf-8"
    )
    return file.as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with open_browser() as browser:
        yield browser


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")], ids=["desktop", "phone"])
def test_axe_finds_nothing_serious_and_nothing_sticks_out(
    browser: Any, report: str, width: int, scheme: str
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.set_default_timeout(PATIENCE_MS)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    failed: list[str] = []
    page.on("pageerror", lambda error: failed.append(str(error)))
    page.goto(report)
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    assert serious_violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert (asked, failed) == ([report], [])
    page.close()


def test_a_table_is_sorted_from_the_keyboard(browser: Any, report: str) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(PATIENCE_MS)
    page.goto(report)
    table = page.locator("#labels table.sortable")
    head = table.get_by_role("columnheader", name="Texts")
    head.get_by_role("button").focus()
    for order, pick in (("descending", max), ("ascending", min)):
        page.keyboard.press("Enter")
        counts = [
            int(text.replace(",", "")) for text in table.locator("tbody td:last-child").all_inner_texts()
        ]
        assert head.get_attribute("aria-sort") == order
        assert counts == sorted(counts, reverse=order == "descending")
        assert counts[0] == pick(counts)
    page.close()


def test_everything_is_there_without_scripts(browser: Any, report: str) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(report)
    assert page.locator("table button").count() == 0
    assert page.locator("svg.plot").count() == 28 + 2
    assert page.locator("#labels svg.plot").bounding_box()["height"] > 200
    context.close()


def test_it_prints(browser: Any, report: str) -> None:
    page = browser.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(report)
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.close()

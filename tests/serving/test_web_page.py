"""The page at `/` in a real browser, and what the server says about it."""

import csv
import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serving.config import ServerConfig
from serving.data_plane import DataPlane
from serving.lifecycle import Lifecycle
from serving.models import Models
from serving.rest import RestOptions, rest_application
from serving.rest_server import RestServer
from serving.web_page import page_routes
from tests.browser import PATIENCE_MS, in_browser, open_browser, serious_violations
from tests.serving.conftest import LABELS, THRESHOLDS


def get(port: int, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/page/page.js", "text/javascript; charset=utf-8"),
        ("/page/page.css", "text/css; charset=utf-8"),
        ("/page/theme.css", "text/css; charset=utf-8"),
        ("/page/icon.svg", "image/svg+xml"),
    ],
)
def test_files_come_under_a_strict_policy(server: Any, path: str, kind: str) -> None:
    status, headers, body = get(server.rest_port, path)
    assert (status, headers["content-type"]) == (200, kind)
    assert body
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    status, _, body = get(server.rest_port, path, **{"If-None-Match": headers["etag"]})
    assert (status, body) == (304, b"")


def test_the_page_learns_what_is_served(server: Any) -> None:
    status, _, body = get(server.rest_port, "/models")
    (model,) = json.loads(body)["models"]
    assert (status, model["name"], model["version"]) == (200, "emotion", 7)
    description = model["description"]
    assert [head["outputs"] for head in description["heads"]] == [list(LABELS)]
    assert description["thresholds"] == pytest.approx(THRESHOLDS)


def test_files_of_the_server_are_not_to_be_had(server: Any) -> None:
    for path in ("/page/../web_page.py", "/page/..%2fweb_page.py", "/page/index.html", "/page/"):
        assert get(server.rest_port, path)[0] == 404


def test_it_is_on_until_it_is_switched_off() -> None:
    assert ServerConfig().enable_web_page
    application = rest_application(DataPlane(Models()), Lifecycle(), RestOptions(max_threads=1))
    rest = RestServer(application, host="127.0.0.1", port=0)
    try:
        assert get(rest.port, "/")[0] == 404
    finally:
        rest.stop()


def test_a_server_without_models_shows_the_page() -> None:
    plane = DataPlane(Models())
    options = RestOptions(max_threads=1, routes=page_routes(plane))
    rest = RestServer(rest_application(plane, Lifecycle(), options), host="127.0.0.1", port=0)
    try:
        assert get(rest.port, "/")[0] == 200
        assert json.loads(get(rest.port, "/models")[2]) == {"models": []}
    finally:
        rest.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with open_browser() as browser:
        yield browser


@pytest.fixture
def complaints() -> list[str]:
    """What the browser says against the page: errors of scripts, and what the policy stopped."""
    return []


@pytest.fixture
def page(browser: Any, server: Any, complaints: list[str]) -> Iterator[Any]:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    yield opened(page, server, complaints)
    page.close()


def opened(page: Any, server: Any, complaints: list[str]) -> Any:
    page.set_default_timeout(PATIENCE_MS)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(f"http://127.0.0.1:{server.rest_port}/")
    page.locator("#only-model", has_text="emotion, version 7").wait_for()
    return page


def answers(page: Any) -> list[dict[str, tuple[str, bool]]]:
    """Of each text, the score and the decision by label."""
    return [
        {
            row.locator("th").evaluate(
                "th => th.lastElementChild ? th.childNodes[1].data : th.textContent"
            ): (
                row.locator(".number").text_content(),
                "(applies)" in row.locator("th").text_content(),
            )
            for row in article.locator("tbody tr").all()
        }
        for article in page.locator("article").all()
    ]


def shown(score: float, threshold: float) -> set[str]:
    """How a score may look; one near its threshold gets a digit more."""
    return {f"{100 * score:.0f} %", f"{100 * score:.1f} %"}


@in_browser
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")], ids=["desktop", "phone"])
def test_axe_finds_nothing_serious_and_nothing_sticks_out(
    browser: Any, large_server: Any, complaints: list[str], tmp_path: Path, width: int, scheme: str
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    opened(page, large_server, complaints)
    page.get_by_label("Type or paste texts").fill("so sad\nI am happy " + "veryverylong" * 20)
    page.get_by_role("button", name="Show emotions").click()
    page.locator("article").nth(1).wait_for()
    page.locator("summary").click()
    file = tmp_path / "texts.csv"
    file.write_text("text,context\nso sad,\nI am happy,why\n")
    page.get_by_label("CSV file").set_input_files(file)
    page.get_by_role("button", name="Score the file").click()
    page.get_by_role("link", name="Download the results").wait_for()
    assert serious_violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert complaints == []
    page.close()


@in_browser
def test_texts_are_answered_from_the_keyboard(page: Any, predictor: Any, complaints: list[str]) -> None:
    texts = ["I am so happy today!", "<b>so</b> sad & angry", "日本 😀"]
    page.get_by_label("Type or paste texts").focus()
    page.keyboard.insert_text("\n\n".join(texts) + "\n \n")
    page.keyboard.press("Control+Enter")
    page.locator("article").nth(2).wait_for()
    assert page.locator("article h3").all_text_contents() == texts
    assert page.get_by_role("status").first.text_content() == "3 texts answered by emotion, version 7."
    for found, expected in zip(answers(page), predictor.predict(texts), strict=True):
        assert set(found) == set(LABELS)
        for label, score, applies, threshold in zip(
            LABELS, expected.scores, expected.decided, THRESHOLDS, strict=True
        ):
            assert found[label][0] in shown(score, threshold)
            assert found[label][1] == applies
        bar = page.locator("article").first.locator("tbody tr").first
        fill, mark = (bar.locator(part).bounding_box() for part in (".fill", ".mark"))
        assert (fill["x"] + fill["width"] >= mark["x"]) == ("(applies)" in bar.text_content())
    assert complaints == []


@in_browser
def test_a_file_comes_back_with_answers(page: Any, predictor: Any, tmp_path: Path) -> None:
    texts = ['so "sad", really', "", "I am\nhappy", *(f"angry {number}" for number in range(40))]
    rows = [["id", "comment", "predicted"], *([str(row), text, "old"] for row, text in enumerate(texts))]
    given = tmp_path / "comments.csv"
    with given.open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file, delimiter=";").writerows(rows)
    page.get_by_label("CSV file").set_input_files(given)
    page.get_by_label("Column of texts").select_option(label="comment")
    page.get_by_role("button", name="Score the file").click()
    link = page.get_by_role("link", name="Download the results")
    link.wait_for()
    assert page.locator("#file-said").text_content() == (
        "42 texts scored by emotion, version 7; 1 text blank, left out."
    )
    with page.expect_download() as download:
        link.press("Enter")
    assert download.value.suggested_filename == "comments-emotions.csv"
    with Path(download.value.path()).open(newline="", encoding="utf-8-sig") as file:
        found = list(csv.DictReader(file, delimiter=";"))
    assert list(found[0]) == ["id", "comment", "predicted", *(f"score_{label}" for label in LABELS)]
    assert [row["comment"] for row in found] == texts
    for row, expected in zip(found, predictor.predict(texts), strict=True):
        if not row["comment"]:
            assert set(row.values()) == {row["id"], ""}
            continue
        assert set(row["predicted"].split("|")) - {""} == set(expected.decided_labels)
        scores = [float(row[f"score_{label}"]) for label in LABELS]
        assert scores == pytest.approx(expected.scores, abs=1e-5)


BROKEN_FILES = {
    b"text\n\xff\xfe\n": "The file is not UTF-8.",
    b"text,id\nso sad, so bad,1\n": "Row 2 has 3 cells, but there are 2 columns.",
    b'text\n"so sad\n': "Row 2: a double quote is opened and never closed.",
    b'text\n"so" sad\n': "Row 2: there is text behind a closing double quote.",
    b"text,text\na,b\n": "Two columns are called “text”.",
    b"text\n": "The file holds no rows",
}


@in_browser
def test_a_broken_file_is_explained(page: Any, tmp_path: Path) -> None:
    for number, (content, message) in enumerate(BROKEN_FILES.items()):
        given = tmp_path / f"{number}.csv"
        given.write_bytes(content)
        page.get_by_label("CSV file").set_input_files(given)
        page.locator("#file-problem p", has_text=message).wait_for()
        assert page.get_by_role("button", name="Score the file").is_disabled()


@in_browser
def test_errors_are_said_in_words(page: Any, server: Any) -> None:
    ask = page.get_by_role("button", name="Show emotions")
    alert = page.locator("#texts-problem")
    ask.click()
    assert "There is no text yet." in alert.text_content()
    page.get_by_label("Type or paste texts").fill("so sad\n" * 101)
    ask.click()
    assert "These are 101 texts" in alert.text_content()

    page.get_by_label("Type or paste texts").fill("so sad")
    page.route("**/*:predict", lambda route: route.abort())
    ask.click()
    alert.get_by_text("The server cannot be reached.").wait_for()
    page.unroute("**/*:predict")
    page.route(
        "**/*:predict",
        lambda route: (
            route.fulfill(status=401, json={"error": "no key"})
            if "authorization" not in route.request.headers
            else route.continue_()
        ),
    )
    ask.click()
    page.get_by_label("This server asks for a key").fill("secret")
    page.get_by_role("button", name="Use it").click()
    page.get_by_label("This server asks for a key").wait_for(state="hidden")
    ask.press("Enter")
    page.locator("article").wait_for()
    assert alert.text_content() == ""
    assert page.evaluate("document.activeElement.id") == "ask", "it keeps the focus"
    command = page.locator("#curl").text_content()
    assert ' -H "Authorization: Bearer $KEY" -d ' in command
    assert "secret" not in command


class Held:
    """Requests of a page that wait until a test lets them go."""

    def __init__(self, page: Any, url: str) -> None:
        self._page = page
        self._routes: list[Any] = []
        page.route(url, lambda route: self._routes.append(route))

    def next(self) -> Any:
        """The route of the oldest one that was not asked for yet."""
        give_up = time.monotonic() + PATIENCE_MS / 1000
        while not self._routes:
            assert time.monotonic() < give_up, "the page asked for nothing"
            self._page.wait_for_timeout(10)
        return self._routes.pop(0)


@in_browser
def test_the_last_question_is_answered(page: Any, complaints: list[str]) -> None:
    held = Held(page, "**/*:predict")
    texts = page.get_by_label("Type or paste texts")
    texts.fill("so sad")
    texts.press("Control+Enter")
    held.next()
    texts.fill("I am happy")
    with page.expect_event("requestfailed"):
        texts.press("Control+Enter")
    held.next().continue_()
    page.locator("article").wait_for()
    assert page.locator("article h3").all_text_contents() == ["I am happy"]
    assert page.locator("#texts-problem").text_content() == ""
    assert complaints == []


def with_version_6(route: Any) -> None:
    answer = route.fetch()
    (model,) = answer.json()["models"]
    route.fulfill(response=answer, json={"models": [model, {**model, "version": 6}]})


@in_browser
def test_another_model_is_not_answered_for(page: Any) -> None:
    page.route("**/models", with_version_6)
    page.reload()
    held = Held(page, "**/*:predict")
    page.get_by_label("Type or paste texts").fill("so sad")
    page.get_by_role("button", name="Show emotions").click()
    held.next()
    with page.expect_event("requestfailed"):
        page.get_by_label("Model").select_option(label="emotion, version 6")
    assert page.locator("#said").text_content() == ""
    assert page.locator("article").count() == 0


@in_browser
def test_a_file_is_scored_once_whatever_model_is_chosen_meanwhile(page: Any, tmp_path: Path) -> None:
    page.route("**/models", with_version_6)
    page.reload()
    held = Held(page, "**/*:predict")
    given = tmp_path / "texts.csv"
    given.write_text("text\nso sad\n")
    page.get_by_label("CSV file").set_input_files(given)
    score = page.get_by_role("button", name="Score the file")
    score.click()
    route = held.next()
    page.get_by_label("Model").select_option(label="emotion, version 6")
    assert score.is_disabled()
    route.continue_()
    page.get_by_text("1 text scored by emotion, version 7.").wait_for()
    assert score.is_enabled()


@in_browser
def test_nothing_is_asked_before_there_is_a_model(browser: Any, server: Any, complaints: list[str]) -> None:
    page = browser.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text))
    held = Held(page, "**/models")
    page.goto(f"http://127.0.0.1:{server.rest_port}/")
    route = held.next()
    ask = page.get_by_role("button", name="Show emotions")
    texts = page.get_by_label("Type or paste texts")
    texts.fill("so sad")
    texts.press("Control+Enter")
    assert page.locator("#said").text_content() == ""
    assert ask.get_attribute("aria-disabled") == "true"
    route.fulfill(json={"models": []})
    page.get_by_text("The server has no model yet.").wait_for()
    ask.press("Enter")
    assert page.locator("#texts-problem").text_content() == ""
    assert complaints == []
    page.close()


@in_browser
def test_a_version_that_has_gone_is_replaced(browser: Any, server: Any) -> None:
    page = browser.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.route("**/models", with_version_6)
    page.goto(f"http://127.0.0.1:{server.rest_port}/")
    page.get_by_label("Model").select_option(label="emotion, version 6")
    page.unroute("**/models")
    page.get_by_label("Type or paste texts").fill("so sad")
    page.get_by_role("button", name="Show emotions").click()
    page.get_by_text("The server no longer has this version").wait_for()
    page.locator("#only-model", has_text="emotion, version 7").wait_for()
    page.get_by_role("button", name="Show emotions").click()
    page.locator("article").wait_for()
    page.close()

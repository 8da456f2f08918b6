"""The samples for app developers: one cleaning in four languages, and the page in a real browser."""

import re
import shutil
import subprocess
import unicodedata
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import CHROMIUM, PATIENCE_MS, open_browser, serious_violations
from tests.tflite import cleaning_cases, toy, update_case
from tests.tflite.web_page import MEDIAPIPE, WEB, served
from tflite.interpreter import TextClassifier
from tflite.metadata import attach_metadata
from tflite.text import NEWER_THAN_UNICODE_13, clean_text

SAMPLES = Path(__file__).parents[2] / "tflite" / "samples"
CLEANINGS = (
    "web/app/cleaning.js",
    "android/emotion/src/main/kotlin/emotion/Cleaning.kt",
    "ios/Sources/EmotionText/Cleaning.swift",
)

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not on PATH")
needs_page = pytest.mark.skipif(
    not (MEDIAPIPE.is_dir() and CHROMIUM and shutil.which("node")),
    reason="needs node, Chromium, and `npm install` in tflite/samples/web",
)


def test_what_the_cleanings_are_held_against_is_what_python_says_today() -> None:
    expected = {**cleaning_cases.files(), "update.json": update_case.update_json()}
    found = {path.name: path.read_text(encoding="utf-8") for path in cleaning_cases.DIRECTORY.iterdir()}
    stale = [name for name in expected | found if expected.get(name) != found.get(name)]
    assert stale == [], "write them again: python -m tests.tflite.cleaning_cases, and update_case"


def test_the_page_wears_what_the_server_wears() -> None:
    ours = SAMPLES / "web" / "app" / "theme.css"
    theme = Path(__file__).parents[2] / "serving" / "page" / "theme.css"
    assert ours.read_text() == theme.read_text(), f"copy it: cp {theme} {ours}"


def test_the_signed_update_is_what_python_takes() -> None:
    update = pytest.importorskip(
        "tflite.update", reason="the reference of the samples' checks is not there yet"
    )
    key = f"-----BEGIN PUBLIC KEY-----\n{update_case.PUBLIC_KEY}\n-----END PUBLIC KEY-----\n".encode()
    content = (cleaning_cases.DIRECTORY / "update.json").read_bytes()
    checked = update.check_update(content, public_key=key, installed_release=3, app_version="1.10.0")
    assert checked.files["int8"].size == len(update_case.MODEL)


def test_the_strings_are_many_and_nasty() -> None:
    texts = {text for _, text, _ in cleaning_cases.read_cases("cleaning.jsonl")}
    characters = set("".join(texts))
    assert len(texts) > 2000
    assert max(map(len, texts)) >= 2000
    categories = {unicodedata.category(character) for character in map(chr, range(0x110000))} - {"Cs"}
    assert {unicodedata.category(character) for character in characters} == categories
    assert {character for character in map(chr, range(0x110000)) if character.isspace()} <= characters
    changed = sum(clean_text(text, cleaning_cases.RULES[0]) != text for text in texts)
    assert changed > 1000


@pytest.mark.parametrize("source", CLEANINGS)
def test_every_language_knows_the_same_characters_as_newer(source: str) -> None:
    code = (SAMPLES / source).read_text(encoding="utf-8")
    numbers = re.findall(r"(?:\\u|\\x|\\u\{|\\x\{|0x)\{?([0-9a-fA-F]{4,5})\b", code)
    expected = sorted(map(ord, re.sub("(?<=.)-(?=.)", "", NEWER_THAN_UNICODE_13)))
    found = sorted(int(number, 16) for number in numbers)
    # Swift writes a single character as a range, and all name U+E000 and U+FFFD too.
    assert set(expected) <= set(found) <= {*expected, 0xE000, 0xFFFD}


@needs_node
def test_javascript_cleans_as_python_does() -> None:
    command = ["node", "--test", "test/"]
    subprocess.run(command, cwd=WEB, check=True, capture_output=True, text=True, timeout=600)


@pytest.mark.skipif(shutil.which("swift") is None, reason="swift is not on PATH")
def test_swift_cleans_as_python_does(tmp_path: Path) -> None:
    command = ["swift", "test", "--scratch-path", str(tmp_path)]
    subprocess.run(command, cwd=SAMPLES / "ios", check=True, capture_output=True, text=True, timeout=900)


@needs_node
@pytest.mark.parametrize(
    ("arguments", "message"),
    [([], "Say which model"), (["no.tflite"], "does not exist"), (["test"], "holds no emotion_int8.tflite")],
)
def test_the_server_says_which_model_it_wants(arguments: list[str], message: str) -> None:
    command = ["node", "server.js", *arguments]
    done = subprocess.run(command, cwd=WEB, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert message in done.stderr


@needs_node
def test_paths_are_read_on_windows_too(tmp_path: Path) -> None:
    """The server with the `normalize` of Windows, which writes backslashes, and a file that they name."""
    shutil.copytree(WEB / "app", tmp_path / "app")
    (tmp_path / "app" / "a\\b.js").touch()
    (tmp_path / "node_modules" / "@mediapipe" / "tasks-text").mkdir(parents=True)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "windows.js").write_text(
        "import { posix, win32 } from 'node:path';\nexport { posix };\n"
        "export const { basename, dirname, extname, join } = posix;\nexport const { normalize } = win32;\n"
    )
    code = (WEB / "server.js").read_text(encoding="utf-8")
    (tmp_path / "server.js").write_text(code.replace("'node:path'", "'./windows.js'"), encoding="utf-8")
    (tmp_path / "a.tflite").touch()
    with served(tmp_path / "a.tflite", tmp_path) as address:
        for path, expected in (("", 200), ("theme.css", 200), ("model.tflite", 200), ("a%5Cb.js", 404)):
            assert status(f"{address}{path}") == expected, path


def status(address: str) -> int:
    try:
        with urllib.request.urlopen(address) as response:
            return int(response.status)
    except urllib.error.HTTPError as err:
        with err:
            return err.code


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    directory = tmp_path_factory.mktemp("models")
    contents = {
        "one": toy.complete_file("float32"),
        "several": attach_metadata(toy.files_of_several_heads()["float32"], toy.metadata_of_several_heads()),
        "bare": toy.complete_file("float32")[:4096],
    }
    for name, content in contents.items():
        (directory / f"{name}.tflite").write_bytes(content)
    return {name: directory / f"{name}.tflite" for name in contents}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with open_browser() as browser:
        yield browser


def opened(browser: Any, address: str, **options: Any) -> tuple[Any, list[str]]:
    """The page with its model loaded, and what it will have asked for elsewhere or stumbled over."""
    page = browser.new_page(**options)
    page.set_default_timeout(PATIENCE_MS)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: request.url.startswith(address) or complaints.append(request.url))
    page.goto(address)
    page.locator("#facts", has_text="tflite").wait_for()
    return page, complaints


def answer(page: Any, text: str) -> dict[str, tuple[str, bool]]:
    """Types a text; of each label the score that stands there, and whether it applies."""
    page.get_by_label("Your text").fill(text)
    page.wait_for_function("text => document.body.dataset.answered === text", arg=text)
    return {
        row.locator(".label").evaluate("label => label.firstChild.data"): (
            row.locator(".score").text_content(),
            "decided" in row.get_attribute("class"),
        )
        for row in page.locator(".bars li").all()
    }


@needs_page
@pytest.mark.parametrize("name", ["one", "several"])
def test_the_page_answers_as_the_interpreter_does(browser: Any, models: dict[str, Path], name: str) -> None:
    classifier = TextClassifier(models[name])
    is_number = {output: head.is_regression for head in classifier.heads for output in head.outputs}
    with served(models[name]) as address:
        page, complaints = opened(browser, address)
        for text in filter(str.strip, toy.TEXTS):
            shown = answer(page, text)
            (expected,) = classifier.classify([text])
            assert list(shown) == [one.label for one in expected]
            for one in expected:
                score, decided = shown[one.label]
                value = float(score.removesuffix("%")) / (1 if is_number[one.label] else 100)
                assert value == pytest.approx(one.score, abs=0.006)
                assert decided == one.decided
            words = page.locator("#verdict .word").all_text_contents()
            assert words == [one.label for one in expected if one.decided]
        page.get_by_label("Your text").fill("  ")
        page.locator("#answer").wait_for(state="hidden")
        assert complaints == []
        page.close()


@needs_page
def test_nothing_leaves_the_page(browser: Any, models: dict[str, Path]) -> None:
    with served(models["one"]) as address, served(models["one"]) as elsewhere:
        page, _ = opened(browser, address)
        fetches = "url => fetch(url, {mode: 'no-cors'}).then(() => 'sent', () => 'stopped')"
        assert page.evaluate(fetches, f"{address}icon.svg") == "sent"
        assert page.evaluate(fetches, f"{elsewhere}icon.svg") == "stopped"
        statuses = "path => fetch(path).then((response) => response.status)"
        for path in (
            "server.js",
            "package.json",
            "%2e%2e/server.js",
            "mediapipe/package.json",
            "%00",
            "test/",
        ):
            assert page.evaluate(statuses, f"{address}{path}") == 404
        page.close()


@needs_page
def test_a_file_without_papers_is_explained(browser: Any, models: dict[str, Path]) -> None:
    with served(models["bare"]) as address:
        page = browser.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(address)
        alert = page.get_by_role("alert")
        alert.get_by_text("Expected a .tflite file that emotion-pipeline pushed").wait_for()
        assert page.locator("#loading").is_hidden()
        page.close()


@needs_page
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")], ids=["desktop", "phone"])
def test_everyone_can_use_it(browser: Any, models: dict[str, Path], width: int, scheme: str) -> None:
    with served(models["several"]) as address:
        options: dict[str, Any] = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
        page, complaints = opened(browser, address, **options)
        page.get_by_role("button", name="Thanks, you made my day!").press("Enter")
        page.locator(".bars li").first.wait_for()
        answer(page, "so happy " + "veryverylong" * 30)
        page.get_by_text("What the model reads").press("Enter")
        assert "so happy" in page.locator("#cleaned").text_content()
        assert serious_violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert complaints == []
        page.close()


@needs_page
def test_the_rest_of_many_labels_unfolds(browser: Any, models: dict[str, Path]) -> None:
    many = """async () => {
      const { Bars } = await import('/bars.js');
      const outputs = Array.from({ length: 9 }, (_, number) =>
        ({ label: `label ${number}`, score: 0.9 - number / 10, threshold: 0.5, decided: number === 8 }));
      const bars = new Bars(document.getElementById('heads'), document.getElementById('more'));
      bars.show([{ name: 'emotion', task: 'multi_label', outputs }]);
      document.getElementById('answer').hidden = false;
    }"""
    with served(models["one"]) as address:
        page, _ = opened(browser, address)
        page.evaluate(many)
        visible = page.locator(".bars li:visible .label")
        assert visible.count() == 6, "five, and what is decided"
        page.get_by_role("button", name="Show 3 more").press("Enter")
        assert visible.count() == 9
        page.get_by_role("button", name="Show fewer", expanded=True).press("Enter")
        assert visible.count() == 6
        page.close()

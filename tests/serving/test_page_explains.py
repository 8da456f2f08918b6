"""The page colours words where the model has the signature `explain`."""

from collections.abc import Iterator
from typing import Any

import pytest

from components.evaluation.explanations.embedding_path import EmbeddingPath
from serving.explanation import Explained
from tests.browser import in_browser, serious_violations
from tests.serving.conftest import (
    HEADS,
    LABELS,
    MAX_TOKENS,
    THRESHOLDS,
    decided_by_thresholds,
    running_server,
    toy_network,
    toy_vocabulary,
)
from tests.serving.conftest import ToyModel as Toy
from tests.serving.test_web_page import Held, browser, complaints, opened

__all__ = ["browser", "complaints"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from serving.saved_model import export_saved_model
    from serving.tokenizer import InGraphTokenizer

    vocabulary = toy_vocabulary()
    network = toy_network(len(vocabulary), HEADS)
    tokenizer = InGraphTokenizer(
        vocabulary, lowercase=True, strip_accents=True, special_tokens={}, max_tokens=MAX_TOKENS
    )
    (backbone,) = (layer for layer in network.layers if hasattr(layer, "token_embedding"))
    special = [vocabulary.index(token) for token in ("[PAD]", "[CLS]", "[SEP]")]
    directory = tmp_path_factory.mktemp("explained") / "emotion" / "7"
    export_saved_model(
        directory,
        network=network,
        decide=decided_by_thresholds,
        tokenizer=tokenizer,
        heads=HEADS,
        thresholds=THRESHOLDS,
        explained=Explained(
            EmbeddingPath(network, [backbone.token_embedding]).slope, special[0], tuple(special[1:])
        ),
    )
    with running_server(Toy(network, tokenizer, directory)) as server:
        yield server


@in_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_are_coloured_and_named(browser: Any, server: Any, complaints: list[str], scheme: str) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 900}, color_scheme=scheme)
    opened(page, server, complaints)
    page.get_by_label("Type or paste texts").fill("I am <b>so</b> happy today!\nso sad")
    page.get_by_role("button", name="Show emotions").click()
    why = page.locator("article").first.locator(".why")
    why.get_by_role("button", name="Which words did it?").click()
    why.locator(".words").wait_for()
    assert why.locator(".words").inner_text().split() == ["I", "am", "<b>so</b>", "happy", "today!"]
    assert why.locator(".words span").count() > 0
    assert "with every word hidden it would be" in why.inner_text()
    assert sorted(why.locator("select option").all_inner_texts()) == sorted(LABELS)
    before = why.locator(".words + p").inner_text()
    other = why.locator("select option").nth(1).inner_text()
    why.locator("select").select_option(other)
    page.wait_for_function("before => document.querySelector('.words + p')?.innerText !== before", arg=before)
    assert serious_violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert complaints == []
    page.close()


@in_browser
def test_the_last_label_is_explained(browser: Any, server: Any, complaints: list[str]) -> None:
    page = browser.new_page()
    opened(page, server, complaints)
    page.get_by_label("Type or paste texts").fill("so sad")
    page.get_by_role("button", name="Show emotions").click()
    page.locator(".why").wait_for()
    held = Held(page, "**/*:predict")
    page.get_by_role("button", name="Which words did it?").click()
    held.next()
    with page.expect_event("requestfailed"):
        page.locator(".why select").select_option(index=1)
    held.next().continue_()
    page.locator(".words").wait_for()
    assert page.locator(".why .bad").count() == 0
    assert complaints == []
    page.close()

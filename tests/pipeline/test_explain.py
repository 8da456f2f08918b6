"""`emotion explain`: for a person with and without colours, as JSON, as a page."""

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from components.core.artifacts import Model
from components.core.errors import UserError
from components.evaluation.explanations.explainer import Explanation, Word
from components.modeling.classifier import LoadedModel, load_model
from components.modeling.heads import Head
from pipeline.commands.explain import ExplainOptions, explain_command
from pipeline.commands.explanation_views import (
    ExplainedOutput,
    ExplainedText,
    explanation_page,
    show_explanation,
)
from pipeline.pages.words import shade_of
from tests.components.exported_model import small_model

HEADS = (
    Head(name="emotion", task="multi_label", outputs=("joy", "anger", "fear")),
    Head(name="affect", task="regression", outputs=("valence",), mean=(3.0,), std=(0.5,)),
)
TEXT = "i am <b>so</b> happy, [bold]café"
EXPLAINED = ExplainedText(
    text="not a [bold] café & so on",
    context="",
    outputs=[ExplainedOutput("joy", False, 0.25), ExplainedOutput("valence", True, None)],
    scores=[0.5, 3.2],
    decided=[True, False],
    explanations={
        0: Explanation(
            words=(
                Word("not", 0, 3, -0.1),
                Word("a", 4, 5, 0.001),
                Word("café", 13, 17, 0.45),
                Word("so", 20, 22, None),
            ),
            context_words=(),
            score=0.5,
            baseline_score=0.1,
            steps=600,
            gap=0.05,
            complete=False,
        )
    },
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    directory = tmp_path_factory.mktemp("explain")
    return small_model(directory / "model", heads=HEADS, thresholds=(0.5, 0.5, 0.5, 0.0))


@pytest.fixture(scope="module")
def loaded(model: Model) -> LoadedModel:
    return load_model(model)


def explain(model: Model, *texts: str, **options: Any) -> None:
    given: dict[str, Any] = {"contexts": [], "file": None, "labels": [], "html": None, "as_json": False}
    explain_command(texts, ExplainOptions(model=model.path, **{**given, **options}))


def test_json_and_page_say_the_same(
    model: Model, loaded: LoadedModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, page = tmp_path / "texts.txt", tmp_path / "page.html"
    file.write_text(f"{TEXT}\n\nso sad\n", encoding="utf-8")
    explain(model, file=file, html=page, as_json=True)
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [document["text"] for document in documents] == [TEXT, "so sad"]
    scores = loaded.scores([TEXT, "so sad"])
    for document, row, decided in zip(documents, scores, loaded.decide(scores), strict=True):
        names = loaded.config.labels
        assert document["scores"] == pytest.approx(dict(zip(names, row.tolist(), strict=True)), abs=1e-5)
        assert document["labels"] == [name for name, applies in zip(names, decided, strict=True) if applies]
        explained = [explanation["label"] for explanation in document["explanations"]]
        likeliest = max(names[:3], key=document["scores"].__getitem__)
        assert sorted(explained) == sorted([*(document["labels"] or [likeliest]), "valence"])
        for explanation in document["explanations"]:
            difference = explanation["score"] - explanation["baseline_score"]
            assert explanation["complete"]
            assert sum(word["value"] for word in explanation["words"]) == pytest.approx(
                difference, abs=0.01 * max(abs(difference), 0.05)
            )
            for word in explanation["words"]:
                assert document["text"][word["start"] : word["end"]] == word["text"]
    html = page.read_text(encoding="utf-8")
    assert "<b>" not in html
    assert "i am &lt;b&gt;so&lt;/b&gt; happy, [bold]café" in html
    assert not re.search(r"<script|https?://", html)


def test_a_label_can_be_asked_for(model: Model, capsys: pytest.CaptureFixture[str]) -> None:
    explain(model, TEXT, labels=["fear", "joy"], as_json=True)
    (document,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert [explanation["label"] for explanation in document["explanations"]] == ["fear", "joy"]
    with pytest.raises(UserError, match="--label joi: the model does not answer that; did you mean 'joy'"):
        explain(model, TEXT, labels=["joi"])


def test_what_cannot_be_explained_is_said(model: Model, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="this model reads texts alone; leave --context out"):
        explain(model, TEXT, contexts=["before"])
    with pytest.raises(UserError, match="is neither a Model artifact nor a pipeline root"):
        explain(Model(tmp_path), TEXT)


def _shown(**options: Any) -> str:
    console = Console(file=io.StringIO(), width=90, **options)
    show_explanation(console, EXPLAINED)
    return console.file.getvalue()


def test_without_colours_all_is_said_in_figures() -> None:
    assert [line.rstrip() for line in _shown(no_color=True).splitlines()] == [
        "not a [bold] café & so on",
        "    output   score  threshold  decision",
        "    valence  3.200             number",
        " ✓  joy      0.500      0.250  applies",
        "",
        " joy 0.500, and 0.100 with every word hidden",
        "   not a [bold] café & so on",
        "   café +0.450 ████████████████ for",
        "   not  -0.100 ████             against",
        "   a    +0.001 █                for",
        "   The text is too long: what is struck out was not read.",
        "   Not exact: the values miss up to 0.05 of +0.4, after 600 steps.",
    ]


def test_colours_stand_on_the_words() -> None:
    shown = _shown(force_terminal=True, color_system="truecolor", no_color=False)
    coloured = re.findall(r"\x1b\[38;2;0;0;0;48;2;([\d;]+)m(.*?)\x1b", shown)
    assert [word for _, word in coloured] == ["not", "café"]
    blue = [int(part) for part in coloured[1][0].split(";")]
    assert blue == sorted(blue)
    assert re.search(r"\x1b\[2;9mso\x1b", shown)


def test_the_page_marks_words_and_their_sides() -> None:
    html = explanation_page([EXPLAINED])
    assert (
        '<span class="word against-1" title="-0.100">not</span> a [bold] '
        '<span class="word for-4" title="+0.450">café</span> &amp; <s>so</s> on'
    ) in html
    assert "Not exact: the values miss up to 0.05" in html


def test_shades_grow_with_the_share_of_the_strongest() -> None:
    assert [shade_of(value, 2.0) for value in (2.0, 1.6, 0.5, 0.2, 0.1, -0.1, -1.2, -2.0)] == [
        4, 4, 2, 1, 0, 0, -3, -4,
    ]  # fmt: skip
    assert shade_of(0.0, 0.0) == 0

import re
from collections import Counter
from importlib.resources import files
from pathlib import Path

import pytest

from pipeline.config import PipelineConfig, parse_config
from pipeline.local_runner import RunResult
from pipeline.metadata.records import State
from pipeline.report import collect_report, render_report
from tests.pipeline.report.page import Page
from tests.pipeline.report.sample import LABELS, refused_run, sample_run


@pytest.fixture(scope="module")
def config() -> PipelineConfig:
    return parse_config({"name": "goemotions", "example_gen": {"source": "data/*.tsv"}})


@pytest.fixture(scope="module")
def blessed(tmp_path_factory: pytest.TempPathFactory, config: PipelineConfig) -> Page:
    run = sample_run(tmp_path_factory.mktemp("blessed") / "run")
    return Page(render_report(collect_report(run.result, config)))


def test_a_blessed_run_shows_everything(blessed: Page) -> None:
    assert blessed.sections == [
        "checks",
        "labels",
        "thresholds",
        "calibration",
        "slices",
        "errors",
        "robustness",
        "fairness",
        "training",
        "data",
        "data-labels",
        "data-texts",
        "data-duplicates",
        "data-rows",
        "data-examples",
        "exports",
        "run",
    ]
    assert "Blessed" in blessed.text
    assert "Pushed as version 1795475000" in blessed.text
    assert "Not compared: first model" in blessed.text
    for label in LABELS:
        assert label in blessed.text
    for figure in ("91.8 MB", "23.1 MB", "99.71 %", "2.0e-06", "32 min 11 s", "43,410", "half have up to"):
        assert figure in blessed.text, figure


def test_the_file_needs_no_network(blessed: Page) -> None:
    assert list(blessed.all("script")) == [{}], "nothing but the sorting of tables"
    assert not re.search(r"https?://|@import|url\(", blessed.html)
    assert {attributes.get("href", "")[:5] for attributes in blessed.all("link")} == {"data:"}
    links = {str(attributes["href"]) for attributes in blessed.all("a")}
    assert {link for link in links if not link.startswith("#")} == {"statistics.html"}


def test_the_page_can_be_read_without_seeing_it(blessed: Page) -> None:
    counts = Counter(name for name, _ in blessed.elements)
    assert counts["h1"] == 1
    assert counts["caption"] == counts["table"] > 5
    assert all("scope" in attributes for attributes in blessed.all("th"))
    for attributes in blessed.all("svg"):
        assert attributes.get("role") == "img" or hidden(attributes) or "viewbox" in attributes
        if attributes.get("role") == "img":
            assert attributes["aria-label"]
    identifiers = [attributes["id"] for _, attributes in blessed.elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    links = {str(attributes["href"]) for attributes in blessed.all("a")}
    targets = {link[1:] for link in links if link.startswith("#")}
    assert targets <= set(identifiers)


def hidden(attributes: dict[str, str | None]) -> bool:
    return attributes.get("aria-hidden") == "true"


def test_texts_are_shown_as_they_are(blessed: Page) -> None:
    assert "<b>and nobody answers</b>" in blessed.text
    assert "<b>and" not in blessed.html


def test_a_refused_model_says_why(tmp_path: Path, config: PipelineConfig) -> None:
    run = sample_run(tmp_path / "run", blessed=False)
    page = Page(render_report(collect_report(run.result, config)))
    assert "Not blessed" in page.text
    assert "below the required 0.900" in page.text
    assert "Before Now Change 95 % interval Macro-F1" in page.text
    assert "Exports : saved_model_exporter was not run, for the reason at the top." in page.text
    assert "exports" not in page.sections
    assert page.text.index("✗ failed") < page.text.index("✓ passed")


def test_a_model_for_tests_says_so_at_the_top(tmp_path: Path, config: PipelineConfig, blessed: Page) -> None:
    run = sample_run(tmp_path / "run", for_tests_only=True)
    page = Page(render_report(collect_report(run.result, config)))
    assert page.text.index("For tests only") < page.text.index("Blessed", page.text.index("For tests only"))
    assert "For tests only" not in blessed.text


def test_refused_data_are_shown_with_their_anomalies(tmp_path: Path, config: PipelineConfig) -> None:
    page = Page(render_report(collect_report(refused_run(tmp_path / "run").result, config)))
    assert "Stopped before training" in page.text
    assert page.sections == ["data", "data-duplicates", "data-rows", "data-examples", "left-out", "run"]
    assert "differs from train by 0.031" in page.text
    assert "Training : trainer was not run" in page.text
    assert "Label balance : statistics_gen was no part of this run." in page.text


def test_a_run_of_the_first_stage_alone_has_a_report(tmp_path: Path, config: PipelineConfig) -> None:
    result = sample_run(tmp_path / "run").result
    first = RunResult(1, State.COMPLETE, {"example_gen": result.stages["example_gen"]})
    page = Page(render_report(collect_report(first, config)))
    assert "No model judged" in page.text
    assert page.sections == ["data", "data-duplicates", "data-rows", "data-examples", "left-out", "run"]
    assert not {"statistics.html"} & {str(attributes["href"]) for attributes in page.all("a")}


def test_an_empty_run_has_a_report(config: PipelineConfig) -> None:
    page = Page(render_report(collect_report(RunResult(1, State.COMPLETE, {}), config)))
    assert page.sections == ["left-out", "run"]


def test_the_configuration_and_the_environment_are_kept(blessed: Page) -> None:
    assert "name: goemotions" in blessed.text
    assert "tensorflow 2.21" in blessed.text


STYLES = (
    ("serving", "page/theme.css"),
    ("pipeline", "pages/page.css"),
    ("pipeline", "pages/words.css"),
    ("pipeline", "report/report.css"),
)


def palette(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6});", block))


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def test_a_file_is_small_and_the_same_every_time(tmp_path: Path, config: PipelineConfig) -> None:
    record = collect_report(sample_run(tmp_path / "run").result, config)
    html = render_report(record)
    assert html == render_report(record)
    assert len(html.encode()) < 1_000_000


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_contrasts_with_what_it_stands_on(scheme: str) -> None:
    colours = {}
    for package, file in STYLES:
        blocks = re.findall(r":root \{(.*?)\}", (files(package) / file).read_text(), re.S)
        colours |= palette(blocks[0 if scheme == "light" else 1])
    pairs = [(text, ground) for text in ("text", "muted", "accent") for ground in ("page", "surface")]
    pairs += [(mood, f"{mood}-surface") for mood in ("good", "bad", "warn")]
    pairs += [("text", f"{mood}-surface") for mood in ("good", "bad", "warn")]
    pairs += [("text", "sunken"), ("good", "sunken"), ("bad", "sunken"), ("bad", "surface")]
    pairs += [("text", f"heat-{level}") for level in (1, 2, 3)]
    pairs += [("on-heat", f"heat-{level}") for level in (4, 5)]
    pairs += [("on-word", f"{side}-{shade}") for side in ("for", "against") for shade in (1, 2, 3, 4)]
    for text, ground in pairs:
        assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    assert contrast(colours["bar"], colours["sunken"]) >= 1.8
    assert contrast(colours["whisker"], colours["bar"]) >= 3
    for line in ("accent", "plot-2", "plot-3", "muted"):
        assert contrast(colours[line], colours["surface"]) >= 3, line

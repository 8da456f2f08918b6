"""The lineage as one HTML page: a picture of the graph, and below it what each stage read, gave and was set to."""

import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from pipeline.lineage.ancestry import Ancestry, Origin, Step
from pipeline.lineage.layout import Layout, lay_out
from pipeline.metadata.records import ArtifactRecord, State
from pipeline.pages.environment import page_environment
from pipeline.pages.formats import format_seconds

__all__ = ["render_page"]

_CARD, _ORIGIN = (200.0, 74.0), (200.0, 46.0)
"""Width and height in pixels of a stage and of what comes from outside."""

_MARGIN = 12.0
_LONGEST = 26
"""Characters that fit into a card."""

_NAMED = 20
"""Files of one source that the picture names."""


def render_page(ancestry: Ancestry) -> str:
    """Returns the HTML; it needs no network and no script."""
    cards = _cards(ancestry)
    edges = _edges(ancestry.steps)
    layout = lay_out({card["key"]: (card["width"], card["height"]) for card in cards}, list(edges))
    document = ancestry.document()
    return (
        page_environment("lineage")
        .get_template("lineage.html.j2")
        .render(
            subject=ancestry.subject,
            pipeline=document["pipeline"],
            artifact=document["artifact"],
            stages=[{**stage, "settings": _settings(stage["settings"])} for stage in document["stages"]],
            margin=_MARGIN,
            width=layout.width + 2 * _MARGIN,
            height=layout.height + 2 * _MARGIN,
            cards=[
                {**card, "x": layout.corners[card["key"]][0], "y": layout.corners[card["key"]][1]}
                for card in cards
            ],
            edges=[{"path": _path(edge, layout), "title": ", ".join(names)} for edge, names in edges.items()],
        )
    )


def _origins(steps: Sequence[Step]) -> dict[tuple[str, tuple[str, ...]], list[Origin]]:
    """What came from outside, of one kind and read by the same stages, together: a source may be a hundred files."""
    readers: dict[Origin, list[str]] = {}
    for step in steps:
        for origin in step.origins:
            readers.setdefault(origin, []).append(_key(step))
    groups: dict[tuple[str, tuple[str, ...]], list[Origin]] = {}
    for origin, keys in readers.items():
        groups.setdefault((origin.kind, tuple(keys)), []).append(origin)
    return groups


def _cards(ancestry: Ancestry) -> list[dict[str, Any]]:
    outside = [_origin_card(origins) for origins in _origins(ancestry.steps).values()]
    return outside + [_stage_card(step, ancestry.of) for step in ancestry.steps]


def _origin_card(origins: Sequence[Origin]) -> dict[str, Any]:
    width, height = _ORIGIN
    first = origins[0]
    more = f", {len(origins) - 1} more" if len(origins) > 1 else ""
    name = PurePath(first.name).name or first.name
    return {
        "key": _origin_key(first),
        "kind": "origin",
        "words": [_cut(name, len(more)) + more, first.kind],
        "title": "\n".join(f"{origin.name} {origin.version}".strip() for origin in origins[:_NAMED]),
        "width": width,
        "height": height,
    }


def _stage_card(step: Step, subject: ArtifactRecord | None) -> dict[str, Any]:
    width, height = _CARD
    execution, made = step.execution, step.gives.values()
    is_subject = subject is not None and any(record.id == subject.id for record in made)
    kind = "stage" if execution.state is State.COMPLETE else "unfinished"
    took = f", {format_seconds(execution.seconds)}" if execution.seconds is not None else ""
    gave = ", ".join(step.gives) or execution.state.value.lower()
    return {
        "key": _key(step),
        "kind": "subject" if is_subject else kind,
        "words": [_cut(execution.stage), f"run {execution.run_id}{took}", _cut(gave)],
        "title": execution.error or ", ".join(record.name for record in made),
        "width": width,
        "height": height,
    }


def _edges(steps: Sequence[Step]) -> dict[tuple[str, str], list[str]]:
    """Pairs of cards with the names of what goes from one to the other."""
    makers = {record.id: _key(step) for step in steps for record in step.gives.values()}
    edges: dict[tuple[str, str], list[str]] = {}
    for (_, readers), origins in _origins(steps).items():
        for reader in readers:
            edges[_origin_key(origins[0]), reader] = [origin.name for origin in origins[:_NAMED]]
    for step in steps:
        for name, record in step.reads.items():
            if record.id in makers:
                edges.setdefault((makers[record.id], _key(step)), []).append(name)
    return edges


def _key(step: Step) -> str:
    return f"stage-{step.execution.id}"


def _origin_key(first: Origin) -> str:
    return f"{first.kind} {first.name}"


def _path(edge: tuple[str, str], layout: Layout) -> str:
    """A curve that leaves and enters vertically."""
    points = [(x + _MARGIN, y + _MARGIN) for x, y in layout.routes[edge]]
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for (x, y), (to_x, to_y) in itertools.pairwise(points):
        middle = (y + to_y) / 2
        path += f"C{x:.1f} {middle:.1f} {to_x:.1f} {middle:.1f} {to_x:.1f} {to_y:.1f}"
    return path


def _settings(settings: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in settings.items()
    }


def _cut(text: str, reserved: int = 0) -> str:
    room = _LONGEST - reserved
    return text if len(text) <= room else f"{text[: room - 1]}…"

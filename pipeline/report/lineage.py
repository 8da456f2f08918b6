"""The stages of a run in their order, and which artifact went from where to where."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.report.collect import ReportData

__all__ = ["lineage"]

_GAP, _EDGE = 13, 9
"""Pixels between two lanes, and between the outermost ones and the border."""


@dataclass(frozen=True)
class _Lane:
    """An artifact from the stage that wrote it (`start`) down to the last that read it (`end`), as places of rows."""

    artifact: str
    start: int
    readers: Sequence[int]
    only_gates: bool

    @property
    def end(self) -> int:
        return max(self.readers)


def lineage(data: ReportData) -> dict[str, Any]:
    """The `rows`, one a stage, and the `width` of the drawing beside them in pixels.

    Each row has what is known of its stage, `share` (of the longest stage's time), `reads` (names of artifacts of this
    run or of an earlier one), `gives` (name, digest and path of each output) and `rails`: paths in a box of
    `width` by 100 that is stretched to the height of its row, the node of the stage in the middle of its right edge.
    """
    names = list(data.stages)
    lanes = _columns(_lanes(names, data.stages))
    columns = 1 + max((column for _, column in lanes), default=-1)
    node = _EDGE + _GAP * columns
    longest = max((stage["seconds"] for stage in data.stages.values()), default=0.0)
    return {
        "width": node + _EDGE,
        "rows": [
            {
                "name": name,
                **stage,
                "share": stage["seconds"] / longest if longest else 0.0,
                "reads": list(dict.fromkeys(stage["reads"].values())),
                "gives": _outputs(stage),
                "rails": [
                    {"path": path, "gate": lane.only_gates}
                    for lane, column in lanes
                    for path in _rails(lane, at, _EDGE + _GAP * (columns - 1 - column), node)
                ],
            }
            for at, (name, stage) in enumerate(data.stages.items())
        ],
    }


def _outputs(stage: Mapping[str, Any]) -> list[dict[str, str | None]]:
    return [
        {"name": name, "digest": stage["digests"].get(name), "path": path}
        for name, path in stage["outputs"].items()
    ]


def _lanes(names: Sequence[str], stages: Mapping[str, Mapping[str, Any]]) -> list[_Lane]:
    readers: dict[str, list[int]] = {}
    inputs: set[str] = set()
    for at, name in enumerate(names):
        for key, source in stages[name]["reads"].items():
            readers.setdefault(source, []).append(at)
            if key != source:
                inputs.add(source)
    return [
        _Lane(source, names.index(stage), places, source not in inputs)
        for source, places in readers.items()
        if (stage := source.partition(".")[0]) in names
    ]


def _columns(lanes: Sequence[_Lane]) -> list[tuple[_Lane, int]]:
    """Every lane with its column, 0 beside the nodes: short ones inside, each column as often as it is free."""
    free_from: list[int] = []
    placed = []
    for lane in sorted(lanes, key=lambda lane: (lane.start, lane.end, lane.artifact)):
        column = next((at for at, row in enumerate(free_from) if row <= lane.start), len(free_from))
        free_from[column:] = [lane.end, *free_from[column + 1 :]]
        placed.append((lane, column))
    return placed


def _rails(lane: _Lane, row: int, x: float, node: float) -> list[str]:
    """What is seen of a lane in one row."""
    paths = []
    if row == lane.start:
        paths.append(f"M{node} 50C{x} 50 {x} 60 {x} 100")
    elif row in lane.readers:
        paths.append(f"M{x} 0C{x} 40 {x} 50 {node} 50")
    if lane.start < row < lane.end:
        paths.append(f"M{x} 0V100")
    return paths

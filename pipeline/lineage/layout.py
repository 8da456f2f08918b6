"""Places the nodes of a small directed graph without cycles in layers (Sugiyama, Tagawa and Toda, 1981).

1. A node's layer is the longest way to it; one that nothing leads to stands just above what reads it.
2. Edges over several layers get a waypoint in each, so that they go around nodes.
3. Layers are ordered by the mean place of neighbours, up and down, and the order with the fewest crossings stays.
4. Nodes move sideways towards their neighbours as far as there is room.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["Layout", "lay_out"]

_Node: TypeAlias = str | tuple[str, str, int]
"""A node, or the waypoint of an edge (from, to) in a layer."""

_SWEEPS = 12


@dataclass(frozen=True)
class Layout:
    """Where things are, in pixels, x to the right and y down.

    Attributes:
        width: of the whole.
        height: of the whole.
        corners: upper left corner of each node.
        routes: by edge, the points it goes through: from the lower side of its first node to the upper one of its last.
    """

    width: float
    height: float
    corners: Mapping[str, tuple[float, float]]
    routes: Mapping[tuple[str, str], Sequence[tuple[float, float]]]


def lay_out(
    sizes: Mapping[str, tuple[float, float]],
    edges: Sequence[tuple[str, str]],
    *,
    gap_x: float = 28.0,
    gap_y: float = 56.0,
    waypoint_width: float = 2.0,
) -> Layout:
    """Places the nodes.

    Args:
        sizes: width and height of each node, pixels.
        edges: pairs of nodes, each pair once.
        gap_x: free pixels between neighbours of a layer.
        gap_y: free pixels between layers.
        waypoint_width: pixels that an edge takes on its way between nodes.
    """
    layer_of = _layers(list(sizes), edges)
    layers, links = _with_waypoints(list(sizes), edges, layer_of)
    layers = _ordered(layers, links)
    widths = {node: _width(node, sizes, waypoint_width) for layer in layers for node in layer}
    centers = _centers(layers, links, widths, gap_x)
    heights = [
        max((sizes[node][1] for node in layer if isinstance(node, str)), default=0.0) for layer in layers
    ]
    tops = [sum(heights[:at]) + at * gap_y for at in range(len(layers))]
    left = min(centers[node] - widths[node] / 2 for node in centers)
    corners = {
        node: (centers[node] - widths[node] / 2 - left, tops[layer_of[node]])
        for node in centers
        if isinstance(node, str)
    }

    def route(edge: tuple[str, str]) -> list[tuple[float, float]]:
        start, end = edge
        points = [(centers[start] - left, corners[start][1] + sizes[start][1])]
        for at in range(layer_of[start] + 1, layer_of[end]):
            x = centers[start, end, at] - left
            points += [(x, tops[at]), (x, tops[at] + heights[at])]
        return [*points, (centers[end] - left, corners[end][1])]

    return Layout(
        width=max(centers[node] + widths[node] / 2 for node in centers) - left,
        height=tops[-1] + heights[-1],
        corners=corners,
        routes={edge: route(edge) for edge in edges},
    )


def _width(node: _Node, sizes: Mapping[str, tuple[float, float]], waypoint_width: float) -> float:
    return sizes[node][0] if isinstance(node, str) else waypoint_width


def _layers(nodes: Sequence[str], edges: Sequence[tuple[str, str]]) -> dict[str, int]:
    layer_of = dict.fromkeys(nodes, 0)
    for _ in nodes:
        for start, end in edges:
            layer_of[end] = max(layer_of[end], layer_of[start] + 1)
    ends = {end for _, end in edges}
    for node in nodes:
        readers = [layer_of[end] for start, end in edges if start == node]
        if node not in ends and readers:
            layer_of[node] = min(readers) - 1
    return layer_of


def _with_waypoints(
    nodes: Sequence[str], edges: Sequence[tuple[str, str]], layer_of: Mapping[str, int]
) -> tuple[list[list[_Node]], list[tuple[_Node, _Node]]]:
    """The layers, and the edges cut into pieces from one layer to the next."""
    layers: list[list[_Node]] = [[] for _ in range(max(layer_of.values()) + 1)]
    for node in nodes:
        layers[layer_of[node]].append(node)
    links: list[tuple[_Node, _Node]] = []
    for start, end in edges:
        before: _Node = start
        for at in range(layer_of[start] + 1, layer_of[end]):
            waypoint = (start, end, at)
            layers[at].append(waypoint)
            links.append((before, waypoint))
            before = waypoint
        links.append((before, end))
    return layers, links


def _ordered(layers: list[list[_Node]], links: Sequence[tuple[_Node, _Node]]) -> list[list[_Node]]:
    best, fewest = layers, _crossings(layers, links)
    current = [list(layer) for layer in layers]
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for at in range(1, len(current)) if down else range(len(current) - 2, -1, -1):
            place = {node: float(i) for i, node in enumerate(current[at - 1 if down else at + 1])}
            near = _neighbours(links, down=down)
            old = {node: float(i) for i, node in enumerate(current[at])}
            current[at].sort(key=lambda node: _mean([place[n] for n in near.get(node, ())], old[node]))
        crossings = _crossings(current, links)
        if crossings < fewest:
            best, fewest = [list(layer) for layer in current], crossings
    return best


def _neighbours(links: Sequence[tuple[_Node, _Node]], *, down: bool) -> dict[_Node, list[_Node]]:
    """Of each node, those in the layer above it if `down`, else below it."""
    near: dict[_Node, list[_Node]] = {}
    for start, end in links:
        node, other = (end, start) if down else (start, end)
        near.setdefault(node, []).append(other)
    return near


def _crossings(layers: Sequence[Sequence[_Node]], links: Sequence[tuple[_Node, _Node]]) -> int:
    place = {node: (at, i) for at, layer in enumerate(layers) for i, node in enumerate(layer)}
    spans = [(place[start][0], place[start][1], place[end][1]) for start, end in links]
    return sum(
        (a[1] - b[1]) * (a[2] - b[2]) < 0 for i, a in enumerate(spans) for b in spans[i + 1 :] if a[0] == b[0]
    )


def _centers(
    layers: Sequence[Sequence[_Node]],
    links: Sequence[tuple[_Node, _Node]],
    widths: Mapping[_Node, float],
    gap: float,
) -> dict[_Node, float]:
    centers: dict[_Node, float] = {}
    for layer in layers:
        centers.update(_spread(layer, dict.fromkeys(layer, 0.0), widths, gap))
    above, below = (_neighbours(links, down=down) for down in (True, False))
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        near = above if down else below
        for layer in layers if down else reversed(layers):
            wanted = {
                node: _mean([centers[other] for other in near.get(node, ())], centers[node]) for node in layer
            }
            centers.update(_spread(layer, wanted, widths, gap))
    return centers


def _spread(
    layer: Sequence[_Node], wanted: Mapping[_Node, float], widths: Mapping[_Node, float], gap: float
) -> dict[_Node, float]:
    """Centers in the layer's order, without overlap, as near to the wanted ones as the mean of two greedy ways gets."""
    from_left: list[float] = []
    from_right: list[float] = []
    for i, node in enumerate(layer):
        room = (widths[layer[i - 1]] + widths[node]) / 2 + gap if i else 0.0
        from_left.append(max(wanted[node], from_left[-1] + room) if i else wanted[node])
    for i, node in enumerate(reversed(layer)):
        room = (widths[layer[len(layer) - i]] + widths[node]) / 2 + gap if i else 0.0
        from_right.append(min(wanted[node], from_right[-1] - room) if i else wanted[node])
    return {
        node: (left + right) / 2
        for node, left, right in zip(layer, from_left, reversed(from_right), strict=True)
    }


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise

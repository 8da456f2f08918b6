"""Draws Vega-Lite charts as inline SVG that takes its colours from the page, so that one drawing serves every theme.

vl-convert renders Vega-Lite in this process, without a browser, a network or scripts in the page.
"""

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any
from xml.etree import ElementTree as ET

from markupsafe import Markup

__all__ = ["draw", "draw_facets"]

_CONFIG: Mapping[str, Any] = {
    "background": None,
    "font": "sans-serif",
    "view": {"stroke": None},
    "axis": {
        "domainColor": "var(--muted)",
        "gridColor": "var(--line)",
        "tickColor": "var(--line)",
        "labelColor": "var(--muted)",
        "titleColor": "var(--muted)",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelPadding": 4,
    },
    "legend": {
        "labelColor": "var(--text)",
        "titleColor": "var(--muted)",
        "labelFontSize": 12.5,
        "titleFontSize": 12.5,
        "titleFontWeight": "normal",
    },
}

_INVISIBLE = re.compile(r"M0\.?5?,0\.?5?h0v0h0Z|")
_LONG = re.compile(r"-?\d+\.\d\d+")
_KEPT = {
    "transform",
    "d",
    "x",
    "y",
    "x1",
    "x2",
    "y1",
    "y2",
    "cx",
    "cy",
    "r",
    "width",
    "height",
    "text-anchor",
}
_KEPT |= {
    "fill",
    "fill-opacity",
    "stroke",
    "stroke-width",
    "stroke-dasharray",
    "stroke-opacity",
    "stroke-linecap",
}
_KEPT |= {"font-size", "font-weight"}
_DEFAULTS = {("stroke-width", "1"), ("fill-opacity", "1"), ("stroke-opacity", "1"), ("font-weight", "normal")}


def draw(spec: Mapping[str, Any], *, label: str) -> Markup:
    """A chart as one image.

    Args:
        spec: a Vega-Lite specification with its data; colours may be `var(--name)` of the page's style sheet. What a
            mark's `description` channel says is shown when a pointer rests on the mark.
        label: what somebody who does not see the chart is told of it.
    """
    root = ET.fromstring(_svg(json.dumps({**spec, "config": _CONFIG})))
    return _image(_tidied(root), root.attrib["viewBox"], label)


def draw_facets(spec: Mapping[str, Any], *, labels: Sequence[str]) -> list[Markup]:
    """The panels of a chart as images of their own, so that the page can arrange them as its width allows.

    Args:
        spec: a specification with `facet` (a `row` in the panels' order) and `spec` with `width` and `height`; its axes
            must belong to each panel (`resolve`).
        labels: as for `draw`, one a panel.
    """
    root = ET.fromstring(_svg(json.dumps({**spec, "config": _CONFIG})))
    panels = [group for group in root.iter() if "role-scope cell" in group.get("class", "")]
    # A group of marks holds one group for each panel.
    cells = [cell for panel in panels for cell in panel]
    if len(cells) != len(labels):
        raise ValueError(f"expected {len(labels)} panels, the chart has {len(cells)}")
    width, height = spec["spec"]["width"], spec["spec"]["height"]
    left, right, top, bottom = 34, 8, 8, 22
    view = f"{-left} {-top} {left + width + right} {top + height + bottom}"
    images = []
    for cell, label in zip(cells, labels, strict=True):
        cell.attrib.pop("transform", None)
        images.append(_image(_tidied(cell), view, label))
    return images


@cache
def _svg(spec: str) -> str:
    """Vega's own drawing. Kept, since V8 takes half a second to start and the same run may be drawn more than once."""
    import vl_convert

    drawing: str = vl_convert.vegalite_to_svg(spec, vl_version="6.4")
    return drawing


def _image(content: str, view: str, label: str) -> Markup:
    width = view.split()[2]
    return Markup(
        '<svg class="plot" viewBox="{view}" style="max-width: {width}px" role="img" aria-label="{label}">'
    ).format(view=view, width=width, label=label) + Markup(f"{content}</svg>")


def _tidied(root: ET.Element) -> str:
    """The drawing without what only Vega needs, numbers to a tenth of a pixel; descriptions of marks become titles."""
    group = ET.Element("g", {"fill": "none"})
    for child in root:
        _copy(child, group)
    return ET.tostring(group, encoding="unicode")


def _copy(element: ET.Element, parent: ET.Element) -> None:
    tag = element.tag.rpartition("}")[2]
    shape = element.get("d")
    if element.get("display") == "none" or (shape is not None and _INVISIBLE.fullmatch(shape)):
        return
    attributes = {
        name: _LONG.sub(lambda number: f"{float(number[0]):.1f}".removesuffix(".0"), value)
        for name, value in element.attrib.items()
        if name in _KEPT and (name, value) not in _DEFAULTS
    }
    if tag == "path" and not attributes.keys() & {"fill", "stroke"}:
        return
    if tag == "g" and not attributes:
        target = parent
    else:
        target = ET.SubElement(parent, tag, attributes)
        target.text = element.text
    told = element.get("aria-label")
    if told and tag not in ("g", "text"):
        ET.SubElement(target, "title").text = told
    for child in element:
        _copy(child, target)

"""The sections about the data, in the order in which a person asks: what is it, is it sound, what is in it."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from pipeline.report.collect import ReportData
from pipeline.report.data.annotators import annotators
from pipeline.report.data.anomalies import anomalies
from pipeline.report.data.balance import balance
from pipeline.report.data.cooccurrence import cooccurrence
from pipeline.report.data.dead_letters import dead_letters
from pipeline.report.data.duplicates import duplicates
from pipeline.report.data.examples import examples
from pipeline.report.data.features import features
from pipeline.report.data.labels_per_text import labels_per_text
from pipeline.report.data.lengths import lengths
from pipeline.report.data.overview import overview
from pipeline.report.data.personal_data import personal_data
from pipeline.report.data.shift import shift
from pipeline.report.data.words import words
from pipeline.report.data.writing import writing

__all__ = ["data_sections"]

Part: TypeAlias = Callable[[ReportData], Mapping[str, Any] | None]

_SECTIONS: tuple[tuple[str, str, tuple[Part, ...]], ...] = (
    ("data", "Data", (overview, anomalies)),
    ("data-labels", "Labels in the data", (balance, shift, cooccurrence, labels_per_text, annotators)),
    ("data-texts", "Texts", (lengths, words, writing)),
    ("data-duplicates", "Duplicates", (duplicates,)),
    ("data-rows", "Masked and refused", (personal_data, dead_letters)),
    ("data-examples", "Examples", (examples,)),
)
_FEATURES: tuple[str, str, tuple[Part, ...]] = ("features", "Features", (features,))


def data_sections(data: ReportData, *, with_features: bool = False) -> list[dict[str, Any]]:
    """The sections that the run has something for.

    Args:
        data: what the run left behind.
        with_features: whether the table of every feature is one of them.

    Returns:
        `anchor`, `title` and `parts` (`template` and `values`) of each.
    """
    sections = (*_SECTIONS, _FEATURES) if with_features else _SECTIONS
    found = [
        {
            "anchor": anchor,
            "title": title,
            "parts": [part for part in map(_with_template(data), parts) if part],
        }
        for anchor, title, parts in sections
    ]
    return [section for section in found if section["parts"]]


def _with_template(data: ReportData) -> Callable[[Part], dict[str, Any] | None]:
    """Fills in a part; its template is named like its function."""

    def fill(part: Part) -> dict[str, Any] | None:
        values = part(data)
        name = getattr(part, "__name__", "")
        return None if values is None else {"template": f"data/{name}.html.j2", "values": values}

    return fill

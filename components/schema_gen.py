"""SchemaGen: what the examples should look like."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from components.core.artifacts import ExampleStatistics, Schema
from components.core.component import Output, Summary, component
from components.core.config import Config, InputPath

if TYPE_CHECKING:
    from components.data.statistics.feature_view import FeatureView

__all__ = ["SchemaGenConfig", "schema_gen"]


class SchemaGenConfig(Config):
    """Whether the schema is inferred or given."""

    schema_path: InputPath | None = None
    """A curated `schema.pbtxt` to hold the data against; inferred from all splits if not given, which by its nature
    finds only differences between the splits."""


@component()
def schema_gen(*, config: SchemaGenConfig, statistics: ExampleStatistics, schema: Output[Schema]) -> Summary:
    """Infers the schema from the statistics of all splits, or takes the curated one over as it is.

    Raises:
        DataError: the curated file is no schema of text and labels.
        UserError: there is no such file, or it may not be read.
    """
    from components.data.validation.schema_inference import infer_schema
    from components.data.validation.schema_text import format_schema, parse_schema, read_schema_text
    from components.data.validation.split_profile import read_profiles

    if config.schema_path is None:
        profiles = read_profiles(str(statistics.path))
        datasets = [profile.dataset for profile in profiles.values()]
        counts = _counts([profile.views for profile in profiles.values()])
        inferred = infer_schema(datasets, statistics.document()["labels"])
        text = format_schema(inferred, counts=counts, origin="inferred from the data")
        parsed = parse_schema(text, "the inferred schema")
    else:
        text = read_schema_text(config.schema_path)
        parsed = parse_schema(text, config.schema_path)
    schema.pbtxt_path.write_text(text, encoding="utf-8")
    return {"features": len(parsed.feature), "source": config.schema_path or "inferred"}


def _counts(splits: Sequence[Mapping[str, "FeatureView"]]) -> Mapping[str, list[Mapping[str, float]]]:
    """How often values occur in each split, by feature."""
    counts: dict[str, list[Mapping[str, float]]] = {}
    for views in splits:
        for name, view in views.items():
            counts.setdefault(name, []).append(view.counts)
    return counts

"""SchemaGen: what the examples should look like."""

from components.core.artifacts import ExampleStatistics, Schema
from components.core.component import Output, Summary, component
from components.core.config import Config, InputPath
from components.core.errors import DataError
from components.core.filesystem import open_file

__all__ = ["SchemaGenConfig", "schema_gen"]


class SchemaGenConfig(Config):
    """Whether the schema is inferred or given."""

    schema_path: InputPath | None = None
    """A curated `schema.pbtxt` to hold the data against; inferred from all splits if not given, which by its nature
    finds only differences between the splits."""

    def external_inputs(self) -> tuple[str, ...]:
        return () if self.schema_path is None else (self.schema_path,)


@component()
def schema_gen(*, config: SchemaGenConfig, statistics: ExampleStatistics, schema: Output[Schema]) -> Summary:
    """Infers the schema from the statistics of all splits, or takes the curated one over as it is.

    Raises:
        DataError: the curated file is no schema of text and labels.
        UserError: there is no such file, or it may not be read.
    """
    from components.data.dataset_statistics import read_statistics
    from components.data.schema_inference import format_schema, infer_schema, parse_schema

    if config.schema_path is None:
        datasets = [read_statistics(statistics, split) for split in statistics.splits()]
        text = format_schema(infer_schema(datasets, statistics.document()["labels"]))
        parsed = parse_schema(text, "the inferred schema")
    else:
        text = _read_text(config.schema_path)
        parsed = parse_schema(text, config.schema_path)
    schema.pbtxt_path.write_text(text, encoding="utf-8")
    return {"features": len(parsed.feature), "source": config.schema_path or "inferred"}


def _read_text(path: str) -> str:
    try:
        with open_file(path) as stream:
            content: bytes = stream.read()
        return content.decode()
    except UnicodeDecodeError as err:
        raise DataError(f"{path}: is not UTF-8 text; expected a schema in protobuf text form") from err

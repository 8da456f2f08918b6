"""What the report and the statistics page say about the data, one module and one template a part."""

from pipeline.report.data.sections import data_sections

__all__ = ["data_sections"]

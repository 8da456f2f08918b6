"""The error tree of the on-device package."""

__all__ = [
    "ConversionError",
    "MetadataError",
    "ModelFileError",
    "RefusedModelError",
    "TFLiteError",
    "UpdateError",
]


class TFLiteError(Exception):
    """Base of all errors that this package raises on purpose."""


class ConversionError(TFLiteError):
    """The network cannot be converted; the converter's own words are in the message or chained."""


class RefusedModelError(TFLiteError):
    """The converted file would not do its work on a phone; the message lists every reason."""


class ModelFileError(TFLiteError):
    """The file is missing or is no .tflite file that can be run."""


class MetadataError(TFLiteError):
    """The metadata cannot be written, or the file does not carry those that are needed."""


class UpdateError(TFLiteError):
    """An update from over the air must not be taken; the message says why, and what to keep."""

"""The error tree of the stages.

Every message says what was expected, what came, and what to do next. Errors know no transport and no exit code but
their own kind: a `UserError` is the caller's to mend (exit code 2), a `StoppedError` is no failure (75), any other
`EmotionPipelineError` is one (1).
"""

__all__ = [
    "ConfigError",
    "DataError",
    "EmotionPipelineError",
    "EncoderError",
    "ExportError",
    "GraphError",
    "StageError",
    "StoppedError",
    "StorageError",
    "TransientError",
    "UserError",
]


class EmotionPipelineError(Exception):
    """Base of all errors that this project raises on purpose."""


class UserError(EmotionPipelineError):
    """The input or the configuration is wrong; the message names the file, row or key and the remedy."""


class ConfigError(UserError):
    """A configuration key is unknown, missing or out of range."""


class DataError(UserError):
    """A source file cannot be read as the configuration says."""


class EncoderError(UserError):
    """The pretrained encoder cannot be had or does not fit; the message lists the ways to get one."""


class GraphError(UserError):
    """The stages do not fit together: a missing input, a type that does not match, or a cycle."""


class StorageError(EmotionPipelineError):
    """A directory cannot be written or an artifact is not what its digest says."""


class StageError(EmotionPipelineError):
    """A stage failed; the cause is chained."""


class StoppedError(EmotionPipelineError):
    """The process was told to stop (SIGTERM, Ctrl-C); the same command again goes on from what was saved."""


class TransientError(EmotionPipelineError):
    """What failed may work in a moment, such as a service that is starting: the runner tries the stage again."""


class ExportError(EmotionPipelineError):
    """An export could not be written, or what was written cannot answer."""

"""Where the Beam pipelines of the data stages run."""

import difflib
from typing import Any, Self, TypeAlias

from pydantic import Field, field_validator, model_validator

from components.core.config import Config, InputPath
from components.core.filesystem import is_remote

__all__ = ["IN_PROCESS", "RUNNERS", "BeamConfig"]

IN_PROCESS = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"

RUNNERS = {
    "FnApiRunner": IN_PROCESS,
    # Beam's own class of this name would first try to download another runner.
    "DirectRunner": IN_PROCESS,
    "PortableRunner": "apache_beam.runners.portability.portable_runner.PortableRunner",
    "PrismRunner": "apache_beam.runners.portability.prism_runner.PrismRunner",
    "FlinkRunner": "apache_beam.runners.portability.flink_runner.FlinkRunner",
    "SparkRunner": "apache_beam.runners.portability.spark_runner.SparkRunner",
    "DataflowRunner": "apache_beam.runners.dataflow.dataflow_runner.DataflowRunner",
    "DaskRunner": "apache_beam.runners.dask.dask_runner.DaskRunner",
}
"""Classes by the names that the configuration takes for them."""

_Scalar: TypeAlias = bool | int | float | str


class BeamConfig(Config):
    """On which Beam runner the data stages run. What they write does not depend on it, so no cache key holds it."""

    runner: str = "FnApiRunner"
    """`FnApiRunner` (in this process), `PortableRunner`, `FlinkRunner`, `SparkRunner`, `DataflowRunner`, `DaskRunner`,
    `PrismRunner`, or a dotted class of your own. In this process is the default as it needs nothing else and is the
    fastest up to millions of rows."""

    options: dict[str, _Scalar | list[_Scalar] | dict[str, Any]] = Field(default={})
    """Beam's pipeline options, named as on its command line without the dashes (`job_endpoint: localhost:8099`). A flag
    is true or false, an option that may be repeated is a list, one that takes JSON is a mapping."""

    workers: int = Field(default=1, ge=1, le=256)
    """Worker processes on this machine, for `FnApiRunner` only. 1, as every worker imports TensorFlow anew in
    Transform, which pays above about two million rows."""

    scratch: InputPath | None = None
    """Directory or URI that this machine and the workers both reach, for results and for the files that they exchange
    (`gs://bucket/scratch`, `/mnt/shared/scratch`); a temporary directory of this run if not set, which is right for
    workers on this machine. What a run leaves there is removed at its end."""

    shared_files: bool | None = None
    """Whether workers see this machine's files under the same paths. If not, inputs and outputs are copied through
    `scratch`. Not set: they do unless `scratch` is a URI."""

    @property
    def runner_class(self) -> str:
        """Dotted name of the runner's class."""
        return RUNNERS.get(self.runner, self.runner)

    @property
    def copies_files(self) -> bool:
        """Whether files travel through `scratch`."""
        return is_remote(self.scratch or "") if self.shared_files is None else not self.shared_files

    @field_validator("runner")
    @classmethod
    def _known_runner(cls, runner: str) -> str:
        if runner in RUNNERS or "." in runner:
            return runner
        near = difflib.get_close_matches(runner, RUNNERS, n=1, cutoff=0.5)
        hint = f"did you mean `{near[0]}`? It takes" if near else "it takes"
        raise ValueError(
            f"no Beam runner is named {runner!r}; {hint} {', '.join(RUNNERS)}, or a dotted class"
        )

    @field_validator("options")
    @classmethod
    def _plain_names(cls, options: dict[str, Any]) -> dict[str, Any]:
        for name in options:
            if name == "runner":
                raise ValueError("`runner` is no option here; set `beam.runner`")
            if not name.isidentifier():
                raise ValueError(
                    f"{name!r} is no option's name; write it without dashes, such as `job_endpoint`"
                )
        return options

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.workers > 1 and self.runner_class != IN_PROCESS:
            raise ValueError(
                f"`workers` are processes of FnApiRunner; tell {self.runner} by its own option in `options`"
            )
        if self.shared_files is False and self.scratch is None:
            raise ValueError("`shared_files: false` needs `scratch`, a place that the workers reach too")
        if self.runner == "DataflowRunner" and not is_remote(self.scratch or ""):
            raise ValueError(
                "workers of DataflowRunner do not see this machine's files: set `scratch` to a place that both "
                "reach, such as gs://bucket/scratch"
            )
        return self

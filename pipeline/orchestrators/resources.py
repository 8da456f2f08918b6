"""What the container of a stage is given, where an orchestrator runs each stage in one."""

import difflib
from collections.abc import Collection, Mapping

from pydantic import Field

from components.core.config import Config
from components.core.errors import ConfigError

__all__ = ["REPORT", "StageResources", "check_stages", "stage_resources"]

REPORT = "report"
"""Name of the task that writes the report, which is no stage of the graph."""

_QUANTITY = r"^[0-9]+(\.[0-9]+)?(Ki|Mi|Gi|Ti|K|M|G|T)?$"


class StageResources(Config):
    """CPUs, memory and accelerators of one stage's container, as Kubernetes counts them."""

    cpu: float = Field(default=2, gt=0, le=416)
    """CPUs. 2, as in the measurements of the README; Vertex AI takes the smallest machine that has them."""

    memory: str = Field(default="8Gi", pattern=_QUANTITY)
    """Bytes, or with a unit (`16Gi`). 8 GiB: a training of MiniLM was measured to take 2.8."""

    accelerator: str | None = None
    """Kind of accelerator: the resource's name on Kubernetes (`nvidia.com/gpu`), Vertex AI's name there (`NVIDIA_L4`,
    `NVIDIA_TESLA_A100`). The image must have TensorFlow's GPU build."""

    accelerators: int = Field(default=1, ge=1, le=16)
    """How many of that kind."""

    retries: int = Field(default=2, ge=0, le=10)
    """Times that a failed stage is tried again; a stage that was stopped goes on where it can (`--scratch`)."""


def check_stages(configured: Mapping[str, StageResources], stages: Collection[str]) -> None:
    """Raises ConfigError if resources are configured for what is no stage."""
    for name in configured.keys() - {*stages, REPORT}:
        near = difflib.get_close_matches(name, stages, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(stages)}, and `{REPORT}`"
        raise ConfigError(f"`resources.{name}`: this pipeline has no such stage; {hint}")


def stage_resources(configured: Mapping[str, StageResources], stage: str) -> StageResources:
    """What is configured for the stage, or the defaults."""
    return configured.get(stage, StageResources())

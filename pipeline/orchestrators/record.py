"""What one stage did, as a JSON document that any orchestrator can read."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from components.core.component import Summary
from pipeline.metadata.records import State

__all__ = ["NOT_REFUSED", "OutputRecord", "StageRecord"]

NOT_REFUSED = "none"
"""What an orchestrator is told if a stage refuses nothing: some take an empty parameter for a missing one."""


@dataclass(frozen=True)
class OutputRecord:
    """A published output: its artifact type, where it is, the SHA-256 of its content, and why it refuses, or None."""

    type: str
    uri: str
    digest: str
    refusal: str | None


@dataclass(frozen=True)
class StageRecord:
    """What became of one execution of one stage.

    Attributes:
        stage: its name.
        state: COMPLETE, CACHED, REFUSED, FAILED or CANCELED.
        message: why it was refused, or how it failed.
        summary: what the stage told.
        seconds: wall time, the transport of inputs and outputs included.
        peak_memory_mib: peak resident memory of the process, MiB.
        inputs: SHA-256 of each input's content by name.
        outputs: by name; empty unless complete or cached.
    """

    stage: str
    state: State
    message: str = ""
    summary: Summary = field(default_factory=dict)
    seconds: float = 0.0
    peak_memory_mib: float | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, OutputRecord] = field(default_factory=dict)

    def refusal(self) -> str | None:
        """Why the stages that are gated by this one must not run; None if they may."""
        reasons = (output.refusal for output in self.outputs.values() if output.refusal is not None)
        return next(reasons, None)

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "StageRecord":
        document: dict[str, Any] = json.loads(text)
        outputs = {name: OutputRecord(**output) for name, output in document.pop("outputs").items()}
        return cls(**{**document, "state": State(document["state"]), "outputs": outputs})

"""The command lines of the stages, in whatever words an orchestrator has for what it fills in."""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["CommandLines"]


@dataclass(frozen=True)
class CommandLines:
    """What the commands of one pipeline have in common.

    Attributes:
        config: the configuration.
        run: the run's name.
        registry: URI of the registry; None if there is none.
        variables: values of the configuration's variables, where the environment does not hold them.
        scratch: directory of unfinished work; None if none outlives a container.
        use_cache: whether stages look into the registry first.
    """

    config: str
    run: str
    registry: str | None
    variables: Mapping[str, str] = field(default_factory=dict)
    scratch: str | None = None
    use_cache: bool = True

    def stage(
        self,
        stage: str,
        *,
        inputs: Mapping[str, str],
        outputs: Mapping[str, str],
        gates: Mapping[str, str] | None = None,
    ) -> list[str]:
        """Arguments of `emotion` that run a stage; inputs and outputs by name, gates by `stage.output`."""
        words = ["stage", stage, self.config, *self._shared(), "--replace"]
        words += _options("--gate", gates or {})
        words += _options("--input", inputs)
        words += _options("--output", outputs)
        if self.scratch is not None:
            words += ["--scratch", self.scratch]
        return words if self.use_cache else [*words, "--no-cache"]

    def report(self) -> list[str]:
        """Arguments of `emotion` that write the report of the run."""
        return ["report", self.config, *self._shared()]

    def _shared(self) -> list[str]:
        registry = [] if self.registry is None else ["--registry", self.registry]
        return [*_options("--set", self.variables), *registry, "--run", self.run]


def _options(option: str, values: Mapping[str, str]) -> list[str]:
    return [word for name, value in values.items() for word in (option, f"{name}={value}")]

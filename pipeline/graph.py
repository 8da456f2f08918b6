"""The stages and what flows between them; whatever can be wrong with the wiring is found before anything runs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from components.core.artifacts import Artifact
from components.core.component import Component
from components.core.config import Config
from components.core.errors import GraphError

__all__ = ["BlessedBefore", "Graph", "Input", "LatestBlessed", "Node", "OutputRef"]


@dataclass(frozen=True)
class OutputRef:
    """One output of one stage."""

    stage: str
    name: str
    type: type[Artifact]

    def __str__(self) -> str:
        return f"{self.stage}.{self.name}"


@dataclass(frozen=True)
class LatestBlessed:
    """The artifact that `candidate`'s stage made in the last run in which `blessing` was given.

    It is never the candidate itself: a rerun with nothing changed compares with the same baseline as before.
    """

    candidate: OutputRef
    blessing: type[Artifact]

    @property
    def type(self) -> type[Artifact]:
        return self.candidate.type

    def __str__(self) -> str:
        return f"latest blessed {self.candidate}"


@dataclass(frozen=True)
class BlessedBefore(LatestBlessed):
    """The newest blessed artifact whose maker did not read `candidate`: what was good before these data came.

    With the same data it stays the same artifact, so that a stage that starts from it is taken from the cache.
    """

    artifact: type[Artifact]

    @property
    def type(self) -> type[Artifact]:
        return self.artifact

    def __str__(self) -> str:
        return f"{self.artifact.__name__} blessed before {self.candidate}"


Input: TypeAlias = OutputRef | LatestBlessed


@dataclass(frozen=True)
class Node:
    """A component with its configuration, its inputs, and the artifacts that may refuse it (`gates`)."""

    component: Component
    config: Config
    inputs: Mapping[str, Input]
    gates: tuple[OutputRef, ...] = ()

    @property
    def name(self) -> str:
        return self.component.spec.name

    def __getitem__(self, output: str) -> OutputRef:
        outputs = self.component.spec.outputs
        if output not in outputs:
            raise GraphError(f"stage {self.name} has no output {output!r}; it has {', '.join(outputs)}")
        return OutputRef(self.name, output, outputs[output])

    def predecessors(self) -> set[str]:
        """Names of the stages that must have run before this one."""
        wired = {source.stage for source in self.inputs.values() if isinstance(source, OutputRef)}
        return wired | {gate.stage for gate in self.gates}


@dataclass
class Graph:
    """Stages in an order in which they can run: a stage can only be wired to stages that are there already."""

    nodes: dict[str, Node] = field(default_factory=dict)

    def add(
        self,
        component: Component,
        config: Config,
        *,
        gates: tuple[OutputRef, ...] = (),
        **wired: Input | None,
    ) -> Node:
        """Adds a stage and checks its wiring; None leaves an optional input without a source.

        Raises:
            GraphError: an input is missing, unknown, of another type or of a stage that is not in this graph.
        """
        spec = component.spec
        if spec.name in self.nodes:
            raise GraphError(f"stage {spec.name} is in the graph twice")
        if not isinstance(config, spec.config):
            raise GraphError(
                f"stage {spec.name} takes a {spec.config.__name__}, not a {type(config).__name__}; pass that one"
            )
        inputs = {name: source for name, source in wired.items() if source is not None}
        missing = spec.inputs.keys() - inputs.keys() - spec.optional
        unknown = inputs.keys() - spec.inputs.keys()
        if missing or unknown:
            raise GraphError(
                f"stage {spec.name}: inputs missing: {sorted(missing) or 'none'}, "
                f"unknown: {sorted(unknown) or 'none'}; it takes {', '.join(spec.inputs) or 'none'}"
            )
        for name, source in inputs.items():
            if not issubclass(source.type, spec.inputs[name]):
                raise GraphError(
                    f"stage {spec.name}: input {name!r} takes {spec.inputs[name].__name__}, "
                    f"but {source} is {source.type.__name__}"
                )
        node = Node(component, config, inputs, gates)
        absent = node.predecessors() - self.nodes.keys()
        if absent:
            raise GraphError(
                f"stage {spec.name} needs {', '.join(sorted(absent))}, which is not in the graph yet"
            )
        self.nodes[spec.name] = node
        return node

    def upto(self, stage: str) -> "Graph":
        """The part of the graph that ends with `stage`."""
        self._require(stage)
        wanted = {stage}
        for node in reversed(self.nodes.values()):
            if node.name in wanted:
                wanted |= node.predecessors()
        return Graph({name: node for name, node in self.nodes.items() if name in wanted})

    def since(self, stage: str) -> frozenset[str]:
        """Names of `stage` and of all stages that depend on it."""
        self._require(stage)
        found = {stage}
        for node in self.nodes.values():
            if node.predecessors() & found:
                found.add(node.name)
        return frozenset(found)

    def _require(self, stage: str) -> None:
        if stage not in self.nodes:
            raise GraphError(f"no stage is called {stage!r}; there are {', '.join(self.nodes)}")

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes.values())

    def __len__(self) -> int:
        return len(self.nodes)

"""Which verdicts stand between a stage and the beginning of the run."""

from components.core.errors import GraphError
from pipeline.graph import Graph, OutputRef

__all__ = ["gate_paths"]


def gate_paths(graph: Graph) -> dict[str, tuple[OutputRef, ...]]:
    """The gates that a stage and those before it must pass, in order, by stage: orchestrators nest conditions so.

    Raises:
        GraphError: a stage needs two stages whose conditions are not one inside the other.
    """
    paths: dict[str, tuple[OutputRef, ...]] = {}
    for node in graph:
        before = {name: paths[name] for name in node.predecessors()}
        inner = max(before.values(), key=len, default=())
        for name, path in before.items():
            if inner[: len(path)] != path:
                raise GraphError(
                    f"stage {node.name} needs {name}, which is behind {path[-1]}, and a stage behind {inner[-1]}: "
                    "conditions of an orchestrator can only be nested; gate the stages one after the other"
                )
        paths[node.name] = inner + tuple(gate for gate in node.gates if gate not in inner)
    return paths

"""YAML in which no key stands twice in one place: of two equal keys, plain YAML drops the first without a word."""

from typing import Any

import yaml

__all__ = ["load_yaml"]

_MERGE = "tag:yaml.org,2002:merge"


def load_yaml(text: str) -> Any:
    """The document in a YAML text.

    Raises:
        yaml.YAMLError: it is no YAML, or a key stands twice in a mapping.
    """
    return yaml.load(text, _UniqueKeyLoader)


class _UniqueKeyLoader(yaml.SafeLoader):
    """Looks at keys before `<<` brings in others, which those beside it may repeat."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        lines: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE:
                continue
            told = (key.tag, key.value)
            if told in lines:
                problem = f"`{key.value}` stands in line {lines[told]}, too; make one of both, or remove one"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            lines[told] = key.start_mark.line + 1
        return node

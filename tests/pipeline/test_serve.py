"""What `emotion serve` tells a person to try."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from pipeline.commands.serve import example_request
from serving.description import DESCRIPTION_FILE, Description, HeadDescription


@pytest.mark.parametrize(("segments", "keys"), [(1, None), (2, {"text", "context"})])
def test_the_request_has_the_inputs_of_the_model(
    tmp_path: Path, segments: int, keys: set[str] | None
) -> None:
    heads = (HeadDescription("emotion", "multi_label", ("joy",)),)
    description = Description(("joy",), (0.5,), heads, max_tokens=32, segments=segments, signatures={})
    path = tmp_path / DESCRIPTION_FILE
    path.parent.mkdir()
    path.write_text(json.dumps(asdict(description)))
    (instance,) = json.loads(example_request(tmp_path))["instances"]
    assert isinstance(instance, str) if keys is None else set(instance) == keys


def test_a_foreign_model_is_asked_a_text(tmp_path: Path) -> None:
    assert json.loads(example_request(tmp_path)) == {"instances": ["What a lovely day!"]}

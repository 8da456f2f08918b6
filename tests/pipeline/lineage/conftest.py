"""A root in which three runs have told a story: all, all from the cache, and a failure."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from components.core.errors import StageError
from tests.pipeline.test_local_runner import Root
from tests.pipeline.toy_stages import toy_graph


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Root]:
    """Run 1 made all, run 2 took it from the cache, run 3 failed in `train`."""
    root = Root(tmp_path)
    root.run()
    root.run()
    with pytest.raises(StageError):
        root.run(toy_graph(str(root.data), fail_with="bug"))
    yield root
    root.store.close()

"""Finding the trained model that a command means, and the texts that it was trained on."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from components.core import features
from components.core.artifacts import Examples, Model
from components.core.errors import UserError
from components.core.filesystem import is_remote
from components.data.records.example_proto import decode_example
from components.data.records.tfrecord import read_records
from pipeline.artifact_storage import storage_of
from pipeline.metadata.location import has_store, open_store

__all__ = ["TrainedModel", "find_trained_model", "labelled_texts", "normalized"]


@dataclass(frozen=True)
class TrainedModel:
    """A model and where it comes from.

    Attributes:
        model: the artifact.
        examples: the newest examples of its pipeline root; None if it stands in none.
    """

    model: Model
    examples: Examples | None


def find_trained_model(path: Path) -> TrainedModel:
    """The Model artifact at `path`, or the newest one of the pipeline root there.

    Raises:
        UserError: there is none.
    """
    if has_store(path):
        newest = _newest(path, "Model")
        if newest is None:
            raise UserError(f"{path}: no model was trained here yet; run `emotion run CONFIG` first")
        return TrainedModel(Model(newest), _examples(path))
    if not Model(path).config_path.is_file():
        raise UserError(
            f"{path}: is neither a Model artifact nor a pipeline root; `emotion inspect artifacts` lists the former, "
            "runs/<name> is one of the latter"
        )
    root = next((parent for parent in path.resolve().parents if has_store(parent)), None)
    return TrainedModel(Model(path), None if root is None else _examples(root))


def _examples(root: Path) -> Examples | None:
    newest = _newest(root, "Examples")
    return None if newest is None else Examples(newest)


def _newest(root: Path, artifact_type: str) -> Path | None:
    store = open_store(root)
    try:
        found, storage = store.artifacts(artifact_type, limit=1), storage_of(root, store)
    finally:
        store.close()
    return Path(storage.uri(found[0].name)) if found and not is_remote(storage.root) else None


def labelled_texts(examples: Examples) -> Iterator[tuple[str, str]]:
    """Yields split and text of every example."""
    for split in examples.splits():
        for shard in examples.shards(split):
            for record in read_records(shard):
                yield split, decode_example(record)[features.TEXT][0].decode("utf-8")


def normalized(text: str) -> str:
    """What two texts have in common that a person would take for the same one."""
    return " ".join(text.casefold().split())

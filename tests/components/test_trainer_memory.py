"""A long training takes no more memory than a short one."""

from pathlib import Path

from components.core.artifacts import Model
from components.core.component import Scratch
from components.trainer import TrainerConfig, trainer
from tests.components.toy_corpus import run_transform, toy_examples

EPOCHS = 40
SETTLED = 8
"""Epochs after which allocators and kernel caches have what they need."""


class MemoryByEpoch:
    """Notes the resident memory, MiB, at the end of every epoch."""

    def __init__(self) -> None:
        self.mib: list[float] = []

    def update(self, message: str, *, completed: float | None = None, total: float | None = None) -> None:
        pass

    def log(self, message: str) -> None:
        if message.startswith("epoch "):
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            self.mib.append(pages * 4096 / 2**20)


def test_memory_is_flat_over_epochs(tmp_path: Path) -> None:
    graph, transformed = run_transform(tmp_path, toy_examples(tmp_path, train=160, validation=40))
    model, scratch = Model(tmp_path / "model"), Scratch(tmp_path / "scratch")
    model.path.mkdir()
    memory = MemoryByEpoch()
    settings = {"epochs": EPOCHS, "batch_size": 8, "early_stopping": {"patience": None}}
    trainer(
        config=TrainerConfig.model_validate(settings),
        transformed=transformed,
        transform_graph=graph,
        model=model,
        progress=memory,
        scratch=scratch,
    )
    assert len(memory.mib) == EPOCHS
    # A leak of one batch's tensors a step would be some hundred MiB.
    assert memory.mib[-1] - memory.mib[SETTLED] < 40, memory.mib

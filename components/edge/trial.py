"""Makes the candidates for a target, asks each of them labelled texts, and chooses."""

import tempfile
from pathlib import Path

from components.core.artifacts import Examples
from components.core.errors import ExportError
from components.core.progress import Progress
from components.edge.choice import Choice, NothingFitsError, choose
from components.edge.choice_config import ChoiceConfig
from components.edge.files import FileMaker, VariantFile
from components.edge.guard import device_heads
from components.edge.measurement import Measured, Reference, measure_file, sample_of
from components.evaluation.labelled_texts import read_labelled_texts
from components.modeling.classifier import LoadedModel
from tflite.targets import target_faults

__all__ = ["choose_file"]


def choose_file(
    config: ChoiceConfig,
    loaded: LoadedModel,
    maker: FileMaker,
    examples: Examples | None,
    progress: Progress,
) -> tuple[Choice, VariantFile]:
    """The best candidate, and what it was chosen from.

    Raises:
        NothingFitsError: none keeps the limits.
        ExportError: there are no labelled texts, or none that say anything of a head.
        DataError: the examples have no such split.
    """
    if examples is None:
        raise ExportError(
            "a variant is chosen by labelled texts, and none are at hand; export from a pipeline root"
        )
    variants = config.variants()
    steps = len(variants) + 1
    progress.update("asking the Keras model", completed=0, total=steps)
    sample = sample_of(read_labelled_texts(examples, config.split, loaded.config.heads), config.sample)
    reference = Reference.of(loaded, sample, device_heads(loaded))
    if not reference.qualities:
        raise ExportError(f"split {config.split!r} knows nothing of what the model answers; name another one")
    found: list[tuple[str, Measured | str]] = []
    files: dict[str, VariantFile] = {}
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "candidate.tflite"
        for number, file in enumerate(maker.make(variants), start=1):
            progress.update(f"asking {file.name}", completed=number, total=steps)
            if faults := list(target_faults(file.description, file.metadata, config.target)):
                found.append((file.name, f"{config.target} cannot run it: {'; '.join(faults)}"))
                continue
            path.write_bytes(file.content)
            files[file.name] = file
            found.append((file.name, measure_file(file.name, path, loaded, reference)))
    choice = choose(config, found, reference_quality=reference.quality, texts=len(sample.texts))
    if choice.chosen is None:
        raise NothingFitsError(choice)
    return choice, files[choice.chosen]

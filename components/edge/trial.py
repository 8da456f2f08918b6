"""Makes the candidates for a target, asks each of them labelled texts, and chooses."""

import tempfile
from pathlib import Path

from components.core.artifacts import Examples
from components.core.errors import ExportError
from components.core.progress import Progress
from components.edge.choice import Choice, NothingFitsError, choose
from components.edge.choice_config import ChoiceConfig
from components.edge.files import FileMaker, VariantFile, device_heads
from components.edge.measurement import Measured, Reference, measure_file, sample_of
from components.edge.variants import VariantSpec, refusal
from components.evaluation.labelled_texts import read_labelled_texts
from components.modeling.classifier import LoadedModel

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
    refusals = {name: _refusal(config, name, loaded) for name in dict.fromkeys(config.candidates)}
    able = [name for name, reason in refusals.items() if reason is None]
    steps = len(able) + 1
    progress.update("asking the Keras model", completed=0, total=steps)
    sample = sample_of(read_labelled_texts(examples, config.split, loaded.config.heads), config.sample)
    reference = Reference.of(loaded, sample, device_heads(loaded))
    if not reference.qualities:
        raise ExportError(f"split {config.split!r} knows nothing of what the model answers; name another one")
    found: dict[str, Measured] = {}
    files: dict[str, VariantFile] = {}
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "candidate.tflite"
        for file in maker.make(able):
            progress.update(f"asking {file.name}", completed=len(files) + 1, total=steps)
            path.write_bytes(file.content)
            files[file.name], found[file.name] = file, measure_file(file.name, path, loaded, reference)
    choice = choose(
        config,
        [(name, reason or found[name]) for name, reason in refusals.items()],
        reference_quality=reference.quality,
        texts=len(sample.texts),
    )
    if choice.chosen is None:
        raise NothingFitsError(choice)
    return choice, files[choice.chosen]


def _refusal(config: ChoiceConfig, name: str, loaded: LoadedModel) -> str | None:
    """Why the target cannot run the variant of this model; None if it can."""
    tokenizer = loaded.tokenizer
    if config.target != "litert":
        if not tokenizer.rules.lowercase:
            return f"{config.target} lower-cases every text, and the vocabulary has upper case"
        if tokenizer.segments != 1:
            return f"{config.target} gives one text, and the model reads what was said before, too"
    return refusal(config.target, VariantSpec.parse(name))

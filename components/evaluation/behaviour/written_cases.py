"""Cases from files, as far as they make sense for a model."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from components.evaluation.behaviour.behaviour_config import SHIPPED_CASES, RobustnessConfig
from components.evaluation.behaviour.cases import Case, read_cases
from components.evaluation.behaviour.output_names import find_outputs
from components.evaluation.behaviour.probes import Probe
from components.evaluation.behaviour.skipped import Skipped
from components.evaluation.labelled_texts import LabelledTexts
from components.modeling.heads import Head
from serving.scripts import dominant_script

if TYPE_CHECKING:
    from components.modeling.classifier import LoadedModel

__all__ = ["is_latin", "written_cases"]

_INVARIANCE = "Pairs of texts that must get the same decisions."
_DIRECTIONAL = "Pairs of texts between which a score must move in one direction."
_FUNCTIONAL = "Texts whose answer is plain."


def written_cases(
    config: RobustnessConfig, model: "LoadedModel", texts: LabelledTexts, *, skipped: Skipped
) -> Iterator[Probe]:
    """The cases that ship with the project, and those of the user.

    Args:
        config: which files.
        model: what will be asked.
        texts: of the split: the shipped cases are English, and are no test of a model for another script.
        skipped: takes the cases that the model has no output for.

    Raises:
        DataError: a line of `config.cases` is no case.
    """
    if config.shipped_cases and is_latin(texts.texts):
        yield from _probes(read_cases(str(SHIPPED_CASES)), model.config.heads, "shipped", skipped)
    elif config.shipped_cases:
        skipped.add("shipped cases", "they are English, and most texts of the split are in another script", 0)
    if config.cases is not None:
        yield from _probes(read_cases(config.cases), model.config.heads, "own", skipped)


def is_latin(texts: Sequence[str], *, looked_at: int = 1000) -> bool:
    """Whether most of the first texts are in Latin script."""
    looked = texts[:looked_at]
    return sum(dominant_script(text) == "Latin" for text in looked) * 2 > len(looked)


def _probes(cases: Sequence[Case], heads: Sequence[Head], source: str, skipped: Skipped) -> Iterator[Probe]:
    numbers = [name for head in heads if head.task == "regression" for name in head.outputs]
    outputs = [name for head in heads for name in head.outputs]
    for number, case in enumerate(cases):
        if reason := _obstacle(case, outputs, numbers):
            skipped.add(case.test, reason)
        else:
            yield _probe(case, outputs, f"{source} {number}")


def _obstacle(case: Case, outputs: Sequence[str], numbers: Sequence[str]) -> str | None:
    """Why the case makes no sense for the model, if it does not."""
    missing = [name for name in case.names if not find_outputs(name, outputs)]
    if missing:
        return f"the model has no output {missing[0]!r}"
    for name in (*(case.expect or ()), *(case.reject or ())):
        if any(outputs[output] in numbers for output in find_outputs(name, outputs)):
            return f"{name!r} is a number of the model, which is never given; use `within`"
    return None


def _probe(case: Case, outputs: Sequence[str], unit: str) -> Probe:
    def of(names: Sequence[str] | None) -> tuple[int, ...]:
        return tuple(dict.fromkeys(output for name in names or () for output in find_outputs(name, outputs)))

    changes = _DIRECTIONAL if case.falls or case.rises else _INVARIANCE
    unbounded = float("inf")
    return Probe(
        test=case.test,
        what=_FUNCTIONAL if case.changed is None else changes,
        before=case.text,
        after=case.changed,
        context=case.context,
        unit=unit,
        falls=of(case.falls),
        rises=of(case.rises),
        expect=of(case.expect),
        reject=of(case.reject),
        within=tuple(
            (output, -unbounded if low is None else low, unbounded if high is None else high)
            for name, (low, high) in (case.within or {}).items()
            for output in of((name,))
        ),
    )

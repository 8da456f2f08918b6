"""The model card: `MODEL_CARD.md` in the format of the Hugging Face Hub, written from what was measured."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from pipeline.model_card_config import ModelCardConfig
from pipeline.report.behaviour import fairness, robustness
from pipeline.report.collect import ReportData
from pipeline.report.data.language_names import language_name
from pipeline.report.exports import export_rows
from pipeline.report.headline import checks, verdict
from pipeline.report.quality import head_sections

__all__ = ["card_values"]

_HUB_TYPES = {
    "macro_f1": ("f1", "Macro-F1"),
    "micro_f1": ("f1", "Micro-F1"),
    "accuracy": ("accuracy", "Accuracy"),
    "pearson": ("pearsonr", "Mean Pearson r"),
    "spearman": ("spearmanr", "Mean Spearman rho"),
    "mae": ("mae", "Mean absolute error"),
}
"""Our metrics by the names that the Hub's leaderboards know."""

_BASE_MODELS = {"minilm": "sentence-transformers/all-MiniLM-L6-v2"}
_WORST_SLICES = 5
_MOSTLY = 0.5
"""Share of the texts (0-1) that must seem to be in a language before the card names it unasked."""


def card_values(data: ReportData, owner: ModelCardConfig) -> dict[str, Any] | None:
    """What the card's template takes; None if no model was measured."""
    if data.metrics is None or data.model is None:
        return None
    heads = head_sections(data)
    title = owner.title or data.pipeline
    base_model = owner.base_model or _base_model(data.model["encoder"])
    language = owner.language or _languages(data)
    return {
        "front_matter": yaml.safe_dump(
            _front_matter(data, owner, title, language, base_model), sort_keys=False, allow_unicode=True
        ),
        "data": data,
        "owner": owner,
        "title": title,
        "base_model": base_model,
        "languages": [language_name(code) for code in language],
        "verdict": verdict(data),
        "checks": checks(data),
        "heads": heads,
        "slices": {head["document"]["head"]: _worst_slices(head["document"]) for head in heads},
        "exports": export_rows(data),
        "robustness": robustness(data.metrics),
        "fairness": fairness(data.metrics),
        "places": _places(data),
        "for_tests_only": bool(data.metrics.get("for_tests_only")),
        "seconds": (data.stages.get("trainer") or {}).get("seconds"),
    }


def _front_matter(
    data: ReportData,
    owner: ModelCardConfig,
    title: str,
    language: Sequence[str],
    base_model: str | None,
) -> dict[str, Any]:
    """The metadata; keys without a value are left out."""
    metrics = dict.fromkeys(result["type"] for result in _results(data))
    known = {
        "license": owner.license,
        "language": list(language),
        "library_name": "keras",
        "pipeline_tag": "text-classification",
        "base_model": base_model,
        "tags": list(dict.fromkeys(("emotion", "tensorflow", "tf-serving", "tflite", *owner.tags))),
        "metrics": list(metrics),
        "model-index": [
            {
                "name": title,
                "results": [
                    {
                        "task": {"type": "text-classification", "name": "Emotion classification"},
                        "dataset": {
                            "name": data.pipeline,
                            "type": data.pipeline,
                            "split": (data.metrics or {})["split"],
                        },
                        "metrics": list(_results(data)),
                    }
                ],
            }
        ],
    }
    return {key: value for key, value in known.items() if value}


def _results(data: ReportData) -> Iterator[dict[str, Any]]:
    documents: Sequence[Mapping[str, Any]] = (data.metrics or {})["heads"]
    for document in documents:
        prefix = f"{document['head']}: " if len(documents) > 1 else ""
        for key, (kind, name) in _HUB_TYPES.items():
            figure = document.get(key)
            value = figure["value"] if isinstance(figure, Mapping) else figure
            if value is not None:
                yield {"type": kind, "name": f"{prefix}{name}", "value": round(value, 4)}


def _base_model(encoder: str) -> str | None:
    return encoder.removeprefix("hf://") if encoder.startswith("hf://") else _BASE_MODELS.get(encoder)


def _languages(data: ReportData) -> tuple[str, ...]:
    """The language of most texts of the first split, as far as a guesser can tell."""
    for document in ((data.statistics or {}).get("splits") or {}).values():
        shares = _shares((document.get("languages") or {}).get("counts") or {})
        return tuple(code for code, share in shares.items() if share > _MOSTLY and code != "und")
    return ()


def _shares(counts: Mapping[str, int]) -> dict[str, float]:
    total = sum(counts.values()) or 1
    return {name: count / total for name, count in counts.items()}


def _places(data: ReportData) -> dict[str, str]:
    """Where somebody who works where the run was started finds the model; usual places for what the run has not."""
    pushed = data.pushed or {}
    outputs = (data.stages.get("trainer") or {}).get("outputs") or {}
    versions = str(pushed.get("saved_model", f"models/{data.pipeline}/saved_model/1")).rpartition("/")[0]
    return {
        "saved_model": _relative(versions),
        "tflite": _relative(str(pushed.get("tflite", f"models/{data.pipeline}/tflite/1"))),
        "model": _relative(str(outputs.get("model", f"runs/{data.pipeline}/trainer/model/1"))),
    }


def _relative(path: str) -> str:
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path


def _worst_slices(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The slices with the lowest micro-F1 (of numbers: Pearson's r), the lowest first; of those with a label."""
    key = "pearson" if document["task"] == "regression" else "micro_f1"
    rows = [
        {"name": f"{row['column']}: {row['value']}", "rows": row["rows"], **row[key]}
        for row in document.get("slices") or ()
        if row[key]["value"] is not None and row.get("labels") != 0
    ]
    return sorted(rows, key=lambda row: (row["value"], row["name"]))[:_WORST_SLICES]

"""Asks the infra validator about exports, true ones and such with a planted fault."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from components.core.artifacts import Examples, InfraBlessing, SavedModelExport
from components.core.component import Summary
from components.core.verdict import Check
from components.data.records.example_proto import encode_example
from components.data.records.tfrecord import write_records
from components.infra_validator import InfraValidatorConfig, infra_validator
from components.modeling.classifier import load_model
from components.modeling.precision import WeightPrecision
from components.modeling.weight_precision import with_weights_in
from serving.description import HeadDescription
from serving.saved_model import export_saved_model
from tests.components.exported_model import Exported

TEXTS = [
    f"i am {feeling} about {thing}"
    for feeling in ("so happy", "sad", "angry", "")
    for thing in ("you", "life")
]
NO_SERVER = "no such model server"


def write_examples(directory: Path, **splits: Sequence[str]) -> Examples:
    examples = Examples(directory)
    for split, texts in splits.items():
        examples.split_dir(split).mkdir(parents=True)
        records = [encode_example({"text": [text.encode()], "labels": []}) for text in texts]
        write_records(examples.split_dir(split) / "examples-00000-of-00001.tfrecord.gz", records)
    return examples


def prove(
    exported: Exported, examples: Examples, directory: Path, **settings: Any
) -> tuple[InfraBlessing, Summary]:
    blessing = InfraBlessing(directory / "blessing")
    blessing.path.mkdir()
    # Random weights bear quantization worse than trained ones.
    settings = {
        "server_binary": NO_SERVER,
        "min_int8_agreement": 0.95,
        "min_saved_model_agreement": 0.95,
        **settings,
    }
    config = InfraValidatorConfig(**settings)
    summary = infra_validator(
        config=config,
        model=exported.model,
        examples=examples,
        saved_model=exported.saved_model,
        tflite=exported.tflite,
        blessing=blessing,
    )
    return blessing, summary


def failed(blessing: InfraBlessing) -> dict[str, Check]:
    return {check.name: check for check in blessing.verdict().checks if not check.passed}


def exported_again(
    exported: Exported, directory: Path, *, precision: WeightPrecision = "float32", **changes: Any
) -> Exported:
    """The SavedModel exported once more from the same model, with something wrong in it."""
    loaded = with_weights_in(precision, load_model(exported.model))
    arguments = {
        "network": loaded.scoring_network,
        "decide": lambda scores: scores >= np.float32(loaded.config.thresholds),
        "tokenizer": loaded.in_graph_tokenizer,
        "heads": [HeadDescription("emotion", "multi_label", loaded.config.labels)],
        "thresholds": loaded.config.thresholds,
    }
    arguments |= {name: change(loaded) for name, change in changes.items()}
    saved_model = SavedModelExport(directory / "saved_model")
    export_saved_model(saved_model.saved_model_dir, **arguments)
    saved_model.export_path.write_text(json.dumps({"precision": precision}))
    return replace(exported, saved_model=saved_model)


SCORES = {
    "saved_model.max_score_difference",
    "saved_model.grpc.max_score_difference",
    "saved_model.grpc.examples.max_score_difference",
}

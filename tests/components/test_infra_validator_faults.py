"""The infra validator finds every planted fault."""

import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from components.core.artifacts import Examples, SavedModelExport, TFLiteExport
from components.infra.probe_texts import HARD_TEXTS
from components.modeling.classifier import LoadedModel, load_model
from components.modeling.tiny_encoder import TINY_VOCABULARY
from components.modeling.tokenization import in_graph_tokenizer
from serving.description import HeadDescription
from tests.components.exported_model import LABELS, MAX_TOKENS, Exported, export_both
from tests.components.infra_proof import (
    SCORES,
    TEXTS,
    exported_again,
    failed,
    prove,
    write_examples,
)
from tflite.heads import Head
from tflite.metadata import attach_metadata, read_metadata
from tflite.model_file import pack, unpack


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return export_both(tmp_path_factory.mktemp("exported"))


@pytest.fixture
def examples(tmp_path: Path) -> Examples:
    return write_examples(tmp_path / "examples", train=["never asked"], validation=["nor this"], test=TEXTS)


def permuted_labels(loaded: LoadedModel) -> Sequence[HeadDescription]:
    labels = loaded.config.labels
    return [HeadDescription("emotion", "multi_label", labels[1:] + labels[:1])]


def another_task(loaded: LoadedModel) -> Sequence[HeadDescription]:
    return [HeadDescription("emotion", "single_label", loaded.config.labels)]


def fixed_decisions(loaded: LoadedModel) -> Callable[[Any], Any]:
    return lambda scores: scores >= 0.5


def one_label_less(loaded: LoadedModel) -> Callable[[Any], Any]:
    return lambda inputs: loaded.scoring_network(inputs)[:, 1:]


def permuted_scores(loaded: LoadedModel) -> Any:
    head = loaded.network.get_layer("logits")
    order = np.roll(np.arange(len(LABELS)), 1)
    head.set_weights([head.get_weights()[0][:, order], head.get_weights()[1][order]])
    return loaded.scoring_network


def zeroed_weights(loaded: LoadedModel) -> Any:
    head = loaded.network.get_layer("logits")
    head.set_weights([np.zeros_like(weight) for weight in head.get_weights()])
    return loaded.scoring_network


def not_a_number(loaded: LoadedModel) -> Any:
    head = loaded.network.get_layer("logits")
    head.set_weights([np.full_like(weight, np.nan) for weight in head.get_weights()])
    return loaded.scoring_network


def no_activation(loaded: LoadedModel) -> Any:
    return loaded.network


def swapped_vocabulary(loaded: LoadedModel) -> Any:
    words = list(loaded.tokenizer.vocabulary)
    happy, sad = words.index("happy"), words.index("sad")
    words[happy], words[sad] = words[sad], words[happy]
    return in_graph_tokenizer(replace(loaded.tokenizer, vocabulary=tuple(words)))


def other_cleaning(loaded: LoadedModel) -> Any:
    rules = replace(loaded.tokenizer.rules, strip_accents=False)
    return in_graph_tokenizer(replace(loaded.tokenizer, rules=rules))


def other_thresholds(loaded: LoadedModel) -> Sequence[float]:
    return [0.5 for _ in loaded.config.thresholds]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"heads": permuted_labels},
            {"saved_model.labels", "saved_model.heads", "saved_model.grpc.examples.max_score_difference"},
        ),
        ({"heads": another_task}, {"saved_model.heads"}),
        ({"network": permuted_scores}, SCORES),
        ({"network": zeroed_weights}, SCORES),
        ({"network": not_a_number}, SCORES),
        ({"network": no_activation}, SCORES),
        ({"tokenizer": swapped_vocabulary}, {"saved_model.token_ids", *SCORES}),
        ({"tokenizer": other_cleaning}, {"saved_model.token_ids", *SCORES}),
        ({"thresholds": other_thresholds}, {"saved_model.thresholds"}),
        ({"decide": fixed_decisions}, {"saved_model.decisions"}),
    ],
    ids=lambda value: (
        "-".join(change.__name__ for change in value.values()) if isinstance(value, dict) else ""
    ),
)
def test_a_fault_in_the_saved_model_is_found(
    exported: Exported, examples: Examples, tmp_path: Path, changes: dict[str, Any], expected: set[str]
) -> None:
    wrong = exported_again(exported, tmp_path, **changes)
    blessing, summary = prove(wrong, examples, tmp_path)
    assert set(failed(blessing)) == expected
    assert summary["blessed"] is False
    assert blessing.refusal() is not None
    json.loads(blessing.parity_path.read_text(), parse_constant=pytest.fail)


def test_a_fault_is_no_smaller_with_smaller_weights(
    exported: Exported, examples: Examples, tmp_path: Path
) -> None:
    broken = exported_again(exported, tmp_path, precision="bfloat16", network=permuted_scores)
    blessing, _ = prove(broken, examples, tmp_path)
    assert set(failed(blessing)) == {*SCORES, "saved_model.decision_agreement"}


def test_another_number_of_labels_is_found(exported: Exported, examples: Examples, tmp_path: Path) -> None:
    wrong = exported_again(
        exported,
        tmp_path,
        network=one_label_less,
        heads=lambda loaded: [HeadDescription("emotion", "multi_label", loaded.config.labels[1:])],
        decide=fixed_decisions,
        thresholds=lambda loaded: loaded.config.thresholds[1:],
    )
    blessing, _ = prove(wrong, examples, tmp_path)
    checks = failed(blessing)
    assert {"saved_model.labels", "saved_model.thresholds", "saved_model.grpc.answers"} <= set(checks)
    assert "4 labels in place of 5" in checks["saved_model.labels"].message
    assert json.loads(blessing.parity_path.read_text())["saved_model"]["max_score_difference"] is None


def test_messages_say_value_limit_and_remedy(exported: Exported, examples: Examples, tmp_path: Path) -> None:
    wrong = exported_again(exported, tmp_path, tokenizer=swapped_vocabulary)
    blessing, _ = prove(wrong, examples, tmp_path)
    checks = failed(blessing)
    assert "get other token ids than in training, such as 'i am so happy about you'" in (
        checks["saved_model.token_ids"].message
    )
    assert "export the model again" in checks["saved_model.token_ids"].message
    difference = checks["saved_model.max_score_difference"]
    assert difference.limit == 1e-3
    assert difference.value > 1e-2
    assert (
        f"by at most {difference.value:.2g} on {len(TEXTS) + len(HARD_TEXTS)} texts (limit 0.001)"
        in difference.message
    )


def copied_tflite(exported: Exported, directory: Path) -> TFLiteExport:
    return TFLiteExport(shutil.copytree(exported.tflite.path, directory / "tflite"))


def test_a_saved_model_without_its_weights_is_a_verdict(
    exported: Exported, examples: Examples, tmp_path: Path
) -> None:
    broken = SavedModelExport(shutil.copytree(exported.saved_model.path, tmp_path / "saved_model"))
    shutil.rmtree(broken.saved_model_dir / "variables")
    blessing, _ = prove(replace(exported, saved_model=broken), examples, tmp_path)
    checks = failed(blessing)
    assert set(checks) == {"saved_model.answers", "saved_model.grpc.answers"}
    assert "cannot be loaded as a SavedModel" in checks["saved_model.answers"].message
    assert "error" in json.loads(blessing.parity_path.read_text())["saved_model"]


def test_a_truncated_tflite_file_is_a_verdict(exported: Exported, examples: Examples, tmp_path: Path) -> None:
    tflite = copied_tflite(exported, tmp_path)
    path = tflite.model_path("int8")
    path.write_bytes(path.read_bytes()[:5000])
    blessing, _ = prove(replace(exported, tflite=tflite), examples, tmp_path)
    assert set(failed(blessing)) == {"tflite_int8.answers"}


def without_weights(content: bytes) -> bytes:
    """What converting a function without freezing its variables gives."""
    model = unpack(content)
    for buffer in model.buffers:
        if buffer.data is not None and len(buffer.data) > 400:
            buffer.data = None
    return pack(model, len(content))


def without_the_last_word(content: bytes) -> bytes:
    model = unpack(content)
    (table,) = [one for one in model.subgraphs[0].tensors if is_embedding_table(one)]
    rows, width = table.shape
    table.shape = np.array([rows - 1, width], np.int32)
    buffer = model.buffers[table.buffer]
    buffer.data = buffer.data[: len(buffer.data) * (rows - 1) // rows]
    return pack(model, len(content))


def is_embedding_table(tensor: Any) -> bool:
    return tensor.shape is not None and len(tensor.shape) == 2 and tensor.shape[0] == len(TINY_VOCABULARY)


def without_truncation(content: bytes) -> bytes:
    """A file of the same weights whose positions go beyond what its tokenizer cuts at, as one of another maximum has.

    Every text of the validation gets the right answer: their ids are cut before.
    """
    model = unpack(content)
    graph = model.subgraphs[0]
    changed = 0
    for operator in graph.operators:
        options = operator.builtinOptions
        if isinstance(options, schema.StridedSliceOptionsT):
            ends = model.buffers[graph.tensors[operator.inputs[2]].buffer]
            numbers = np.frombuffer(bytes(ends.data), np.int32).copy()
            changed += int((numbers == MAX_TOKENS).sum())
            numbers[numbers == MAX_TOKENS] = 2 * MAX_TOKENS
            ends.data = np.frombuffer(numbers.tobytes(), np.uint8)
    assert changed
    return pack(model, len(content))


@pytest.mark.parametrize(
    ("spoil", "check", "reason"),
    [
        (without_weights, "answers", r"weights are missing: [\d,]+ bytes of constants"),
        (without_the_last_word, "guards", r"the last of \d+ words has no row in the embedding table"),
        (without_truncation, "guards", r"fails at 49 tokens: nothing in the graph cuts them to 32"),
    ],
)
def test_a_broken_tflite_file_is_refused_for_what_is_wrong(
    exported: Exported,
    examples: Examples,
    tmp_path: Path,
    spoil: Callable[[bytes], bytes],
    check: str,
    reason: str,
) -> None:
    tflite = copied_tflite(exported, tmp_path)
    path = tflite.model_path("float32")
    path.write_bytes(attach_metadata(spoil(path.read_bytes()), read_metadata(path)))
    blessing, _ = prove(replace(exported, tflite=tflite), examples, tmp_path)
    checks = failed(blessing)
    assert set(checks) == {f"tflite_float32.{check}"}
    assert re.search(reason, checks[f"tflite_float32.{check}"].message)


def test_a_tflite_file_of_another_model_is_found(
    exported: Exported, examples: Examples, tmp_path: Path
) -> None:
    from tflite.converter import convert
    from tflite.metadata import attach_metadata, read_metadata

    tflite = copied_tflite(exported, tmp_path)
    loaded = load_model(exported.model)
    metadata = replace(
        read_metadata(tflite.model_path("float32")),
        heads=[Head(**vars(head)) for head in permuted_labels(loaded)],
        thresholds=(0.5,) * len(LABELS),
    )
    files = convert(
        zeroed_weights(loaded), max_tokens=loaded.config.max_tokens, separator_id=loaded.tokenizer.end_id
    )
    for variant, content in files.items():
        tflite.model_path(variant).write_bytes(attach_metadata(content, metadata))
    blessing, _ = prove(replace(exported, tflite=tflite), examples, tmp_path)
    float32 = {
        f"tflite_float32.{what}"
        for what in ("labels", "heads", "thresholds", "guards", "decisions", "max_score_difference")
    }
    int8 = {
        f"tflite_int8.{what}"
        for what in ("labels", "heads", "thresholds", "guards", "decisions", "decision_agreement")
    }
    assert set(failed(blessing)) == float32 | int8


def test_a_tflite_file_with_a_swapped_vocabulary_is_found(
    exported: Exported, examples: Examples, tmp_path: Path
) -> None:
    from tflite.metadata import attach_metadata, read_metadata

    tflite = copied_tflite(exported, tmp_path)
    path = tflite.model_path("float32")
    metadata = read_metadata(path)
    words = [
        "sad" if word == "happy" else "happy" if word == "sad" else word
        for word in metadata.tokenizer.vocabulary
    ]
    tokenizer = replace(metadata.tokenizer, vocabulary=tuple(words))
    path.write_bytes(attach_metadata(path.read_bytes(), replace(metadata, tokenizer=tokenizer)))
    blessing, _ = prove(replace(exported, tflite=tflite), examples, tmp_path)
    assert set(failed(blessing)) == {"tflite_float32.token_ids", "tflite_float32.max_score_difference"}


def test_permuted_labels_alone_are_found(exported: Exported, examples: Examples, tmp_path: Path) -> None:
    from tflite.metadata import attach_metadata, read_metadata

    tflite = copied_tflite(exported, tmp_path)
    path = tflite.model_path("int8")
    labels = LABELS[1:] + LABELS[:1]
    metadata = replace(read_metadata(path), heads=(Head("emotion", "multi_label", labels),), label_names={})
    path.write_bytes(attach_metadata(path.read_bytes(), metadata))
    blessing, _ = prove(replace(exported, tflite=tflite), examples, tmp_path)
    checks = failed(blessing)
    assert set(checks) == {"tflite_int8.labels", "tflite_int8.heads"}
    assert "the labels are not the model's ('anger' in place of 'joy'" in checks["tflite_int8.labels"].message


def test_a_vocabulary_with_fewer_words_knows_less(
    exported: Exported, examples: Examples, tmp_path: Path
) -> None:
    from tflite.metadata import attach_metadata, read_metadata

    tflite = copied_tflite(exported, tmp_path)
    path = tflite.model_path("float32")
    metadata = read_metadata(path)
    words = [f"[lost{word}]" if word.isalpha() else word for word in metadata.tokenizer.vocabulary]
    rules = replace(metadata.tokenizer.rules, special_tokens={})
    tokenizer = replace(metadata.tokenizer, vocabulary=tuple(words), rules=rules)
    path.write_bytes(attach_metadata(path.read_bytes(), replace(metadata, tokenizer=tokenizer)))
    blessing, _ = prove(replace(exported, tflite=tflite), examples, tmp_path)
    check = failed(blessing)["tflite_float32.unknown_tokens_added"]
    assert check.value > 0.1
    assert "of the tokens are [UNK]" in check.message
    parity = json.loads(blessing.parity_path.read_text())
    assert parity["tflite_float32"]["unknown_share"] > parity["tflite_int8"]["unknown_share"]

"""The token ids that a .tflite file must give, where its vocabulary is a part of the model's."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from components.infra.probe_texts import ProbeTexts
from components.modeling.tokenization import in_graph_tokenizer, pair_rows, token_rows
from tflite.errors import TFLiteError
from tflite.host_tokenizer import TokenizerSpec
from tflite.metadata import read_metadata

__all__ = ["device_tokens"]


def device_tokens(
    path: Path, whole: TokenizerSpec, probes: ProbeTexts
) -> Sequence[tuple[list[int], list[int]]] | None:
    """Token ids and segment ids by TensorFlow Text with the file's own vocabulary.

    Returns:
        None if these are to be the model's own: the file has the whole vocabulary, or one that is no part of it, or
        other rules, or it cannot be read.
    """
    try:
        spec = read_metadata(path).tokenizer
    except TFLiteError:
        return None
    same_rules = replace(spec, vocabulary=whole.vocabulary) == whole
    if not same_rules or not _is_smaller(spec.vocabulary, whole):
        return None
    tokenizer = in_graph_tokenizer(spec)
    if probes.contexts is None:
        rows = token_rows(tokenizer, probes.texts)
        segments = [np.zeros_like(row) for row in rows]
    else:
        rows, segments = pair_rows(tokenizer, probes.texts, probes.contexts)
    return [(row.tolist(), own.tolist()) for row, own in zip(rows, segments, strict=True)]


def _is_smaller(vocabulary: Sequence[str], whole: TokenizerSpec) -> bool:
    """Whether it holds some of the tokens of the whole vocabulary, in its order."""
    ids = [whole.id_by_token.get(token, -1) for token in vocabulary]
    return len(ids) < len(whole.vocabulary) and ids[0] >= 0 and all(np.diff(ids) > 0)

"""Which rows of a vocabulary an app's texts need."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

from tflite.host_tokenizer import HostTokenizer, TokenizerSpec

__all__ = ["count_pieces", "kept_rows", "pruned"]

_SUFFIX = "##"
_NEEDED = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


def count_pieces(spec: TokenizerSpec, texts: Iterable[str]) -> Counter[int]:
    """How often each token id stands in the texts, [CLS] and [SEP] aside."""
    tokenizer = HostTokenizer(spec)
    counts: Counter[int] = Counter()
    for text in texts:
        counts.update(tokenizer.encode(text)[1:-1])
    return counts


def kept_rows(spec: TokenizerSpec, counts: Mapping[int, int], coverage: float) -> tuple[int, ...]:
    """The rows of a smaller vocabulary, ascending.

    Kept are the most frequent pieces until `coverage` of all pieces in the texts is reached, and frequent or not:
    special tokens, and every single character with and without ##. So a word whose pieces went falls into smaller
    ones, never into [UNK] unless it did before. All rows before [SEP] stay, so that it keeps its id, which the graph
    puts last where it cuts a text.

    Args:
        spec: the whole vocabulary.
        counts: occurrences by token id in the texts that the model was trained on.
        coverage: share of the pieces in these texts that stay as they are, 0-1.

    Raises:
        ValueError: the texts hold no piece, or `coverage` is not within 0-1.
    """
    total = sum(counts.values())
    if not total or not 0 <= coverage <= 1:
        raise ValueError(
            f"expected texts to count and a coverage within 0-1; got {total} pieces and {coverage}"
        )
    special = {*_NEEDED, *spec.rules.special_tokens.values()}
    kept = {
        index
        for index, token in enumerate(spec.vocabulary)
        if index <= spec.end_id or token in special or len(token.removeprefix(_SUFFIX)) == 1
    }
    covered = sum(counts.get(index, 0) for index in kept)
    for index in sorted(counts, key=lambda index: (-counts[index], index)):
        if covered >= coverage * total:
            break
        if index not in kept:
            kept.add(index)
            covered += counts[index]
    return tuple(sorted(kept))


def pruned(spec: TokenizerSpec, rows: Iterable[int]) -> TokenizerSpec:
    """The tokenizer whose token id i is `rows[i]` of the whole vocabulary."""
    return replace(spec, vocabulary=tuple(spec.vocabulary[row] for row in rows))

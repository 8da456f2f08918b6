"""Masked-language-model training data: which tokens are hidden, and what stands in their place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.core.errors import EncoderError
from components.modeling.dataset import pad_tokens
from components.modeling.pretraining.corpus import Corpus

__all__ = ["MaskedBatch", "Masker"]

_MASKED, _RANDOM = 0.8, 0.1


@dataclass(frozen=True)
class MaskedBatch:
    """Texts with hidden tokens.

    Attributes:
        inputs: the network's inputs, each int32 [rows, longest].
        positions: int32 [hidden], places of hidden tokens in the flattened [rows x longest].
        tokens: int32 [hidden], what stood there.
    """

    inputs: Mapping[str, NDArray[np.int32]]
    positions: NDArray[np.int32]
    tokens: NDArray[np.int32]


class Masker:
    """Hides tokens as in BERT's pre-training (Devlin et al., 2019, section 3.1): of those chosen 80 % become [MASK],
    10 % a random token, 10 % stay.

    Args:
        vocabulary: token by id.
        share: of the words, or tokens, that are chosen; at least one of a text.
        whole_words: all pieces of a word are chosen together, as in the later models of BERT's authors.

    Raises:
        EncoderError: the vocabulary has no [MASK].
    """

    def __init__(self, vocabulary: Sequence[str], *, share: float, whole_words: bool) -> None:
        if "[MASK]" not in vocabulary:
            raise EncoderError(
                "the encoder's vocabulary has no [MASK], so that its masked-language-model training cannot go on; "
                "leave the section pretrainer out"
            )
        self._mask = vocabulary.index("[MASK]")
        never = {"[PAD]", "[CLS]", "[SEP]", "[MASK]"}
        self._is_never = np.array([token in never for token in vocabulary])
        continues = [whole_words and token.startswith("##") for token in vocabulary]
        self._continues = np.array(continues)
        self._replacements = np.array(
            [
                position
                for position, token in enumerate(vocabulary)
                if not (token in never or token == "[UNK]" or token.startswith("[unused"))
            ],
            np.int32,
        )
        self._share = share

    def hide(self, texts: Corpus, random: np.random.Generator) -> MaskedBatch:
        """Pads the texts, and hides some of their tokens."""
        inputs = pad_tokens(texts.rows, texts.segments)
        tokens = inputs["token_ids"]
        candidates = (inputs["padding_mask"] == 1) & ~self._is_never[tokens]
        chosen = self._choose(tokens, candidates, random)
        hidden = tokens[chosen]
        fate = random.random(hidden.size)
        shown = np.where(fate < _MASKED, self._mask, hidden)
        is_random = (fate >= _MASKED) & (fate < _MASKED + _RANDOM)
        shown[is_random] = random.choice(self._replacements, int(is_random.sum()))
        altered = tokens.copy()
        altered[chosen] = shown
        positions = np.flatnonzero(chosen).astype(np.int32)
        return MaskedBatch({**inputs, "token_ids": altered}, positions, hidden)

    def _choose(
        self, tokens: NDArray[np.int32], candidates: NDArray[np.bool_], random: np.random.Generator
    ) -> NDArray[np.bool_]:
        """bool [rows, longest]: one draw for each word decides about all its pieces."""
        begins = candidates & ~self._continues[tokens]
        # A text that was cut may begin within a word.
        begins[:, 0] = True
        words = np.cumsum(begins, axis=1) - 1
        draws = random.random(tokens.shape)
        by_token = np.take_along_axis(draws, words, axis=1)
        by_token[~candidates] = np.inf
        least = by_token.min(axis=1, keepdims=True, initial=np.inf)
        found: NDArray[np.bool_] = candidates & ((by_token < self._share) | (by_token == least))
        return found

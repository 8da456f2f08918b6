"""Special tokens within a graph that holds the tokenizer, which cannot replace them in the text."""

import string
from collections.abc import Mapping
from dataclasses import replace

from tflite.host_tokenizer import HostTokenizer, TokenizerSpec

__all__ = ["special_tokens_in_graph"]


def special_tokens_in_graph(spec: TokenizerSpec) -> Mapping[str, tuple[int, int]]:
    """By special token: the number of pieces that WordPiece makes of it, and the one id that takes their place.

    Left out are tokens that do not begin and end with ASCII punctuation, which would grow together with a word beside
    them, and those whose word is several pieces. None of those that come with the package is one.
    """
    plain = HostTokenizer(replace(spec, rules=replace(spec.rules, special_tokens={})))
    found = {}
    for token, word in spec.rules.special_tokens.items():
        ids = plain.encode(word)[1:-1]
        if len(ids) == 1 and {token[0], token[-1]} <= set(string.punctuation):
            found[token] = (len(plain.encode(token)) - 2, ids[0])
    return found

"""A model whose every answer is known: a function of the text."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.evaluation.behaviour.ask import Ask
from components.evaluation.labelled_texts import LabelledTexts
from components.evaluation.scoring import Answers
from components.modeling.classifier import BackboneConfig, LoadedModel, ModelConfig
from components.modeling.heads import Head
from tflite.host_tokenizer import TokenizerSpec
from tflite.text import CleaningRules

Rule = Callable[[str], Sequence[float]]
"""From a text to the score of every output."""

VOCABULARY = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "untied", "united", "happy", "quite")


class RuleModel(LoadedModel):
    """Answers by a rule; counts what it is asked."""

    asked: list[str]

    def scores(
        self, texts: Sequence[str], batch_size: int = 64, *, contexts: Sequence[str] | None = None
    ) -> NDArray[np.float32]:
        self.asked.extend(texts)
        said = [""] * len(texts) if contexts is None else contexts
        rows = [self.rule(f"{before} {text}".strip()) for text, before in zip(texts, said, strict=True)]
        return np.array(rows, np.float32)

    rule: Rule


def rule_model(rule: Rule, *heads: Head) -> RuleModel:
    """`rule` gives the scores of the heads' outputs; labels are given from 0.5 on."""
    outputs = [name for head in heads for name in head.outputs]
    config = ModelConfig(
        heads=heads,
        thresholds=(0.5,) * len(outputs),
        max_tokens=32,
        encoder="none",
        backbone=BackboneConfig(class_name="BertBackbone", arguments={}),
    )
    rules = CleaningRules(lowercase=True, strip_accents=True)
    model = RuleModel(None, config, TokenizerSpec(vocabulary=VOCABULARY, rules=rules, max_tokens=32))
    model.__dict__.update(rule=rule, asked=[])
    return model


def asking(rule: Rule, *heads: Head) -> Ask:
    return Ask(rule_model(rule, *heads))


def split_of(*texts: str, **fields: Any) -> LabelledTexts:
    ids = [str(row) for row in range(len(texts))]
    return LabelledTexts(ids, texts, np.zeros((len(texts), 1), np.float32), {}, **fields)


def answers_of(ask: Ask, texts: LabelledTexts) -> Answers:
    scores = ask.model.scores(texts.texts, contexts=texts.contexts)
    return Answers(scores, ask.model.decide(scores))

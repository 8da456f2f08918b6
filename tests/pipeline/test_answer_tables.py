"""What `emotion predict` prints of models of every task."""

import io

from rich.console import Console

from pipeline.commands.answer_tables import Answer, answer_document, show_answer
from tflite.heads import Head

HEADS = (
    Head("emotion", "multi_label", ("joy", "anger", "fear")),
    Head("strength", "ordinal", ("none", "some", "much")),
    Head("affect", "regression", ("valence", "arousal"), (3.0, -20.0), (0.5, 8.0)),
)
ANSWER = Answer(
    (0.1, 0.9, 0.5, 0.2, 0.3, 0.5, 3.5, -120.0), (False, True, True, False, False, True, False, False)
)


def _printed(
    heads: tuple[Head, ...], answer: Answer, *, top: int = 5, context: str | None = None
) -> list[str]:
    console = Console(file=io.StringIO(), width=100)
    show_answer(console, "so [bold] it is", context, heads, answer, top=top)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_one_head_needs_no_title() -> None:
    lines = _printed(HEADS[:1], Answer(ANSWER.scores[:3], ANSWER.decided[:3]), top=2)
    assert lines == [
        "so [bold] it is",
        " ✓ anger ██████████████████████·· 0.900",
        " ✓ fear  ████████████············ 0.500",
    ]


def test_several_heads_have_a_table_each() -> None:
    lines = _printed(HEADS, ANSWER, top=1, context="how is it?")
    assert lines == [
        "how is it?",
        "so [bold] it is",
        " emotion",
        " ✓ anger ██████████████████████·· 0.900",
        " strength",
        "   none █████··················· 0.200",
        "   some ███████················· 0.300",
        " ✓ much ████████████············ 0.500",
        " affect",
        "   valence ·················█······ 3.500    usually 2 to 4",
        "   arousal █······················· -120.000 usually -36 to -4",
    ]


def test_the_document_tells_labels_from_numbers() -> None:
    assert answer_document("so", "how?", HEADS, ANSWER) == {
        "text": "so",
        "context": "how?",
        "labels": ["anger", "fear", "much"],
        "scores": {"anger": 0.9, "fear": 0.5, "joy": 0.1, "much": 0.5, "some": 0.3, "none": 0.2},
        "values": {"valence": 3.5, "arousal": -120.0},
    }
    numbers = Answer(ANSWER.scores[6:], ANSWER.decided[6:])
    assert answer_document("so", None, HEADS[2:], numbers) == {
        "text": "so",
        "values": {"valence": 3.5, "arousal": -120.0},
    }

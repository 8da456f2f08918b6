import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from components.edge.choice import Choice, NothingFitsError, choose
from components.edge.choice_config import ChoiceConfig
from components.edge.measurement import Measured
from pipeline.commands.choice_table import print_choice


def measured(name: str, size_mb: float, drop: float, latency_ms: float) -> Measured:
    return Measured(
        name=name,
        size_bytes=round(size_mb * 1e6),
        gzip_bytes=round(size_mb * 9e5),
        quality=0.55 - drop,
        drop=drop,
        agreement=0.99,
        latency_ms=latency_ms,
        peak_mb=3 * size_mb,
    )


MEASURED = (
    measured("float32", 90.0, 0.0, 15.0),
    measured("int8", 23.0, 0.001, 5.0),
    measured("int4", 12.5, 0.006, 8.0),
    measured("int4_vocab98", 9.0, 0.012, 8.0),
)


def chosen(**limits: Any) -> Choice:
    config = ChoiceConfig.model_validate(limits)
    candidates = [("int8_per_tensor", "mediapipe cannot run it"), *((one.name, one) for one in MEASURED)]
    return choose(config, candidates, reference_quality=0.55, texts=2000)


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"max_f1_drop": 0.005}, "int8"),
        ({"max_f1_drop": 0.01}, "int4"),
        ({"max_f1_drop": 0.01, "prefer": "fastest"}, "int8"),
        ({"max_f1_drop": 0.02, "max_size_mb": 10}, "int4_vocab98"),
        ({"max_f1_drop": 0.0}, "float32"),
        ({"max_f1_drop": 0.005, "max_size_mb": 13}, None),
    ],
)
def test_the_best_within_the_limits_is_chosen(limits: dict[str, Any], expected: str | None) -> None:
    assert chosen(**limits).chosen == expected


def test_every_refusal_has_its_reason() -> None:
    rows = {row.name: row.refusal for row in chosen(max_f1_drop=0.01, max_size_mb=20).rows}
    assert rows == {
        "int8_per_tensor": "mediapipe cannot run it",
        "float32": "90.0 MB, more than 20",
        "int8": "23.0 MB, more than 20",
        "int4": None,
        "int4_vocab98": "loses 0.0120, more than 0.01",
    }


def test_a_loss_that_is_no_number_is_refused() -> None:
    broken = measured("int8", 23.0, float("nan"), 5.0)
    choice = choose(ChoiceConfig(), [("int8", broken)], reference_quality=0.5, texts=10)
    assert choice.chosen is None


def test_where_nothing_fits_the_nearest_is_named() -> None:
    message = str(NothingFitsError(chosen(max_f1_drop=0.005, max_size_mb=13)))
    assert message.startswith(
        "no variant for mediapipe is within 13 MB and a loss of 0.005; the nearest is int4: loses 0.0060"
    )
    nothing = choose(ChoiceConfig(), [("int4", "too new")], reference_quality=0.5, texts=10)
    assert str(NothingFitsError(nothing)).startswith("mediapipe can run none of the candidates int4")


def test_the_table_shows_every_candidate_with_its_reason(tmp_path: Path) -> None:
    choice = chosen(max_f1_drop=0.01, max_size_mb=20)
    choice.write(tmp_path / "choice.json")
    console = Console(width=120, record=True, file=io.StringIO())
    print_choice(console, json.loads((tmp_path / "choice.json").read_text()))
    lines = [line.rstrip() for line in console.export_text().splitlines()]
    assert lines[0] == (
        "the smallest for mediapipe, at most 20 MB, losing at most 0.01 of 0.5500 on 2,000 texts of validation"
    )
    rows = {line.split()[0]: line for line in lines[2:]}
    assert rows["int4"].split()[1:] == [
        "12.50",
        "11.25",
        "0.5440",
        "+0.0060",
        "99.00%",
        "8.0",
        "38",
        "chosen",
    ]
    assert rows["float32"].endswith("90.0 MB, more than 20")
    assert rows["int8_per_tensor"].split()[1:8] == ["–"] * 7

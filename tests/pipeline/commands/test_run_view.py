"""What `emotion inspect run` shows a person."""

import io

from rich.console import Console

from pipeline.commands.run_view import show_run


def test_each_stage_tells_what_it_took_told_and_left():
    shown = io.StringIO()
    trainer = {
        "stage": "trainer",
        "state": "COMPLETE",
        "seconds": 310.7,
        "resources": {"cpu_s": 364.5, "peak_memory_mib": 2424.6, "attempt": 2},
        "summary": {"epochs": 5, "macro_f1": 0.6597},
        "error": None,
        "outputs": {"model": "/somewhere/runs/starter/trainer/model/6"},
    }
    failed = {
        **trainer,
        "stage": "pusher",
        "state": "FAILED",
        "resources": {},
        "summary": {},
        "outputs": {},
        "error": "[disk] is full",
    }
    waiting = {**failed, "stage": "report", "state": "REFUSED", "seconds": None}
    show_run(Console(file=shown, width=100), [trainer, failed, waiting])
    assert [line.rstrip() for line in shown.getvalue().splitlines()] == [
        "✓ trainer  complete, 5 min 11 s, CPU 6 min 04 s, 2,425 MiB, attempt 2",
        "    epochs 5, macro-F1 0.6597",
        "    trainer/model/6",
        "✗ pusher   failed, 5 min 11 s",
        "    [disk] is full",
        "– report   refused",
    ]

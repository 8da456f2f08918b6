"""Compares two runs."""

from collections.abc import Mapping
from typing import Any

from components.core.artifacts import ModelBlessing
from pipeline.comparison.answers import EvaluatedRun, pair
from pipeline.comparison.heads import head_changes
from pipeline.comparison.recorded_run import RecordedRun
from pipeline.comparison.settings import config_changes, data_changes

__all__ = ["compare_runs"]

_EXAMPLES_SHOWN = 10


def compare_runs(before: RecordedRun, after: RecordedRun) -> dict[str, Any]:
    """What changed from one evaluated run to another, as JSON values.

    Figures are paired over the rows where both runs evaluated the same texts with the same truth, and taken for figures
    of different texts otherwise.

    Returns:
        `runs` (two), `evaluated` (`split`, `texts` of each, texts in `common`, `paired`, `note`), `heads` as
        `head_changes` has them, `heads_added`, `heads_removed`, `verdict` (`blessed` of each, `checks` whose outcome or
        limit differs), `config` and `data` as `pipeline.comparison.settings` has them.

    Raises:
        UserError: a run was not evaluated.
    """
    pairing = pair(EvaluatedRun.of(before), EvaluatedRun.of(after))
    settings = after.config.get("evaluator", {})
    names = [[head.name for head in run.heads] for run in (pairing.before, pairing.after)]
    return {
        "runs": [_about(run) for run in (before, after)],
        "evaluated": {
            "split": [pairing.before.split, pairing.after.split],
            "texts": [len(pairing.before.ids), len(pairing.after.ids)],
            "common": pairing.common,
            "paired": not pairing.why_not,
            "note": pairing.why_not,
        },
        "heads": head_changes(
            pairing,
            resamples=settings.get("bootstrap_resamples", 1000),
            seed=settings.get("seed", 0),
            shown=_EXAMPLES_SHOWN,
        ),
        "heads_added": [name for name in names[1] if name not in names[0]],
        "heads_removed": [name for name in names[0] if name not in names[1]],
        "verdict": _verdict_changes(before, after),
        "config": config_changes(before.config, after.config),
        "data": data_changes(before, after),
    }


def _about(run: RecordedRun) -> dict[str, Any]:
    return {
        "root": run.root,
        "run": run.number,
        "pipeline": run.pipeline,
        "state": run.state,
        "started_at": run.started_at,
    }


def _verdict_changes(before: RecordedRun, after: RecordedRun) -> dict[str, Any]:
    blessings = [run.artifact(ModelBlessing) for run in (before, after)]
    verdicts = [None if blessing is None else blessing.verdict() for blessing in blessings]
    old, new = (
        {} if verdict is None else {check.name: _check(check) for check in verdict.checks}
        for verdict in verdicts
    )
    return {
        "blessed": [None if verdict is None else verdict.blessed for verdict in verdicts],
        "checks": [
            {"check": name, "before": old.get(name), "after": new.get(name)}
            for name in dict.fromkeys((*old, *new))
            if _outcome(old.get(name)) != _outcome(new.get(name))
        ],
    }


def _check(check: Any) -> dict[str, Any]:
    return {"passed": check.passed, "value": check.value, "limit": check.limit, "message": check.message}


def _outcome(check: Mapping[str, Any] | None) -> Any:
    return None if check is None else (check["passed"], check["limit"])

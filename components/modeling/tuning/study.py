"""An Optuna study: trials that outlive the process, and that several machines may share."""

import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias

import numpy as np
import optuna
import sqlalchemy as sa
from optuna.trial import FrozenTrial, TrialState

from components.core.errors import ConfigError, DataError, EncoderError, StageError, StoppedError
from components.modeling.tuning.search_space import Range, encode_values, grid, suggest
from components.modeling.tuning.trials import ERROR, RETRY_OF, STOPPED, Trial, is_lost, one_line, read_trial

__all__ = ["Evaluate", "Pruner", "Report", "Sampler", "Study"]

Sampler: TypeAlias = Literal["tpe", "random", "grid"]
Pruner: TypeAlias = Literal["median", "hyperband", "none"]

Report: TypeAlias = Callable[[int, float], None]
"""Takes an epoch's number, from 1, and its validation metric; raises if the trial is to end here."""

Evaluate: TypeAlias = Callable[[int, Mapping[str, Any], Report], float]
"""From a trial's number (from 1), values by dotted key, and whom to tell of every epoch, to the best epoch's metric."""

_HEARTBEAT_S = 30
"""A trial of another process that has given no sign for two of these is taken for dead."""

_POLL_S = 2.0
_TRIALS_BEFORE_TPE = 10
_TRIALS_BEFORE_PRUNING = 4
_SETTINGS = "settings"


class Study:
    """Searches for the values with the highest metric.

    Every trial is kept in a database as soon as it is over. What a process was at when it was killed is tried again.
    """

    def __init__(
        self,
        *,
        name: str,
        url: str,
        shared: bool,
        space: Mapping[str, Range],
        settings: Mapping[str, Any],
        sampler: Sampler,
        pruner: Pruner,
        max_epochs: int,
        seed: int,
    ) -> None:
        """Opens the study, or makes it.

        Args:
            name: of the study in the database.
            url: of the database, as SQLAlchemy reads it: `sqlite:////tmp/study.db`.
            shared: whether other processes may be at work on it.
            space: what is searched.
            settings: what trials must have in common for their metrics to compare, as JSON values.
            sampler: what chooses the values.
            pruner: what ends trials that are behind.
            max_epochs: the most epochs of a trial.
            seed: of the sampler; processes that share a study each take a random one.

        Raises:
            ConfigError: the database cannot be opened, or the study was made with other settings.
        """
        self._space = dict(space)
        self._shared = shared
        self._sampler, self._seed = sampler, seed
        self._max_epochs = max_epochs
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        with _experimental():
            try:
                storage = _open(url, heartbeat_s=_HEARTBEAT_S if shared else None)
                self._study = optuna.create_study(
                    study_name=name,
                    storage=storage,
                    direction="maximize",
                    load_if_exists=True,
                    pruner=_pruner(pruner, max_epochs),
                )
            except (sa.exc.SQLAlchemyError, ImportError, ValueError) as err:
                raise ConfigError(
                    f"tuner.storage: {_hide_password(url)} cannot be opened ({one_line(err)}); expected a URL such "
                    "as sqlite:///study.db or postgresql://host/database, and its driver"
                ) from err
        self._check_settings(settings)

    def run(
        self,
        evaluate: Evaluate,
        *,
        first: Mapping[str, Any] | None,
        trials: int,
        timeout_s: float | None,
        on_trial: Callable[[Trial], None],
    ) -> None:
        """Makes trials until there are enough, those of other processes included.

        A trial that fails is recorded and the search goes on.

        Args:
            evaluate: makes a trial.
            first: values of the first trial; None leaves them to the sampler.
            trials: trials of the study that are to be over.
            timeout_s: no trial is begun after this many seconds.
            on_trial: is told of every trial that was made here.

        Raises:
            DataError, EncoderError: no values would mend it.
            StoppedError: the process was told to stop.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        if first is not None and not self._study.get_trials(deepcopy=False):
            self._study.enqueue_trial(encode_values(self._space, first))
        if not self._shared:
            for trial in self._trials(TrialState.RUNNING):
                self._study.tell(trial.number, state=TrialState.FAIL)
        while True:
            self._retry_lost_trials()
            over, running = len(self.trials()), len(self._trials(TrialState.RUNNING))
            if over >= trials or (deadline is not None and time.monotonic() >= deadline):
                return
            if over + running >= trials:
                time.sleep(_POLL_S)
            elif self._is_exhausted():
                return
            else:
                self._make_trial(evaluate, on_trial, trials)

    def trials(self) -> list[Trial]:
        """Those that are over, in order; without what was cut off and is tried again."""
        found = [read_trial(trial, self._space) for trial in self._study.get_trials(deepcopy=False)]
        return [trial for trial in found if trial is not None]

    def best(self) -> Trial:
        """The trial with the highest metric; the first of equals.

        Raises:
            StageError: none is complete.
        """
        trials = self.trials()
        complete = [trial for trial in trials if trial.metric is not None]
        if not complete:
            errors = [trial.error for trial in trials if trial.error]
            reason = f"; the first one failed: {errors[0]}" if errors else "; raise tuner.timeout_s"
            raise StageError(f"no trial of {len(trials)} came to its end{reason}")
        return max(complete, key=lambda trial: trial.metric or 0.0)

    def importances(self) -> dict[str, float]:
        """By key, how much of the metric's variation among the best trials a setting explains, adding up to 1.

        PED-ANOVA (Watanabe et al., 2023). Empty if fewer than three trials are complete; settings that are not
        searched in every trial have none.
        """
        complete = self._trials(TrialState.COMPLETE)
        if len({trial.value for trial in complete}) < 3:
            return {}
        with _experimental():
            return optuna.importance.get_param_importances(
                self._study, evaluator=optuna.importance.PedAnovaImportanceEvaluator()
            )

    def _make_trial(self, evaluate: Evaluate, on_trial: Callable[[Trial], None], trials: int) -> None:
        def objective(trial: optuna.Trial) -> float:
            if self._places_before(trial.number) >= trials:
                # Another process began the last one at the same moment: numbers say who was first.
                trial.set_user_attr(STOPPED, True)
                raise _TrialError

            def report(epoch: int, metric: float) -> None:
                trial.report(metric, epoch)
                # After the last epoch there is nothing left to save.
                if epoch < self._max_epochs and trial.should_prune():
                    raise optuna.TrialPruned

            try:
                metric = evaluate(trial.number + 1, suggest(trial, self._space), report)
                if not math.isfinite(metric):
                    raise StageError(f"the validation metric is {metric}")
                return metric
            except (StoppedError, KeyboardInterrupt):
                trial.set_user_attr(STOPPED, True)
                raise
            except (optuna.TrialPruned, DataError, EncoderError):
                raise
            except Exception as err:
                trial.set_user_attr(ERROR, one_line(err))
                raise _TrialError from err

        def tell(_study: optuna.Study, frozen: FrozenTrial) -> None:
            if (made := read_trial(frozen, self._space)) is not None:
                on_trial(made)

        with _experimental():
            self._study.sampler = self._make_sampler()
            self._study.optimize(objective, n_trials=1, catch=(_TrialError,), callbacks=[tell])

    def _places_before(self, number: int) -> int:
        """Trials that are over or at work and have a lower number."""
        return sum(
            trial.number < number
            and (trial.state is TrialState.RUNNING or read_trial(trial, self._space) is not None)
            for trial in self._study.get_trials(deepcopy=False)
        )

    def _make_sampler(self) -> optuna.samplers.BaseSampler:
        """One for each trial, so that the values depend on the seed and on the trials before it alone."""
        count = len(self._study.get_trials(deepcopy=False))
        seed = None if self._shared else int(np.random.SeedSequence([self._seed, count]).generate_state(1)[0])
        match self._sampler:
            case "random":
                return optuna.samplers.RandomSampler(seed=seed)
            case "grid":
                # Its seed numbers the points: it has to be the same for every trial and process.
                return optuna.samplers.GridSampler(grid(self._space), seed=0)
            case "tpe":
                return optuna.samplers.TPESampler(
                    seed=seed, n_startup_trials=_TRIALS_BEFORE_TPE, constant_liar=self._shared
                )

    def _is_exhausted(self) -> bool:
        """Whether every point of a grid was tried."""
        sampler = self._make_sampler()
        return isinstance(sampler, optuna.samplers.GridSampler) and sampler.is_exhausted(self._study)

    def _retry_lost_trials(self) -> None:
        """Puts into the queue what processes were at that were stopped, or that died: the latter once."""
        if self._shared:
            with _experimental():
                optuna.storages.fail_stale_trials(self._study)
        trials = self._study.get_trials(deepcopy=False)
        retried = {trial.user_attrs.get(RETRY_OF) for trial in trials}
        for trial in trials:
            if is_lost(trial) and trial.params and trial.number not in retried:
                self._study.enqueue_trial(trial.params, user_attrs={RETRY_OF: trial.number})

    def _check_settings(self, settings: Mapping[str, Any]) -> None:
        earlier = self._study.user_attrs.get(_SETTINGS)
        if earlier is None:
            self._study.set_user_attr(_SETTINGS, dict(settings))
            return
        changed = [key for key in {**earlier, **settings} if earlier.get(key) != settings.get(key)]
        if changed:
            raise ConfigError(
                f"tuner.study: {self._study.study_name!r} was made with another {', another '.join(changed[:3])}; its "
                "trials do not compare with new ones: name another study, or set back what changed"
            )

    def _trials(self, *states: TrialState) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False, states=states)


class _TrialError(Exception):
    """A trial failed; the study goes on."""


def _open(url: str, *, heartbeat_s: int | None) -> optuna.storages.RDBStorage:
    """Opens the database; two processes that make its tables at the same time get in each other's way once."""
    arguments = {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {}
    attempts = 5
    for attempt in range(attempts):
        try:
            return optuna.storages.RDBStorage(url, engine_kwargs=arguments, heartbeat_interval=heartbeat_s)
        except (sa.exc.IntegrityError, sa.exc.OperationalError, sa.exc.ProgrammingError):
            if attempt == attempts - 1:
                raise
            time.sleep(0.2 * (attempt + 1))
    raise AssertionError


def _pruner(name: Pruner, max_epochs: int) -> optuna.pruners.BasePruner:
    match name:
        case "median":
            return optuna.pruners.MedianPruner(n_startup_trials=_TRIALS_BEFORE_PRUNING)
        case "hyperband":
            return optuna.pruners.HyperbandPruner(min_resource=1, max_resource=max_epochs)
        case "none":
            return optuna.pruners.NopPruner()


@contextmanager
def _experimental() -> Iterator[None]:
    """Optuna warns of everything that it calls experimental, heartbeats since 2.9 among it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield


def _hide_password(url: str) -> str:
    try:
        return sa.make_url(url).render_as_string(hide_password=True)
    except sa.exc.ArgumentError:
        return repr(url)

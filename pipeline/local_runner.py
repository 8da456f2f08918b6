"""Runs the graph on this machine: what can at once, cached, each output whole or not at all."""

import contextlib
import time
from collections.abc import Collection, Iterator

import sqlalchemy as sa

from components.core.errors import StoppedError
from components.data.beam.beam_config import BeamConfig
from pipeline.artifact_storage import ArtifactStorage
from pipeline.graph import Graph
from pipeline.metadata.location import remember_store, was_used
from pipeline.metadata.records import State
from pipeline.metadata.store import MetadataStore
from pipeline.preflight import require_no_problems
from pipeline.running.executors import Executor, InProcess
from pipeline.running.planning import Planner, RunState
from pipeline.running.results import SILENT, RunObserver, RunResult, StageResult
from pipeline.running.run_loop import RunLoop
from pipeline.running.runner_config import IN_PROCESS, RunnerConfig

__all__ = ["SILENT", "LocalRunner", "RunObserver", "RunResult", "StageResult"]

_SECONDS_BETWEEN_LOOKS = 0.5


class LocalRunner:
    """Runs the stages of a graph on one pipeline root."""

    def __init__(
        self,
        storage: ArtifactStorage,
        store: MetadataStore,
        *,
        settings: RunnerConfig = IN_PROCESS,
        beam: BeamConfig | None = None,
        use_cache: bool = True,
        rerun: Collection[str] = (),
        wait: bool = False,
    ) -> None:
        """Does nothing yet.

        Args:
            storage: the root.
            store: what ran there.
            settings: how many stages at once, and their limits.
            beam: where Beam pipelines run; in the stage's process if None.
            use_cache: whether what was done before is not done again.
            rerun: stages that are executed even so.
            wait: whether to wait for other runs on this root. If not, another one on this machine is an error; one on
                a machine that shares the store is not: both work, side by side.
        """
        self._storage = storage
        self._store = store
        self._settings = settings
        self._beam = beam or BeamConfig()
        self._planner = Planner(storage, store, use_cache=use_cache, rerun=rerun)
        self._wait = wait

    def run(self, graph: Graph, *, pipeline: str, config: str, observer: RunObserver = SILENT) -> RunResult:
        """Runs every stage that is neither cached nor refused.

        Args:
            graph: the stages.
            pipeline: name that is recorded with the run.
            config: the whole configuration as JSON, recorded with the run.
            observer: is told what happens.

        Raises:
            UserError: an input or a setting is wrong; told before any stage begins, as far as it can be known.
            StoppedError: the process was told to stop; the same run again goes on from what was saved.
            StageError: a stage failed; what other stages made stays and is reused by the next run.
        """
        require_no_problems(graph)
        with self._storage.lock(on_wait=observer.run_waits if self._wait else None) as lock:
            self._storage.empty_run_log()
            self._claim_root(graph)
            if self._wait:
                self._wait_for_other_machines(observer)
            self._take_back_unfinished()
            run_id = self._store.start_run(pipeline, config)
            observer.run_started(run_id, tuple(node.name for node in graph))
            state = State.FAILED
            try:
                results = self._execute(graph, run_id, pipeline, observer, lock)
                refused = any(result.state is State.REFUSED for result in results.values())
                state = State.REFUSED if refused else State.COMPLETE
            except (KeyboardInterrupt, StoppedError):
                state = State.CANCELED
                raise
            finally:
                with contextlib.suppress(sa.exc.OperationalError):
                    self._store.finish_run(run_id, state)
            return RunResult(run_id, state, {node.name: results[node.name] for node in graph})

    def _claim_root(self, graph: Graph) -> None:
        """Makes the store the one of this root, and the one that later commands look into."""
        outputs = [f"{node.name}/{output}" for node in graph for output in node.component.spec.outputs]
        known = self._store.count_runs() > 0 or was_used(self._storage.root, self._store)
        self._storage.claim(self._store.name, self._store.where, unknown=() if known else outputs)
        remember_store(self._storage.work_dir, self._store)

    def _wait_for_other_machines(self, observer: RunObserver) -> None:
        """Until none is at work on this root that shares the store."""
        told = False
        while others := self._store.runs_elsewhere():
            if not told:
                run = others[0]
                observer.run_waits(
                    f"run {run['id']} is at work on this root at {run['owner']}; if that machine is gone, say so: "
                    f"`emotion gc --gone {run['id']}`"
                )
                told = True
            time.sleep(_SECONDS_BETWEEN_LOOKS)

    def _take_back_unfinished(self) -> None:
        """Removes what a killed run had published of stages that it could not complete."""
        for execution in self._store.running_executions():
            self._storage.retract(execution.stage, execution.id)

    def _execute(
        self, graph: Graph, run_id: int, pipeline: str, observer: RunObserver, lock: int
    ) -> dict[str, StageResult]:
        run = RunState.of(run_id, pipeline, graph)
        with self._executor(lock) as executor:
            loop = RunLoop(
                run,
                self._planner,
                executor,
                observer,
                storage=self._storage,
                store=self._store,
                settings=self._settings,
                beam=self._beam,
            )
            loop.to_the_end()
        return run.results

    @contextlib.contextmanager
    def _executor(self, lock: int) -> Iterator[Executor]:
        if self._settings.workers == 0:
            yield InProcess()
            return
        from pipeline.running.worker_pool import WorkerPool

        pool = WorkerPool(self._settings, lock=lock, temporary=self._storage.temporary)
        try:
            yield pool
        finally:
            pool.close()

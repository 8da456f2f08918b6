"""The course of one run: begins what can begin, takes what ended, tries again, and stops when it is told to."""

import contextlib
import time
from collections.abc import Mapping
from dataclasses import replace

import sqlalchemy as sa

from components.core.component import Lineage
from components.data.beam.beam_config import BeamConfig
from pipeline.artifact_storage import ArtifactStorage
from pipeline.metadata.records import State
from pipeline.metadata.store import MetadataStore
from pipeline.running.executors import Executor
from pipeline.running.failures import is_stop, is_transient
from pipeline.running.planning import Plan, Planner, RunState, digests, reads
from pipeline.running.results import RunObserver, StageResult
from pipeline.running.runner_config import RunnerConfig
from pipeline.running.stage_task import Done, Ended, Failed, StageTask

__all__ = ["RunLoop"]


class RunLoop:
    """One run; all of it happens in the thread that calls it, only the stages may be elsewhere."""

    def __init__(
        self,
        run: RunState,
        planner: Planner,
        executor: Executor,
        observer: RunObserver,
        *,
        storage: ArtifactStorage,
        store: MetadataStore,
        settings: RunnerConfig,
        beam: BeamConfig,
    ) -> None:
        self._run = run
        self._planner = planner
        self._executor = executor
        self._observer = observer
        self._storage = storage
        self._store = store
        self._settings = settings
        self._beam = beam
        self._at_work: dict[int, Plan] = {}
        self._failure: BaseException | None = None

    def to_the_end(self) -> None:
        """Until every stage has a result, or one has failed and those that were at work with it have ended.

        Raises:
            UserError, StageError, StoppedError, …: the first failure.
        """
        try:
            while self._at_work or (self._run.waiting and self._failure is None):
                self._begin_what_can()
                self._take_what_ended()
        except BaseException as err:
            self._failure = err
        self._stop()
        if self._failure is not None:
            raise self._failure

    def _begin_what_can(self) -> None:
        while self._failure is None and len(self._at_work) < self._executor.capacity:
            node = next(iter(self._run.ready()), None)
            if node is None:
                return
            try:
                planned = self._planner.plan(self._run, node)
            except Exception as err:
                self._try_again_or_give_up(node.name, err, transient=is_transient(err))
                continue
            if isinstance(planned, Plan):
                self._begin(planned)
            else:
                self._settle(planned)

    def _begin(self, plan: Plan) -> None:
        node, run_id = plan.node, self._run.run_id
        progress = self._observer.stage_started(node.name, plan.why, plan.usual_s)
        execution_id = self._store.start_execution(run_id, node.name, plan.key, plan.parts, plan.inputs)
        try:
            self._storage.require_free(node.name, node.component.spec.outputs, execution_id)
        except Exception as err:
            self._store.record_unfinished(execution_id, State.FAILED, str(err), 0.0)
            self._try_again_or_give_up(node.name, err, transient=is_transient(err))
            return
        self._at_work[execution_id] = plan
        del self._run.waiting[node.name]
        task = StageTask(
            execution_id=execution_id,
            component=node.component,
            config=node.config,
            inputs={name: (record.name, record.digest) for name, record in plan.inputs.items()},
            storage=self._storage,
            scratch=self._storage.scratch_dir(node.name, plan.key) if self._keeps_scratch(plan) else None,
            log=self._storage.log_path(run_id, node.name),
            beam=self._beam,
            lineage=Lineage(self._run.pipeline, run_id, digests(plan.inputs)),
        )
        try:
            self._executor.submit(task, progress)
        except Exception as err:
            self._take_back(execution_id, Failed(err, 0.0, mistake=True))

    def _keeps_scratch(self, plan: Plan) -> bool:
        """Whether the stage finds what its last execution left; nothing if every stage is to run from its start."""
        if not plan.node.component.spec.keeps_scratch:
            return False
        if not self._planner.may_reuse(plan.node) and not self._run.attempts.get(plan.node.name):
            self._storage.discard_scratch(plan.node.name)
        return True

    def _take_what_ended(self) -> None:
        delay_s = self._run.seconds_to_next_attempt()
        if self._at_work:
            for task, ended in self._executor.wait(delay_s):
                self._end(task.execution_id, ended)
            if is_stop(self._failure):
                self._stop()
        elif delay_s is not None and self._failure is None:
            time.sleep(delay_s)

    def _end(self, execution_id: int, ended: Ended) -> None:
        if isinstance(ended, Done):
            self._complete(execution_id, ended)
        else:
            self._take_back(execution_id, ended)

    def _complete(self, execution_id: int, done: Done) -> None:
        plan = self._at_work[execution_id]
        node = plan.node
        resources = self._count_attempt(node.name, done.resources)
        memory = resources["peak_memory_mib"]
        records = self._store.complete_execution(
            execution_id,
            outputs=done.published,
            summary=done.summary,
            seconds=done.seconds,
            peak_memory_mib=memory,
            resources=resources,
        )
        del self._at_work[execution_id]
        self._storage.discard_staged(execution_id)
        self._storage.discard_scratch(node.name)
        result = StageResult(
            node.name,
            State.COMPLETE,
            done.summary,
            self._planner.take_outputs(self._run, node, records),
            done.seconds,
            memory,
            plan.why,
            digests(records),
            reads(node),
            self._run.run_id,
            resources,
            self._storage.log_path(self._run.run_id, node.name),
        )
        self._settle(result)

    def _settle(self, result: StageResult) -> None:
        self._run.results[result.name] = result
        self._run.waiting.pop(result.name, None)
        self._observer.stage_finished(result)

    def _take_back(self, execution_id: int, failed: Failed) -> None:
        """Records that an execution came to no end, and leaves nothing of it but its log and its scratch."""
        plan = self._at_work[execution_id]
        state = State.CANCELED if is_stop(failed.error) else State.FAILED
        # On a full disk even this may fail; the next run marks the execution as interrupted.
        with contextlib.suppress(sa.exc.OperationalError, OSError):
            self._storage.retract(plan.node.name, execution_id)
            resources = self._count_attempt(plan.node.name, failed.resources)
            self._store.record_unfinished(
                execution_id, state, str(failed.error), failed.seconds, resources=resources
            )
        del self._at_work[execution_id]
        self._run.waiting[plan.node.name] = plan.node
        again = plan.node.name in self._settings.retries.stages and not failed.mistake
        self._try_again_or_give_up(plan.node.name, failed.error, transient=failed.transient or again)

    def _try_again_or_give_up(self, stage: str, error: BaseException, *, transient: bool) -> None:
        attempts = self._run.attempts[stage] = self._run.attempts.get(stage, 0) + 1
        retries = self._settings.retries
        if transient and self._failure is None and not is_stop(error) and attempts < retries.attempts:
            delay_s = retries.delay_s(attempts)
            self._run.not_before[stage] = time.monotonic() + delay_s
            self._observer.stage_retried(stage, error, delay_s)
            return
        self._observer.stage_failed(stage, error)
        # What was saved says more than that Ctrl-C came.
        if self._failure is None or isinstance(self._failure, KeyboardInterrupt):
            self._failure = error

    def _count_attempt(self, stage: str, resources: Mapping[str, float]) -> dict[str, float]:
        failed = self._run.attempts.get(stage, 0)
        return {**resources, **({"attempt": failed + 1} if failed else {})}

    def _stop(self) -> None:
        """Ends what is at work, which may save its state; a second Ctrl-C does not give it the time."""
        if not self._at_work:
            return
        self._observer.run_stops(tuple(plan.node.name for plan in self._at_work.values()))
        try:
            for task, ended in self._executor.stop():
                if isinstance(ended, Failed) and not is_stop(ended.error):
                    # Whatever the stage made of the signal: it was stopped, it did not fail.
                    ended = replace(ended, error=KeyboardInterrupt())
                self._end(task.execution_id, ended)
        except KeyboardInterrupt as err:
            self._failure = self._failure or err
        for execution_id in list(self._at_work):
            self._take_back(execution_id, Failed(KeyboardInterrupt(), 0.0))

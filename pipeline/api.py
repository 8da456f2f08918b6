"""`pipeline.run(config)`: the whole pipeline from Python."""

import traceback
from pathlib import Path

import sqlalchemy as sa

from components.core.atomic_files import write_atomic
from components.core.errors import GraphError, StageError, StorageError
from pipeline.artifact_storage import ArtifactStorage
from pipeline.config import PipelineConfig, load_config
from pipeline.emotion import build_graph
from pipeline.graph import Graph
from pipeline.local_runner import SILENT, LocalRunner, RunObserver, RunResult
from pipeline.metadata.location import open_store_to_run

__all__ = ["report_path", "run"]


def run(
    config: PipelineConfig | Path | str,
    *,
    graph: Graph | None = None,
    since: str | None = None,
    to: str | None = None,
    use_cache: bool = True,
    wait: bool = False,
    observer: RunObserver = SILENT,
    write_report: bool = True,
) -> RunResult:
    """Runs the pipeline on this machine and writes its report.

    Args:
        config: a configuration or the path of its YAML file.
        graph: the stages, such as `build_graph(config)` with stages of your own added; `build_graph(config)` if None.
        since: a stage that runs, and all that depend on it, even if they are in the cache.
        to: the last stage to run; all if None.
        use_cache: whether stages whose inputs, settings and code are unchanged are taken from earlier runs.
        wait: whether to wait for another run on the same root; it is an error if not.
        observer: is told what happens.
        write_report: whether to write the report too.

    Returns:
        what became of every stage; `state` is REFUSED if the data or the model did not pass a gate.

    Raises:
        UserError: the configuration or the data are wrong; the message says what to do.
        StageError: a stage failed, or the report of a complete run cannot be drawn.
    """
    if not isinstance(config, PipelineConfig):
        config = load_config(config)
    graph = graph or build_graph(config)
    config.runner.check_stages(graph.nodes)
    rerun = graph.since(since) if since is not None else ()
    if to is not None:
        graph = graph.upto(to)
        if since is not None and since not in graph.nodes:
            raise GraphError(f"{since} is no part of a run to {to}, which needs {', '.join(graph.nodes)}")
    storage = ArtifactStorage(config.root, config.work_dir)
    storage.prepare()
    store = open_store_to_run(storage.work_dir, storage.root, config.metadata)
    try:
        runner = LocalRunner(
            storage,
            store,
            settings=config.runner,
            beam=config.beam,
            use_cache=use_cache,
            rerun=rerun,
            wait=wait,
        )
        result = runner.run(
            graph, pipeline=config.name, config=_record_of(config, storage), observer=observer
        )
    except sa.exc.OperationalError as err:
        raise StorageError(
            f"{store.where}: cannot be written ({err.orig}); free some space or set another `root`"
        ) from err
    finally:
        store.close()
    if write_report:
        _write_report(result, config, report_path(storage, result))
    return result


def report_path(storage: ArtifactStorage, result: RunResult) -> Path:
    """Where the run's HTML report is; `statistics.html` about its data and `MODEL_CARD.md` are beside it."""
    return storage.report_dir(result.run_id) / "report.html"


def _record_of(config: PipelineConfig, storage: ArtifactStorage) -> str:
    """The configuration as it is recorded, JSON."""
    if config.work_dir is not None:
        # Later commands find the root by this record, wherever they are called. One that holds its store may be moved.
        places = {"root": storage.root, "work_dir": str(storage.work_dir)}
        config = config.model_copy(update=places)
    return config.model_dump_json()


def _write_report(result: RunResult, config: PipelineConfig, path: Path) -> None:
    from pipeline.report import collect_report, render_model_card, render_report, render_statistics

    try:
        record = collect_report(result, config)
        write_atomic(path, render_report(record))
        if record.statistics is not None:
            write_atomic(path.with_name("statistics.html"), render_statistics(record))
        card = render_model_card(record, config.model_card)
        if card is not None:
            write_atomic(path.with_name("MODEL_CARD.md"), card)
    except OSError as err:
        raise StorageError(
            f"{path}: the report cannot be written ({err.strerror}); the run itself is complete, run again for it"
        ) from err
    except Exception as err:  # whatever is wrong with the page, hours of training are not
        where = traceback.extract_tb(err.__traceback__)[-1]
        raise StageError(
            f"{path}: the report cannot be drawn ({type(err).__name__}: {err}; {where.filename}:{where.lineno}); the "
            "run itself is complete, with all that it pushed. This is a fault of emotion-pipeline: please report it"
        ) from err

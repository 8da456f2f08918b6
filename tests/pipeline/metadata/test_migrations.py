"""A store of an earlier version opens as it is; one of a later version is refused."""

import os
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from components.core.errors import StorageError, UserError
from pipeline.metadata import migrations
from pipeline.metadata.records import ArtifactState, State
from pipeline.metadata.store import MetadataStore
from pipeline.metadata.tables import tables

VERSION_1 = """
CREATE TABLE runs (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, pipeline VARCHAR NOT NULL, state VARCHAR NOT NULL,
  config TEXT NOT NULL, started_at VARCHAR NOT NULL, finished_at VARCHAR);
CREATE TABLE artifacts (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, type VARCHAR NOT NULL, uri VARCHAR NOT NULL,
  digest VARCHAR NOT NULL, refusal TEXT, created_at VARCHAR NOT NULL);
CREATE INDEX ix_artifacts_type ON artifacts (type);
CREATE TABLE executions (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, run_id INTEGER NOT NULL REFERENCES runs (id),
  stage VARCHAR NOT NULL, state VARCHAR NOT NULL, fingerprint VARCHAR NOT NULL, fingerprint_parts TEXT NOT NULL,
  started_at VARCHAR NOT NULL, seconds FLOAT, peak_memory_mib FLOAT, summary TEXT, error TEXT);
CREATE INDEX ix_executions_fingerprint ON executions (fingerprint);
CREATE INDEX ix_executions_run_id ON executions (run_id);
CREATE TABLE events (execution_id INTEGER NOT NULL REFERENCES executions (id),
  artifact_id INTEGER NOT NULL REFERENCES artifacts (id), kind VARCHAR NOT NULL, name VARCHAR NOT NULL,
  PRIMARY KEY (execution_id, artifact_id, kind, name));
CREATE INDEX ix_events_artifact_id ON events (artifact_id);
INSERT INTO runs VALUES (7, 'toy', 'COMPLETE', '{}', '2026-01-01T00:00:00+00:00', '2026-01-01T00:01:00+00:00');
INSERT INTO artifacts VALUES (3, 'Model', '/runs/toy/train/model/5', 'abc', NULL, '2026-01-01T00:01:00+00:00');
INSERT INTO executions VALUES (5, 7, 'train', 'COMPLETE', 'key', '{"code": "1"}', '2026-01-01T00:00:00+00:00', 1.5,
  10.0, '{"rows": 2}', NULL);
INSERT INTO events VALUES (5, 3, 'output', 'model');
"""
"""What the store was before it had a table of its version, with one run in it."""


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    path = tmp_path / "metadata.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(VERSION_1)
    connection.close()
    return path


def test_a_store_of_version_1_keeps_what_it_knows_and_takes_more(earlier: Path):
    store = MetadataStore(earlier)
    (found,) = store.find_complete("train", "key")
    assert (found.run_id, found.summary, found.resources) == (7, {"rows": 2}, {})
    assert store.outputs(found.id)["model"].state is ArtifactState.LIVE
    run = store.start_run("toy", "{}")
    store.record_cached(run, found, {})
    assert [execution.state for execution in store.executions(run)] == [State.CACHED]
    store.close()


def test_a_store_of_an_earlier_version_that_may_only_be_read_is_left_to_its_owner(
    earlier: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(UserError, match="may not be changed; ask its owner to bring it up to date"):
        MetadataStore(earlier)


def test_a_migrated_store_has_the_columns_and_indexes_of_a_new_one(earlier: Path, tmp_path: Path):
    MetadataStore(earlier).close()
    MetadataStore(tmp_path / "new.sqlite").close()
    described = []
    for path in (earlier, tmp_path / "new.sqlite"):
        engine = sa.create_engine(f"sqlite:///{path}")
        inspector = sa.inspect(engine)
        described.append(
            {
                name: (
                    {column["name"] for column in inspector.get_columns(name)},
                    {tuple(index["column_names"]) for index in inspector.get_indexes(name)},
                )
                for name in inspector.get_table_names()
            }
        )
        engine.dispose()
    assert described[0] == described[1]
    assert described[0].keys() == tables.tables.keys()


def test_a_store_of_version_2_gets_a_name_that_stays(tmp_path: Path):
    path = tmp_path / "metadata.sqlite"
    MetadataStore(path).close()
    connection = sqlite3.connect(path)
    connection.executescript(
        "ALTER TABLE schema_version DROP COLUMN store; UPDATE schema_version SET version = 2"
    )
    connection.close()
    names = []
    for _ in range(2):
        store = MetadataStore(path)
        names.append(store.name)
        store.close()
    assert names[0] == names[1] != ""


def test_a_step_that_fails_leaves_the_earlier_store_as_it_was(earlier: Path, monkeypatch: pytest.MonkeyPatch):
    def breaks(connection: sa.Connection) -> None:
        connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN half VARCHAR")
        raise RuntimeError("power went")

    monkeypatch.setattr(migrations, "_STEPS", (breaks,))
    with pytest.raises(RuntimeError, match="power went"):
        MetadataStore(earlier)
    connection = sqlite3.connect(earlier)
    assert "half" not in {row[1] for row in connection.execute("PRAGMA table_info(runs)")}
    connection.close()


def test_a_store_of_a_later_version_is_refused(tmp_path: Path):
    path = tmp_path / "metadata.sqlite"
    MetadataStore(path).close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE schema_version SET version = 99")
    connection.commit()
    connection.close()
    with pytest.raises(
        UserError, match=r"later version of emotion-pipeline \(its schema is 99.*upgrade emotion-pipeline"
    ):
        MetadataStore(path)


def test_a_file_that_is_no_database_is_a_clear_error(tmp_path: Path):
    path = tmp_path / "metadata.sqlite"
    path.write_text("this is no database, and long enough to be looked at " * 20)
    with pytest.raises(StorageError, match=r"cannot be used as metadata store .file is not a database"):
        MetadataStore(path)

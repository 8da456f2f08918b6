"""The tables, as version `migrations.VERSION` of the store has them.

Lengths stand where MySQL asks for them: it indexes no text without. Times are ISO 8601, UTC.
"""

import sqlalchemy as sa

__all__ = ["artifacts", "code_versions", "events", "executions", "runs", "schema_version", "tables"]

tables = sa.MetaData()

_Name = sa.String(255)
_Digest = sa.String(64)
_Long = sa.Text().with_variant(sa.Text(2**32 - 1), "mysql", "mariadb")  # LONGTEXT, by length

schema_version = sa.Table(
    "schema_version",
    tables,
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("store", sa.String(32), nullable=False, server_default=""),
)
"""One row; `store` is the store's own name, drawn at random."""

runs = sa.Table(
    "runs",
    tables,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("pipeline", _Name, nullable=False),
    sa.Column("state", _Name, nullable=False),
    sa.Column("config", _Long, nullable=False),
    sa.Column("started_at", _Name, nullable=False),
    sa.Column("finished_at", _Name),
    sa.Column("root", sa.String(700), nullable=False, server_default="", index=True),
    sa.Column("owner", sa.String(700), nullable=False, server_default=""),
    sqlite_autoincrement=True,
)
"""ML Metadata's contexts. `root` is where artifacts are, `owner` the machine and directory that ran it: both are
empty in a store of one root, and in a shared one they keep roots and machines apart."""

executions = sa.Table(
    "executions",
    tables,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("run_id", sa.ForeignKey("runs.id"), nullable=False, index=True),
    sa.Column("stage", _Name, nullable=False),
    sa.Column("state", _Name, nullable=False),
    sa.Column("fingerprint", _Digest, nullable=False, index=True),
    sa.Column("fingerprint_parts", _Long, nullable=False),
    sa.Column("started_at", _Name, nullable=False),
    sa.Column("seconds", sa.Float),
    sa.Column("peak_memory_mib", sa.Float),
    sa.Column("summary", _Long),
    sa.Column("error", _Long),
    sa.Column("resources", sa.JSON),
    sqlite_autoincrement=True,
)

code_versions = sa.Table(
    "code_versions",
    tables,
    sa.Column("digest", _Digest, primary_key=True),
    sa.Column("modules", _Long, nullable=False),
)
"""The digest of every source file behind an execution's part `code`, once a version of the code."""

artifacts = sa.Table(
    "artifacts",
    tables,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("type", _Name, nullable=False, index=True),
    sa.Column("uri", sa.Text, nullable=False),
    sa.Column("digest", _Digest, nullable=False),
    sa.Column("refusal", _Long),
    sa.Column("created_at", _Name, nullable=False),
    sa.Column("state", _Name, nullable=False, server_default="LIVE"),
    sqlite_autoincrement=True,
)
"""`uri` is relative to the pipeline root, which may be moved."""

events = sa.Table(
    "events",
    tables,
    sa.Column("execution_id", sa.ForeignKey("executions.id"), primary_key=True),
    sa.Column("artifact_id", sa.ForeignKey("artifacts.id"), primary_key=True, index=True),
    sa.Column("kind", sa.String(16), primary_key=True),  # "input" or "output"
    sa.Column("name", _Name, primary_key=True),
)

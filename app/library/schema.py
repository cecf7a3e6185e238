"""Tables of the library, and the steps that make them.

The steps are frozen text: a vault of any age is brought up to date by running those it lacks, so a step
that was
released is never edited. The tables below describe the outcome of the last step; a test holds the two
together.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

from app.store.migrations import Migration

metadata = MetaData()

dossier = Table(
    "dossier",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("created_utc", Float, nullable=False),
    Column("model_id", Text, nullable=False, server_default=""),
)

document = Table(
    "document",
    metadata,
    Column("id", Text, primary_key=True),
    Column("dossier_id", Text, ForeignKey("dossier.id", ondelete="CASCADE"), nullable=False),
    Column("parent_id", Text, ForeignKey("document.id", ondelete="CASCADE")),
    Column("name", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("layout", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("blob_id", Text, nullable=False),
    Column("content_mac", LargeBinary, nullable=False),
    Column("status", Text, nullable=False),
    Column("failure_code", Text, nullable=False),
    Column("failure_params", Text, nullable=False),
    Column("page_count", Integer, nullable=False),
    Column("pages_done", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("depth", Integer, nullable=False),
    Column("source_path", Text, nullable=False),
    Column("added_utc", Float, nullable=False),
    Index("document_by_content", "dossier_id", "content_mac"),
    Index("document_by_dossier", "dossier_id", "position"),
    Index("document_by_parent", "parent_id"),
    Index("document_by_status", "status"),
)

page = Table(
    "page",
    metadata,
    Column("document_id", Text, ForeignKey("document.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("width_pt", Float, nullable=False),
    Column("height_pt", Float, nullable=False),
    Column("text", Text, nullable=False),
    Column("words", LargeBinary, nullable=False),
    Column("note", Text, nullable=False),
)

exception = Table(
    "exception",
    metadata,
    Column("id", Text, primary_key=True),
    Column("dossier_id", Text, ForeignKey("dossier.id", ondelete="CASCADE"), nullable=False),
    Column("document_id", Text, ForeignKey("document.id", ondelete="CASCADE")),
    Column("page", Integer),
    Column("name", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("params", Text, nullable=False),
    Column("source_path", Text, nullable=False),
    Column("can_retry", Integer, nullable=False),
    Column("happened_utc", Float, nullable=False),
    Index("exception_by_dossier", "dossier_id", "happened_utc"),
    Index("exception_by_document", "document_id"),
)

reading = Table(
    "reading",
    metadata,
    Column("id", Text, primary_key=True),
    Column("dossier_id", Text, ForeignKey("dossier.id", ondelete="CASCADE"), nullable=False),
    Column("model_identity", Text, nullable=False),
    Column("position_tok", Integer, nullable=False),
    Column("text_mac", LargeBinary, nullable=False),
    Column("sealed_file_id", Text, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("covered", Text, nullable=False),
    Column("created_utc", Float, nullable=False),
    Column("model_id", Text, nullable=False, server_default=""),
    Index("reading_by_dossier", "dossier_id", "model_identity", "created_utc"),
)

MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        1,
        "library",
        (
            """CREATE TABLE dossier (
                id TEXT NOT NULL PRIMARY KEY,
                name TEXT NOT NULL,
                created_utc FLOAT NOT NULL
            )""",
            """CREATE TABLE document (
                id TEXT NOT NULL PRIMARY KEY,
                dossier_id TEXT NOT NULL REFERENCES dossier (id) ON DELETE CASCADE,
                parent_id TEXT REFERENCES document (id) ON DELETE CASCADE,
                name TEXT NOT NULL,
                media_type TEXT NOT NULL,
                layout TEXT NOT NULL,
                title TEXT NOT NULL,
                size_bytes INTEGER NOT NULL,
                blob_id TEXT NOT NULL,
                content_mac BLOB NOT NULL,
                status TEXT NOT NULL,
                failure_code TEXT NOT NULL,
                failure_params TEXT NOT NULL,
                page_count INTEGER NOT NULL,
                pages_done INTEGER NOT NULL,
                position INTEGER NOT NULL,
                depth INTEGER NOT NULL,
                source_path TEXT NOT NULL,
                added_utc FLOAT NOT NULL
            )""",
            "CREATE INDEX document_by_content ON document (dossier_id, content_mac)",
            "CREATE INDEX document_by_dossier ON document (dossier_id, position)",
            "CREATE INDEX document_by_parent ON document (parent_id)",
            "CREATE INDEX document_by_status ON document (status)",
            """CREATE TABLE page (
                document_id TEXT NOT NULL REFERENCES document (id) ON DELETE CASCADE,
                number INTEGER NOT NULL,
                width_pt FLOAT NOT NULL,
                height_pt FLOAT NOT NULL,
                text TEXT NOT NULL,
                words BLOB NOT NULL,
                note TEXT NOT NULL,
                PRIMARY KEY (document_id, number)
            )""",
            """CREATE TABLE exception (
                id TEXT NOT NULL PRIMARY KEY,
                dossier_id TEXT NOT NULL REFERENCES dossier (id) ON DELETE CASCADE,
                document_id TEXT REFERENCES document (id) ON DELETE CASCADE,
                page INTEGER,
                name TEXT NOT NULL,
                code TEXT NOT NULL,
                params TEXT NOT NULL,
                source_path TEXT NOT NULL,
                can_retry INTEGER NOT NULL,
                happened_utc FLOAT NOT NULL
            )""",
            "CREATE INDEX exception_by_dossier ON exception (dossier_id, happened_utc)",
            "CREATE INDEX exception_by_document ON exception (document_id)",
            """CREATE TABLE reading (
                id TEXT NOT NULL PRIMARY KEY,
                dossier_id TEXT NOT NULL REFERENCES dossier (id) ON DELETE CASCADE,
                model_identity TEXT NOT NULL,
                position_tok INTEGER NOT NULL,
                text_mac BLOB NOT NULL,
                sealed_file_id TEXT NOT NULL,
                size_bytes INTEGER NOT NULL,
                covered TEXT NOT NULL,
                created_utc FLOAT NOT NULL
            )""",
            "CREATE INDEX reading_by_dossier ON reading (dossier_id, model_identity, created_utc)",
        ),
    ),
    Migration(
        version=2,
        name="a model of its own for a dossier",
        statements=(
            "ALTER TABLE dossier ADD COLUMN model_id TEXT NOT NULL DEFAULT ''",
            "ALTER TABLE reading ADD COLUMN model_id TEXT NOT NULL DEFAULT ''",
        ),
    ),
)

REFERENCES: tuple[str, ...] = (
    "SELECT blob_id FROM document WHERE blob_id <> ''",
    "SELECT sealed_file_id FROM reading",
)
"""Queries that name every blob and sealed file in use."""

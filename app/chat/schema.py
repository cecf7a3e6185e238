"""Tables of the conversations kept with a dossier: exchanges, their statements, citations and evidence."""

from __future__ import annotations

from app.store.migrations import Migration

MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        version=1,
        name="conversations",
        statements=(
            """CREATE TABLE chat (
                id TEXT PRIMARY KEY,
                dossier_id TEXT NOT NULL,
                title TEXT NOT NULL,
                created_utc REAL NOT NULL
            ) WITHOUT ROWID""",
            "CREATE INDEX chat_by_dossier ON chat (dossier_id, created_utc)",
            """CREATE TABLE chat_exchange (
                id TEXT PRIMARY KEY,
                chat_id TEXT NOT NULL REFERENCES chat (id) ON DELETE CASCADE,
                position INTEGER NOT NULL,
                question TEXT NOT NULL,
                scope TEXT NOT NULL,
                text TEXT NOT NULL,
                mode TEXT NOT NULL,
                reason TEXT NOT NULL,
                model TEXT NOT NULL,
                confidence REAL NOT NULL,
                stopped INTEGER NOT NULL,
                timings TEXT NOT NULL,
                created_utc REAL NOT NULL,
                UNIQUE (chat_id, position)
            ) WITHOUT ROWID""",
            """CREATE TABLE chat_statement (
                exchange_id TEXT NOT NULL REFERENCES chat_exchange (id) ON DELETE CASCADE,
                position INTEGER NOT NULL,
                start INTEGER NOT NULL,
                end INTEGER NOT NULL,
                grade TEXT NOT NULL,
                PRIMARY KEY (exchange_id, position)
            ) WITHOUT ROWID""",
            # statement -1 holds the nearest passages of an answer that says "not in the dossier".
            """CREATE TABLE chat_citation (
                exchange_id TEXT NOT NULL REFERENCES chat_exchange (id) ON DELETE CASCADE,
                statement INTEGER NOT NULL,
                position INTEGER NOT NULL,
                anchor INTEGER NOT NULL,
                document_id TEXT NOT NULL,
                document TEXT NOT NULL,
                page INTEGER NOT NULL,
                start INTEGER NOT NULL,
                end INTEGER NOT NULL,
                quote TEXT NOT NULL,
                boxes TEXT NOT NULL,
                checked INTEGER NOT NULL,
                PRIMARY KEY (exchange_id, statement, position)
            ) WITHOUT ROWID""",
            "CREATE INDEX chat_citation_by_document ON chat_citation (document_id)",
            """CREATE TABLE chat_evidence (
                exchange_id TEXT NOT NULL REFERENCES chat_exchange (id) ON DELETE CASCADE,
                anchor INTEGER NOT NULL,
                document_id TEXT NOT NULL,
                document TEXT NOT NULL,
                page INTEGER NOT NULL,
                start INTEGER NOT NULL,
                end INTEGER NOT NULL,
                text TEXT NOT NULL,
                PRIMARY KEY (exchange_id, anchor)
            ) WITHOUT ROWID""",
            "CREATE INDEX chat_evidence_by_document ON chat_evidence (document_id)",
        ),
    ),
)

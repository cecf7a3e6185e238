"""Tables of the search index. Everything here can be thrown away and built again from the library's pages.

The full-text tables are contentless: they hold positions of words, never a second copy of the text. Their
rowids are the ids of ``search_page`` and ``search_passage``. Scope words (``d`` + dossier, ``f`` +
document) are indexed beside the text so that a search inside one dossier never walks through another one's
rows.
"""

from __future__ import annotations

from app.store.migrations import Migration

MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        version=1,
        name="search index",
        statements=(
            """CREATE TABLE search_page (
                id INTEGER PRIMARY KEY,
                dossier_id TEXT NOT NULL,
                document_id TEXT NOT NULL,
                page INTEGER NOT NULL,
                UNIQUE (document_id, page)
            )""",
            "CREATE INDEX search_page_by_dossier ON search_page (dossier_id)",
            """CREATE TABLE search_passage (
                id INTEGER PRIMARY KEY,
                dossier_id TEXT NOT NULL,
                document_id TEXT NOT NULL,
                page INTEGER NOT NULL,
                start INTEGER NOT NULL,
                end INTEGER NOT NULL,
                context TEXT NOT NULL,
                body TEXT NOT NULL
            )""",
            "CREATE INDEX search_passage_by_page ON search_passage (document_id, page)",
            "CREATE INDEX search_passage_by_dossier ON search_passage (dossier_id)",
            """CREATE VIRTUAL TABLE search_page_words USING fts5(
                words, scope, content='', contentless_delete=1, prefix='2 3 4',
                tokenize='unicode61 remove_diacritics 2'
            )""",
            """CREATE VIRTUAL TABLE search_passage_stems USING fts5(
                stems, context, scope, content='', contentless_delete=1,
                tokenize='unicode61 remove_diacritics 2'
            )""",
            "CREATE VIRTUAL TABLE search_passage_vocabulary USING fts5vocab(search_passage_stems, 'row')",
        ),
    ),
    Migration(
        version=2,
        name="directions of passages",
        statements=(
            # Of a page's passages, in their order and beginning with that id: 128 signed bytes for each.
            """CREATE TABLE search_page_vectors (
                page_id INTEGER PRIMARY KEY,
                first_passage INTEGER NOT NULL,
                vectors BLOB NOT NULL
            )""",
            # Pages indexed before have none: whoever opens the vault indexes what is missing.
            "INSERT INTO search_page_words (search_page_words) VALUES ('delete-all')",
            "INSERT INTO search_passage_stems (search_passage_stems) VALUES ('delete-all')",
            "DELETE FROM search_page",
            "DELETE FROM search_passage",
        ),
    ),
    Migration(
        version=3,
        name="directions of whole sentences",
        statements=(
            # Of 256 signed bytes for each passage; those of before say nothing beside them.
            "DELETE FROM search_page_vectors",
            "INSERT INTO search_page_words (search_page_words) VALUES ('delete-all')",
            "INSERT INTO search_passage_stems (search_passage_stems) VALUES ('delete-all')",
            "DELETE FROM search_page",
            "DELETE FROM search_passage",
        ),
    ),
)

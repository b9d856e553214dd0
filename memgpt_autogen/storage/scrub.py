"""Taking deleted records out of Chroma's own SQLite file.

Chroma deletes by marking pages as free, and its log (`embeddings_queue`) keeps the
texts and vectors of records, deleted ones too, until a thousand more are written.

What stays: vectors in the files of the HNSW index, whose place Chroma only marks as
free. They are numbers; but Chroma makes these files larger than they need be, and their
unused part holds scraps of the process's memory, which may be of any text. What the file
system or the disk keep of overwritten blocks, and copies made elsewhere, are out of
reach too.
"""

# ruff: noqa: S608 - the only text put into statements is the constant below

from __future__ import annotations

import contextlib
import sqlite3
import struct
from pathlib import Path

from memgpt_autogen.errors import StorageError

_WAIT_SECONDS = 30.0
_FLOAT_BYTES = 4

# Log entries of records that are no more, as far as the log was worked through.
_GONE = """
    NOT EXISTS (
        SELECT 1 FROM embeddings JOIN segments ON segments.id = embeddings.segment_id
        WHERE segments.collection = substr(topic, -36)
        AND embeddings.embedding_id = embeddings_queue.id
    )
    AND seq_id <= (
        SELECT max(max_seq_id.seq_id) FROM max_seq_id
        JOIN segments ON segments.id = max_seq_id.segment_id
        WHERE segments.scope = 'METADATA' AND segments.collection = substr(topic, -36)
    )
"""


def scrub_chroma(path: Path) -> None:
    """Overwrite what the file keeps of deleted records.

    Chroma may have the file open, but must not be at work on it. Its log is emptied
    of their texts and vectors, not shortened: the index may have to replay it.

    Raises:
        StorageError: the file cannot be rewritten.
    """
    if not path.exists():
        return
    try:
        with contextlib.closing(
            sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None)
        ) as connection:
            connection.execute("PRAGMA secure_delete=ON")
            connection.execute("BEGIN IMMEDIATE")
            _empty_log(connection)
            # The full-text lists hold three letters of deleted texts each until merged.
            connection.execute(
                "INSERT INTO embedding_fulltext_search (embedding_fulltext_search)"
                " VALUES ('optimize')"
            )
            connection.execute("COMMIT")
            connection.execute("VACUUM")
    except sqlite3.Error as problem:
        raise StorageError(
            f"what was deleted could not be overwritten in {path}: {problem}. It is no longer"
            " found; make room on the disk, close other programs that read the file, and call"
            " forget again."
        ) from problem


def _empty_log(connection: sqlite3.Connection) -> None:
    sizes = connection.execute(
        f"SELECT DISTINCT length(vector) FROM embeddings_queue WHERE vector IS NOT NULL AND {_GONE}"
    ).fetchall()
    connection.execute(f"UPDATE embeddings_queue SET metadata = '{{}}' WHERE {_GONE}")
    for (size,) in sizes:
        count = size // _FLOAT_BYTES
        neutral = struct.pack(f"<{count}f", 1.0, *[0.0] * (count - 1))
        connection.execute(
            f"UPDATE embeddings_queue SET vector = ? WHERE length(vector) = ? AND {_GONE}",
            [neutral, size],
        )

"""A memory on a Chroma server: its collections and one record are the copy that all share.

    collections  memgpt-<section>.<folder>.recall, .archival    the records with their vectors
    collection   memgpt-<section>.<folder>.state                one record: all else

The journal on this machine is a working copy, made from the server where it is behind.
The last machine to open an agent owns it: the one before learns so when it writes.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import starmap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memgpt_autogen.errors import TakenOverError
from memgpt_autogen.storage.address import Server
from memgpt_autogen.storage.directory import Section, folder_name, server_directory
from memgpt_autogen.storage.journal.journal import Journal
from memgpt_autogen.storage.journal.record_table import RecordTable
from memgpt_autogen.storage.record import Kind, record_of
from memgpt_autogen.storage.shared_copy.names import RECORD, connected, saved_in
from memgpt_autogen.storage.text import clean
from memgpt_autogen.storage.vectors.chroma import ChromaIndex
from memgpt_autogen.storage.vectors.clients import (
    chroma_errors,
    collection_of,
    release,
    server_client,
)

if TYPE_CHECKING:
    from chromadb.api import ClientAPI

logger = logging.getLogger(__name__)

_SENT = "sent"  # how often the journal was sent; the server's number tells who is behind
_TABLES = ("state", "queue", "aside", "blocks", "block_history")


class ServerVectors:
    """The indexes of one memory as collections of a server."""

    def __init__(self, client: ClientAPI, prefix: str, place: str) -> None:
        self._client = client
        self._prefix = prefix
        self._place = place

    def look(self) -> str:
        return ""

    def prepare(self) -> bool:
        return True

    def index(self, kind: Kind) -> ChromaIndex:
        return ChromaIndex(self._lent, f"{self._prefix}{kind.name}", kind, place=self._place)

    def put_aside(self) -> None:
        self.destroy()

    def destroy(self) -> bool:
        """The server's files are out of reach here: `chroma vacuum` overwrites them there."""
        with chroma_errors(self._place):
            for one in self._client.list_collections():
                if one.name in (f"{self._prefix}recall", f"{self._prefix}archival"):
                    self._client.delete_collection(one.name)
        return False

    def close(self) -> None:
        """The client is closed with the copy."""

    @contextmanager
    def _lent(self) -> Iterator[ClientAPI]:
        yield self._client


class ServerCopy:
    """The copy of one memory that a server keeps.

    Attributes:
        vectors: the indexes there.
        worth: changes that are worth a write there: the rest travels with the state.
    """

    worth = 8

    def __init__(self, client: ClientAPI, prefix: str, place: str) -> None:
        self._client = client
        self._place = place
        self._token = secrets.token_hex(8)
        self._sent = -1
        self.vectors = ServerVectors(client, prefix, place)
        with chroma_errors(place):
            self._collection = collection_of(client, f"{prefix}state")

    def fill(self, journal: Journal, tables: list[RecordTable]) -> None:
        """Take the memory over, and bring the journal up to what the server holds."""
        with chroma_errors(self._place):
            saved = saved_in(self._collection)
        if saved is not None:
            about = json.loads(saved)
            if about["meta"].get(_SENT) != journal.get(_SENT):
                self._replace(journal, tables, about)
            self._write(saved)
        elif any(map(len, tables)):
            logger.warning("%s lost this memory: it gets it anew from here.", self._place)
            for table in tables:
                table.changes.begin_anew()
        self._sent = journal.step

    def send(self, journal: Journal) -> None:
        """Let the server have what was written.

        Raises:
            TakenOverError: another process has opened the agent since.
            StorageError: the server does not answer.
        """
        if journal.step == self._sent:
            return
        with chroma_errors(self._place):
            found = self._collection.get(ids=[RECORD], include=["metadatas"])
        writer = found["metadatas"][0]["writer"] if found["metadatas"] else self._token
        if writer != self._token:
            raise TakenOverError(
                f"another process opened the same agent on {self._place} and writes it now, so"
                " this one stops. Let one process use an agent at a time, or give the agents"
                " different names."
            )
        journal.put(_SENT, int(journal.get(_SENT) or 0) + 1)
        self._write(json.dumps(_document(journal), ensure_ascii=False))
        self._sent = journal.step

    def close(self) -> None:
        release(self._client)

    def _replace(self, journal: Journal, tables: list[RecordTable], about: dict[str, Any]) -> None:
        """Put what the server holds in the place of what the journal holds."""
        with journal.transaction() as connection:
            for table in tables:
                table.delete(record.number for record in table.everything())
                table.vectors.clear()
            for name in _TABLES:
                connection.execute(f"DELETE FROM {name}")  # noqa: S608 - of `_TABLES`
                for row in about["tables"].get(name, ()):
                    marks = ", ".join("?" * len(row))
                    connection.execute(f"INSERT INTO {name} VALUES ({marks})", row)  # noqa: S608
            for key, value in about["meta"].items():
                journal.put(key, value)
            for table in tables:
                index, kind = self.vectors.index(table.kind), table.kind.name
                for records, rows in index.everything():
                    table.add(records)
                    table.vectors.put([record.number for record in records], rows)
                standing = index.standing
                table.changes.go_on_after(standing.sequence if standing else 0)
                journal.put(f"applied.{kind}", about["meta"].get(f"applied.{kind}"))
                table.add(starmap(record_of, about["pending"][kind]))
                table.delete(about["deleted"][kind])
        journal.identity = str(journal.get("identity"))

    def _write(self, record: str) -> None:
        with chroma_errors(self._place):
            self._collection.upsert(
                ids=[RECORD],
                documents=[clean(record)],
                embeddings=[[1.0]],
                metadatas=[{"writer": self._token, "saved": True}],
            )


def open_copy(location: str, section: Section, name: str) -> tuple[ServerCopy, Path]:
    """The copy on a server, and the directory of this machine's journal.

    Raises:
        StorageError: the server does not answer.
    """
    server = Server.at(location)
    prefix = f"memgpt-{section}.{folder_name(name)}."
    copy = ServerCopy(server_client(server), prefix, server.url)
    return copy, server_directory(server, section, name)


def delete_copy(location: str, section: Section, name: str) -> None:
    """Delete the collections of an agent or a source on a server.

    Raises:
        StorageError: it does not answer.
    """
    with connected(location) as client:
        for one in client.list_collections():
            if one.name.startswith(f"memgpt-{section}.{folder_name(name)}."):
                client.delete_collection(one.name)


def _document(journal: Journal) -> dict[str, Any]:
    """All of a journal but the records that the collections hold."""
    document: dict[str, Any] = {
        "meta": dict(journal.rows("SELECT key, value FROM meta WHERE key != 'step'")),
        "tables": {name: journal.rows(f"SELECT * FROM {name}") for name in _TABLES},  # noqa: S608
        "pending": {},
        "deleted": {},
    }
    for kind in ("recall", "archival"):
        rows = journal.rows(
            "SELECT number, text, timestamp, speaker, tags, origin"  # noqa: S608 - of kinds
            f" FROM {kind} WHERE number IN (SELECT number FROM changes WHERE kind = ?)",
            [kind],
        )
        document["pending"][kind] = rows
        sql = "SELECT number FROM changes WHERE kind = ? AND deleted"
        document["deleted"][kind] = [number for (number,) in journal.rows(sql, [kind])]
    return document

"""Which vector store a memory has: noted in its journal when it is made, and moved by `migrate`."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.installation import extra
from memgpt_autogen.storage.journal.journal import Journal
from memgpt_autogen.storage.vectors.base import VectorStore
from memgpt_autogen.storage.vectors.chroma import ChromaFolder
from memgpt_autogen.storage.vectors.clients import CHROMA
from memgpt_autogen.storage.vectors.lance import LANCE
from memgpt_autogen.storage.vectors.lance_stores import LanceFolder, LanceStorage

VECTORS = "vectors"  # the journal's key for the store: `chroma`, `lancedb` or a URI
MOVING = "vectors.moving"  # and for the one that a migration has yet to finish, or to empty


# No ? or #, and an @ only where a container stands before it: a journal holds no credentials.
_STORE = re.compile(r"chroma|lancedb|(s3|gs|az|file)://[^@?#\s]+|abfss://[\w-]+@[^@?#\s:]+")
_SECRETS = re.compile(r"(?<=://)[^/]*@|[?#].*", re.DOTALL)


def check(vectors: str | None, *, is_directory: bool) -> None:
    """See that there can be such a store.

    Raises:
        ConfigurationError: it is none, or not for a memory that is in no directory.
    """
    if vectors is None or (vectors == ChromaFolder.name and not is_directory):
        return
    shown = _SECRETS.sub("…", vectors)
    if not _STORE.fullmatch(vectors):
        raise ConfigurationError(
            f"vectors={shown!r} is no vector store: give chroma, lancedb, or a URI that begins"
            " with s3://, gs://, az://, abfss:// or file:// and holds no key. Keys belong into"
            " the environment."
        )
    if not is_directory:
        raise ConfigurationError(
            f"vectors={shown!r} is for a memory in a directory: a Chroma server holds the vectors"
            " of its memories itself, and :memory: writes nothing."
        )


def must_be_installed(store: str) -> None:
    """See that what a store needs is installed.

    Raises:
        ConfigurationError: it is not.
    """
    if store != ChromaFolder.name and find_spec("lancedb") is None:
        raise ConfigurationError(
            f"vectors={store!r} needs LanceDB, which is not installed: {extra('lancedb')}"
        )


def choose(journal: Journal, name: str, wanted: str | None, *, is_new: bool) -> str:
    """The store that a memory has; a new one gets the wanted one.

    Raises:
        ConfigurationError: an old one has another than the wanted one, or LanceDB is missing.
    """
    if is_new and wanted is not None:
        must_be_installed(wanted)  # before it is written
        journal.put(VECTORS, wanted)
        return wanted
    kept = str(journal.get(VECTORS) or ChromaFolder.name)
    if wanted not in (None, kept):
        raise ConfigurationError(
            f"the vectors of {name!r} are in {kept!r}, and Settings(vectors={wanted!r}) asks for"
            f" another store: leave vectors= away, or move them with `memgpt-autogen migrate"
            f" {name} --to {wanted}`."
        )
    return kept


def vector_store(
    store: str, directory: Path, journal: Journal, *, texts: bool = True
) -> VectorStore | None:
    """The vector store of the memory in a directory; None where this process cannot use it."""
    if store == ChromaFolder.name:
        usable = CHROMA.may_be_used
        return ChromaFolder(directory, journal, texts=texts) if usable else None
    if not LANCE.may_be_used:
        return None
    if store == LanceFolder.name:
        return LanceFolder(directory, journal, texts=texts)
    own = f"{directory.parent.name}/{directory.name}-{journal.identity[:16]}"
    return LanceStorage(f"{store.rstrip('/')}/{own}", texts=texts)


def sweep(directory: Path, journal: Journal) -> None:
    """Empty the store that a migration was to fill or had left, when it was broken off.

    To be called by the owner.
    """
    store = journal.get(MOVING)
    if store is not None and (left := vector_store(str(store), directory, journal)) is not None:
        left.destroy()
        left.close()
        journal.put(MOVING, None)

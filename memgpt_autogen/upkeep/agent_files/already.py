"""What is there already, of the shared blocks, archives and sources in an agent file."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from typing import Literal

from memgpt_autogen.storage.catalog import names_at
from memgpt_autogen.storage.embedders.embedder import Embedder
from memgpt_autogen.storage.journal.blocks import BlockStore
from memgpt_autogen.storage.store import open_store
from memgpt_autogen.upkeep.agent_files.reader import AgentFile, digested

OfShared = Literal["keep", "replace", "refuse"]
"""What becomes of a shared block, an archive or a source that a place has already, and of which
the file says something else: the place's stays, the file's takes its place, or nothing at all is
restored. What the place does not have is always made."""

_CALLED = {"shared": "the shared block", "source": "the shared archive or source"}


@dataclass(frozen=True)
class Already:
    """Kind and name of what is there: as in the file, and other than in it."""

    same: frozenset[tuple[str, str]]
    other: frozenset[tuple[str, str]]

    @property
    def differing(self) -> list[str]:
        """What differs, for people."""
        return [f"{_CALLED[kind]} {name!r}" for kind, name in sorted(self.other)]

    def is_to_be_left(self, kind: str, name: str, shared: OfShared) -> bool:
        """Whether what is there stays."""
        one = (kind, name)
        return one in self.same or (one in self.other and shared == "keep")

    @classmethod
    def at(cls, location: str, file: AgentFile, home: BlockStore, embedder: Embedder) -> Already:
        """Compare a file's shared blocks by their texts, and sources by their passages.

        An archive without a passage holds nothing that could be lost: it is as if not there.

        Raises:
            EmbedderMismatchError: a source there was made with another embedder.
            StorageError: the storage cannot be used.
        """
        found: dict[tuple[str, str], bool] = {}
        for name, block in file.shared_blocks.items():
            there = home.read(name)
            if there is not None:
                found["shared", name] = there.value == block.value
        for name in set(file.sources).intersection(names_at(location, "sources")):
            with contextlib.closing(open_store(location, "sources", name, embedder)) as store:
                if len(store.archival):
                    digest = hashlib.sha256()
                    for record in store.tables.archival.everything():
                        digest.update(digested(record))
                    found["source", name] = digest.hexdigest() == file.sources[name]
        same = frozenset(one for one, is_same in found.items() if is_same)
        return cls(same, frozenset(found) - same)

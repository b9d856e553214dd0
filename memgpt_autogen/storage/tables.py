"""Tables: what the journal of one agent or one source holds, without its vector index."""

from __future__ import annotations

from memgpt_autogen.storage.journal.blocks import BlockTable
from memgpt_autogen.storage.journal.journal import Journal
from memgpt_autogen.storage.journal.record_table import RecordTable
from memgpt_autogen.storage.journal.state import StateTable
from memgpt_autogen.storage.record import ARCHIVAL, RECALL


class Tables:
    """The tables of a journal. Reading and short changes need nothing else, nor an embedder.

    Attributes:
        state: the values that are no records.
        blocks: the core memory of an agent.
        recall, archival: the records.
    """

    def __init__(self, journal: Journal, name: str) -> None:
        self.journal = journal
        self.name = name
        self.state = StateTable(journal)
        self.blocks = BlockTable(journal)
        self.recall = RecordTable(journal, RECALL)
        self.archival = RecordTable(journal, ARCHIVAL)

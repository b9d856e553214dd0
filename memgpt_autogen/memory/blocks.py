"""Blocks: the labelled texts of core memory at their versions, wherever they are kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import ConfigDict, Field

from memgpt_autogen import frames
from memgpt_autogen.arguments import checked
from memgpt_autogen.errors import ConfigurationError, UnknownBlockError
from memgpt_autogen.events import Clock
from memgpt_autogen.memory.partners import View
from memgpt_autogen.storage.journal.blocks import BlockChange, BlockStore, BlockTable, StoredBlock
from memgpt_autogen.values import Value, short

DEFAULT_BLOCK_LIMIT = 2000
PROGRAM, MODEL = "program", "model"  # who may have made a change


class Block(Value):
    """One labelled block: its text, its limit in characters, whether it may be edited.

    The text of a `shared` block is kept outside the agent, for all who attached it.
    """

    model_config = ConfigDict(strict=True, extra="forbid")

    name: str
    value: str = ""
    limit: int = Field(default=DEFAULT_BLOCK_LIMIT, ge=1)
    read_only: bool = False
    shared: bool = False


@dataclass
class Kept:
    """A block as it was read last, and where it is kept.

    `unwritten`: edits of the model that `write` has yet to write; `refused`: those that
    it could not, and has yet to say so.
    """

    block: Block
    version: int
    home: BlockStore
    unwritten: int = 0
    refused: int = 0


class Blocks:
    """Blocks by name, in a fixed order.

    Args:
        table: the agent's own blocks.
        clock: dates the changes.
        agent: whose edits of shared blocks the others see under its name.

    Attributes:
        view: which of them the model sees; programs see all.
    """

    def __init__(self, table: BlockTable, clock: Clock, agent: str) -> None:
        self._table = table
        self._clock = clock
        self.agent = agent
        self.view = View()
        self._kept: dict[str, Kept] = {}
        self._guard = threading.RLock()  # taken inside a transaction, never around one
        for stored in table.load():
            self._keep(stored, table, shared=False)

    def __getitem__(self, name: str) -> Block:
        """A block as it is now, whoever edited it.

        Raises:
            UnknownBlockError: there is no such block.
        """
        self.refresh()
        return self._known(name).block

    @checked
    def version(self, name: str) -> int:
        """The version of a block's text, as `core_memory[name]` would read it now.

        Raises:
            UnknownBlockError: there is no such block.
        """
        self.refresh()
        return self._known(name).version

    @property
    def versions(self) -> dict[str, int]:
        """Each block's version as it was read last, which is what edits go by."""
        return {name: kept.version for name, kept in self._kept.items()}

    def known(self, versions: Mapping[str, int]) -> None:
        """Let edits go by these versions: those that their editor has seen."""
        for name in versions.keys() & self._kept.keys():
            self._kept[name].version = versions[name]

    def shown(self, name: str) -> Block:
        """A block as it was read last, which is what edits go by."""
        return self._known(name).block

    def reading(self, name: str) -> str:
        """How a block reads, as the model is told at the end of a result."""
        return f"reads:\n{frames.block(self.shown(name).value)}"

    def __iter__(self) -> Iterator[Block]:
        return iter([kept.block for kept in self._kept.values()])

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, name: object) -> bool:
        return name in self._kept

    def __repr__(self) -> str:
        blocks = (f"{one.name}={short(one.value)}" for one in self)
        return f"{type(self).__name__}({', '.join(blocks)})"

    @checked
    def add(self, block: Block, author: str = PROGRAM) -> None:
        """Put a new block of the agent's own at the end; it is written when this returns.

        Raises:
            ConfigurationError: the name is taken or makes no tag, or the text is over the limit.
        """
        if not frames.fits_tag(block.name) or block.name in self._kept:
            raise ConfigurationError(
                f"a core memory block needs a new name, of one line and without < and >, not"
                f" {block.name!r}"
            )
        self._check_size(block, block.value)
        stored = StoredBlock(block.name, block.value, 1, block.limit, block.read_only)
        self._table.create(stored, author, self._clock())
        self._keep(stored, self._table, shared=False)

    def share(self, name: str, home: BlockStore, *, read_only: bool) -> Block:
        """Put a shared block at the end; what others do to it is seen by `refresh`.

        Raises:
            ConfigurationError: the name is taken, or there is no such shared block.
        """
        stored = home.read(name)
        if stored is None or name in self._kept:
            raise ConfigurationError(f"there is no shared block {name!r} to attach under that name")
        return self._keep(stored, home, shared=True, read_only=read_only)

    @checked
    def remove(self, name: str) -> Block:
        """Take a block out; it, as it was. A shared one stays where it is kept.

        Raises:
            UnknownBlockError: there is no such block.
        """
        kept = self._known(name)
        del self._kept[name]
        if kept.home is self._table:
            self._table.remove(name)
        return kept.block

    @checked
    def limit(self, name: str, limit: int) -> None:
        """Let a block of the agent's own hold so many characters.

        Raises:
            UnknownBlockError: there is no such block.
            ConfigurationError: the block holds more already.
        """
        kept = self._known(name)
        if limit < max(len(kept.block.value), 1):
            raise ConfigurationError(
                f"limit={limit} is too small for the block {name!r}, which holds"
                f" {len(kept.block.value)} characters."
            )
        if kept.block.limit != limit:
            self._table.limit(name, limit)
            kept.block = kept.block.model_copy(update={"limit": limit})

    def refresh(self) -> None:
        """Read what others did to the blocks."""
        versions = self._table.versions()
        for name, kept in list(self._kept.items()):
            if kept.home is not self._table or versions.get(name) != kept.version:
                self._read(name)

    def news(self, known: dict[str, str]) -> list[Block]:
        """The blocks in view whose texts, read anew, are others than the ones known by name.

        Those are known from now on, and of blocks that are gone nothing is.
        """
        self.refresh()
        changed = [block for block in self.seen() if known.get(block.name) != block.value]
        for name in known.keys() - self._kept.keys():
            del known[name]
        known.update((block.name, block.value) for block in changed)
        return changed

    @checked
    def history(self, name: str) -> list[BlockChange]:
        """The changes of a block, the oldest first: when, by whom, and the text before.

        Of a block that left core memory too.

        Raises:
            UnknownBlockError: there never was such a block.
        """
        found = self.changes(name)
        if not found:
            self._known(name)
        return found

    def changes(self, name: str) -> list[BlockChange]:
        """The same, and none of a block that never was."""
        kept = self._kept.get(name)
        return (kept.home if kept else self._table).history(name)

    def seen(self) -> list[Block]:
        """The blocks in view."""
        return [block for block in self if self.view.shows(block.name)]

    def may_edit(self, block: Block) -> bool:
        """Whether the model may edit a block that it sees."""
        return not (block.read_only or (self.view.keeps(block.name) and not block.shared))

    def hand_over(self, name: str, other: str) -> None:
        """Let a block of the agent's own have the history of another one."""
        self._table.hand_over(name, other)
        self._read(other)

    def render(self) -> str:
        """The blocks as the prompt shows them."""
        return "\n".join(
            f"<{block.name}{' shared' if block.shared else ''}"
            f"{'' if self.may_edit(block) else ' read-only'}>\n"
            f"{frames.block(block.value)}\n</{block.name}>"
            for block in self.seen()
        )

    def _known(self, name: str) -> Kept:
        try:
            return self._kept[name]
        except KeyError:
            names = ", ".join(map(repr, self._kept))
            raise UnknownBlockError(
                f"there is no core memory block {name!r}; the blocks are {names}."
            ) from None

    def _keep(
        self, stored: StoredBlock, home: BlockStore, *, shared: bool, read_only: bool = False
    ) -> Block:
        block = Block(
            name=stored.name,
            value=stored.value,
            limit=stored.limit,
            read_only=read_only or stored.read_only,
            shared=shared,
        )
        self._kept[stored.name] = Kept(block, stored.version, home)
        return block

    def _read(self, name: str) -> None:
        kept = self._kept.get(name)
        stored = kept.home.read(name) if kept else None
        with self._guard:
            if kept and stored and stored.version != kept.version and not kept.unwritten:
                kept.version = stored.version
                kept.block = kept.block.model_copy(update={"value": stored.value})

    def _swap(self, kept: Kept, value: str, author: str) -> bool:
        by = f"{author} of {self.agent}" if kept.block.shared else author
        version = kept.version
        if not kept.home.swap(kept.block.name, version, value, by, self._clock()):
            return False
        kept.version = version + 1
        kept.block = kept.block.model_copy(update={"value": value})
        return True

    def _check_size(self, block: Block, value: str) -> None:
        if len(value) > block.limit:
            raise ConfigurationError(
                f"the core memory block {block.name!r} holds {block.limit} characters and was"
                f" given {len(value)}: shorten the text or raise Settings.block_limit"
            )

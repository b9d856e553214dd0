"""Core memory: labelled blocks of the prompt that only functions edit.

MemGPT (arXiv 2310.08560, section 2.1) calls it the working context.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from memgpt_autogen.errors import ConfigurationError, ConflictError, ModelMistake
from memgpt_autogen.events import Clock
from memgpt_autogen.storage.journal.blocks import BlockChange, BlockStore, BlockTable, StoredBlock

DEFAULT_BLOCK_LIMIT = 2000
PROGRAM, MODEL = "program", "model"  # who may have made a change


class Block(BaseModel):
    """One labelled block: its text, its limit in characters, whether it may be edited.

    The text of a `shared` block is kept outside the agent, for all who attached it.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    value: str = ""
    limit: int = DEFAULT_BLOCK_LIMIT
    read_only: bool = False
    shared: bool = False


@dataclass
class _Kept:
    """A block as it was read last, and where it is kept.

    `unwritten`: edits of the model that `write` has yet to write; `refused`: those that
    it could not, and has yet to say so.
    """

    block: Block
    version: int
    home: BlockStore
    unwritten: int = 0
    refused: int = 0


class CoreMemory:
    """The blocks by name, in a fixed order.

    A block is edited only at the version that was read last, so of two edits at once one is
    refused, and none is lost: other agents and other programs may edit it too.

    Args:
        table: the agent's own blocks.
        clock: dates the changes.
        agent: whose edits of shared blocks the others see under its name.
    """

    def __init__(self, table: BlockTable, clock: Clock, agent: str) -> None:
        self._table = table
        self._clock = clock
        self._agent = agent
        self._kept: dict[str, _Kept] = {}
        for stored in table.load():
            self._keep(stored, table, shared=False)

    def __getitem__(self, name: str) -> Block:
        """A block as it is now, whoever edited it.

        Raises:
            KeyError: there is no such block.
        """
        self.refresh()
        return self._kept[name].block

    def shown(self, name: str) -> Block:
        """A block as it was read last, which is what edits go by."""
        return self._kept[name].block

    def __iter__(self) -> Iterator[Block]:
        return iter([kept.block for kept in self._kept.values()])

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, name: object) -> bool:
        return name in self._kept

    # --- the set of blocks -------------------------------------------------------

    def add(self, block: Block, author: str = PROGRAM) -> None:
        """Put a new block of the agent's own at the end; it is written when this returns.

        Raises:
            ConfigurationError: the name is taken or empty, or the text is over the limit.
        """
        if not block.name.strip() or block.name in self._kept:
            raise ConfigurationError(f"a core memory block needs a new name, not {block.name!r}")
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

    def remove(self, name: str) -> Block:
        """Take a block out; it, as it was. A shared one stays where it is kept.

        Raises:
            KeyError: there is no such block.
        """
        kept = self._kept.pop(name)
        if kept.home is self._table:
            self._table.remove(name)
        return kept.block

    def limit(self, name: str, limit: int) -> None:
        """Let a block of the agent's own hold so many characters."""
        kept = self._kept[name]
        if kept.block.limit != limit:
            self._table.limit(name, limit)
            kept.block = kept.block.model_copy(update={"limit": limit})

    def refresh(self) -> None:
        """Read what others did to the blocks."""
        versions = self._table.versions()
        for name, kept in self._kept.items():
            if kept.home is not self._table or versions.get(name) != kept.version:
                self._read(name)

    def news(self, known: dict[str, str]) -> list[Block]:
        """The blocks whose texts, read anew, are others than the ones known by name.

        Those are known from now on, and of blocks that are gone nothing is.
        """
        self.refresh()
        changed = [
            one.block for one in self._kept.values() if known.get(one.block.name) != one.block.value
        ]
        for name in known.keys() - self._kept.keys():
            del known[name]
        known.update((block.name, block.value) for block in changed)
        return changed

    # --- texts, by programs ----------------------------------------------------------

    def set(self, name: str, value: str, author: str = PROGRAM) -> None:
        """Replace a block's whole text, read-only or not; it is written when this returns.

        Raises:
            KeyError: there is no such block.
            ConfigurationError: the text is over the block's limit.
            ConflictError: somebody else changed the block since it was read.
        """
        kept = self._kept[name]
        self._check_size(kept.block, value)
        if not self._swap(kept, value, author):
            self._read(name)
            raise ConflictError(
                f"somebody else changed the block {name!r} since it was read: read it again and"
                " repeat the change where it still makes sense."
            )

    def append(self, name: str, content: str) -> bool:
        """Add a line to a block, as the model would; False when the block holds it already.

        It is written when this returns.

        Raises:
            ModelMistake: no such block, read-only, empty content, over the limit, or
                somebody else changed the block since it was read.
        """
        added = self.edit_append(name, content, PROGRAM)
        self._write_now(name)
        return added

    def replace(self, name: str, old_content: str, new_content: str) -> None:
        """Put `new_content` where `old_content` stands, as the model would; written likewise.

        Raises:
            ModelMistake: no such block, read-only, the old text is missing or stands there
                more than once, over the limit, or somebody else changed the block.
        """
        self.edit_replace(name, old_content, new_content, PROGRAM)
        self._write_now(name)

    def history(self, name: str) -> list[BlockChange]:
        """The changes of a block, the oldest first: when, by whom, and the text before.

        Of a block that left core memory too.
        """
        kept = self._kept.get(name)
        return (kept.home if kept else self._table).history(name)

    def revert(self, name: str, version: int | None = None) -> Block:
        """Put an earlier text back; the change of doing so is kept like any other.

        Args:
            name: of the block.
            version: whose text it was; None: that before the latest change.

        Raises:
            KeyError: there is no such block.
            ConfigurationError: its history has no such version.
            ConflictError: somebody else changed the block since it was read.
        """
        self[name]
        changes = self.history(name)
        texts = {one.version: one.after for one in changes}
        if changes and changes[0].version > 1:
            texts.setdefault(changes[0].version - 1, changes[0].before)
        wanted = changes[-1].version - 1 if version is None and changes else version
        if wanted not in texts:
            raise ConfigurationError(
                f"the block {name!r} has no version {wanted} to go back to; there are"
                f" {', '.join(map(str, sorted(texts))) or 'none'}."
            )
        self.set(name, texts[wanted])
        return self.shown(name)

    # --- texts, by the model: a step's edits are written with the step ----------------

    def edit_append(self, name: str, content: str, author: str = MODEL) -> bool:
        """Add a line to a block; `write` writes it. False when the block holds it already.

        Raises:
            ModelMistake: no such block, read-only, empty content, or over the limit.
        """
        block = self._editable(name)
        content = content.strip()
        if not content:
            raise ModelMistake("content is empty: nothing was added.")
        if content in block.value.splitlines():
            return False
        self._edit(name, f"{block.value}\n{content}" if block.value else content, author)
        return True

    def edit_replace(
        self, name: str, old_content: str, new_content: str, author: str = MODEL
    ) -> None:
        """Put `new_content` where `old_content` stands; `write` writes it.

        An empty new text deletes; a line of which nothing is left goes too, and all other
        lines stay as they are.

        Raises:
            ModelMistake: no such block, read-only, the old text is missing or stands
                there more than once, or the block would be over its limit.
        """
        block = self._editable(name)
        if not old_content:
            raise ModelMistake("old_content is empty: name the text to replace.")
        found = block.value.count(old_content)
        if found != 1:
            problem = "does not stand" if found == 0 else f"stands {found} times"
            raise ModelMistake(
                f"old_content {problem} in the block {name!r}; nothing was changed. Copy the"
                f" text to replace exactly, as a whole line. The block reads:\n{block.value}"
            )
        self._edit(name, _replaced(block.value, old_content, new_content), author)

    def write(self, name: str, author: str = MODEL) -> str | None:
        """Write an edit; what to tell the model where somebody else was faster, else None."""
        kept = self._kept.get(name)
        if kept is None:
            return None
        if kept.unwritten and not kept.refused:
            if self._swap(kept, kept.block.value, author):
                kept.unwritten = 0
                return None
            kept.refused, kept.unwritten = kept.unwritten, 0
            self._read(name)
        if not kept.refused:
            return None
        kept.refused -= 1
        return self._too_late(name)

    def discard(self) -> None:
        """Drop what `write` has not written: the blocks are as they are kept."""
        for name, kept in self._kept.items():
            kept.refused = 0
            if kept.unwritten:
                kept.unwritten, kept.version = 0, -1
                self._read(name)

    def render(self) -> str:
        """The blocks as the prompt shows them."""
        return "\n".join(
            f"<{block.name}{' shared' if block.shared else ''}"
            f"{' read-only' if block.read_only else ''}>\n{block.value}\n</{block.name}>"
            for block in self
        )

    # --- how -----------------------------------------------------------------------------

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
        self._kept[stored.name] = _Kept(block, stored.version, home)
        return block

    def _read(self, name: str) -> None:
        kept = self._kept[name]
        stored = kept.home.read(name)
        if stored is not None and stored.version != kept.version and not kept.unwritten:
            kept.version = stored.version
            kept.block = kept.block.model_copy(update={"value": stored.value})

    def _swap(self, kept: _Kept, value: str, author: str) -> bool:
        by = f"{author} of {self._agent}" if kept.block.shared else author
        if not kept.home.swap(kept.block.name, kept.version, value, by, self._clock()):
            return False
        kept.version += 1
        kept.block = kept.block.model_copy(update={"value": value})
        return True

    def _write_now(self, name: str) -> None:
        refusal = self.write(name, PROGRAM)
        if refusal:
            raise ModelMistake(refusal)

    def _check_size(self, block: Block, value: str) -> None:
        if len(value) > block.limit:
            raise ConfigurationError(
                f"the core memory block {block.name!r} holds {block.limit} characters and was"
                f" given {len(value)}: shorten the text or raise Settings.block_limit"
            )

    def _editable(self, name: str) -> Block:
        kept = self._kept.get(name)
        if kept is None:
            names = ", ".join(repr(known) for known in self._kept)
            raise ModelMistake(f"there is no core memory block {name!r}; the blocks are {names}.")
        if kept.block.read_only:
            raise ModelMistake(f"the core memory block {name!r} is read-only.")
        before = kept.version
        self._read(name)
        if kept.version != before:
            raise ModelMistake(self._too_late(name))
        return kept.block

    def _edit(self, name: str, value: str, author: str) -> None:
        kept = self._kept[name]
        limit = kept.block.limit
        if len(value) > limit:
            raise ModelMistake(
                f"the block {name!r} would hold {len(value)} characters,"
                f" {len(value) - limit} over its limit of {limit}; nothing was"
                " changed. Shorten it with core_memory_replace, or keep the text with"
                " archival_memory_insert."
            )
        kept.block = kept.block.model_copy(update={"value": value})
        kept.unwritten += 1
        if kept.block.shared and (refusal := self.write(name, author)):  # others wait for it
            raise ModelMistake(refusal)

    def _too_late(self, name: str) -> str:
        return (
            f"somebody else changed the block {name!r} meanwhile, and your edit was not"
            " made. Look again, and repeat the call if it is still right. The block now reads:\n"
            f"{self._kept[name].block.value}"
        )


def _replaced(value: str, old: str, new: str) -> str:
    """`value` with `new` where `old` stands; without the line if nothing of it is left."""
    before, after = value.split(old)
    result = f"{before}{new}{after}"
    start = before.rfind("\n") + 1
    end = result.find("\n", len(before) + len(new))
    end = len(result) if end < 0 else end
    if old.startswith("\n") or old.endswith("\n") or result[start:end].strip():
        return result
    is_last = end == len(result)
    return result[: max(start - 1, 0)] if is_last else result[:start] + result[end + 1 :]

"""Core memory: labelled blocks of the prompt that only functions edit.

MemGPT (arXiv 2310.08560, section 2.1) calls it the working context.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from memgpt_autogen.errors import ConfigurationError, ConflictError, ModelMistake

DEFAULT_BLOCK_LIMIT = 2000


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


class Versioned(Protocol):
    """A text at one version."""

    @property
    def value(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def limit(self) -> int:
        """In characters."""
        ...


class SharedTexts(Protocol):
    """Where shared blocks are kept."""

    def read(self, name: str) -> Versioned | None:
        """The latest version; None if there is no such block."""
        ...

    def swap(self, name: str, version: int, value: str) -> bool:
        """Replace the text if it is still of `version`; False if somebody was faster."""
        ...


class CoreMemory:
    """The blocks by name, in a fixed order.

    `append` and `replace` are what the model's functions call: they check
    everything first, so an edit is applied whole or not at all, and they raise
    `ModelMistake` with a text the model can act on. `set` is for programs.

    A shared block is edited only at the version that was read last, so of two edits
    at once one is refused, and none is lost.
    """

    def __init__(self, blocks: Iterable[Block] = ()) -> None:
        self._blocks: dict[str, Block] = {}
        self._shared: dict[str, tuple[SharedTexts, int]] = {}
        for block in blocks:
            self.add(block)

    def __getitem__(self, name: str) -> Block:
        """A block as it is now, also where it is shared."""
        self._look_again(name)
        return self._blocks[name]

    def shown(self, name: str) -> Block:
        """A block as it was read last, which is what edits go by."""
        return self._blocks[name]

    def __iter__(self) -> Iterator[Block]:
        return iter(tuple(self._blocks.values()))

    def __len__(self) -> int:
        return len(self._blocks)

    def __contains__(self, name: object) -> bool:
        return name in self._blocks

    def add(self, block: Block) -> None:
        """Put a new block at the end.

        Raises:
            ConfigurationError: the name is taken or empty, or the text is over the limit.
        """
        if not block.name.strip() or block.name in self._blocks:
            raise ConfigurationError(f"a core memory block needs a new name, not {block.name!r}")
        self._check_size(block, block.value)
        self._blocks[block.name] = block

    def share(self, name: str, texts: SharedTexts, *, read_only: bool) -> Block:
        """Put a shared block at the end; what others do to it is seen by `refresh`.

        Raises:
            ConfigurationError: the name is taken, or there is no such shared block.
        """
        found = texts.read(name)
        if found is None:
            raise ConfigurationError(f"there is no shared block {name!r}")
        self.add(
            Block(name=name, value=found.value, limit=found.limit, read_only=read_only, shared=True)
        )
        self._shared[name] = (texts, found.version)
        return self._blocks[name]

    def refresh(self) -> None:
        """Read what others did to the shared blocks."""
        for name in self._shared:
            self._look_again(name)

    def _look_again(self, name: str) -> None:
        if name in self._shared:
            texts, known = self._shared[name]
            found = texts.read(name)
            if found is not None and found.version != known:
                self._shared[name] = (texts, found.version)
                self._blocks[name] = self._blocks[name].model_copy(update={"value": found.value})

    def remove(self, name: str) -> Block:
        """Take a block out; it, as it was. A shared one stays where it is kept.

        Raises:
            KeyError: there is no such block.
        """
        self._shared.pop(name, None)
        return self._blocks.pop(name)

    def set(self, name: str, value: str) -> None:
        """Replace a block's whole text, read-only or not; for programs, not for the model.

        Raises:
            KeyError: there is no such block.
            ConfigurationError: the text is over the block's limit.
            ConflictError: somebody else changed the shared block since it was read.
        """
        block = self._blocks[name]
        self._check_size(block, value)
        if not self._put(block, value):
            raise ConflictError(
                f"somebody else changed the shared block {name!r} since it was read: read it"
                " again and repeat the change where it still makes sense."
            )

    def _check_size(self, block: Block, value: str) -> None:
        if len(value) > block.limit:
            raise ConfigurationError(
                f"the core memory block {block.name!r} holds {block.limit} characters and was"
                f" given {len(value)}: shorten the text or raise Settings.block_limit"
            )

    def _put(self, block: Block, value: str) -> bool:
        """Store a block's new text; False where a shared one has changed meanwhile."""
        if block.name in self._shared:
            texts, version = self._shared[block.name]
            if not texts.swap(block.name, version, value):
                return False
            self._shared[block.name] = (texts, version + 1)
        self._blocks[block.name] = block.model_copy(update={"value": value})
        return True

    def append(self, name: str, content: str) -> bool:
        """Add a line to a block; False when the block already holds that line.

        Raises:
            ModelMistake: no such block, read-only, empty content, or over the limit.
        """
        block = self._editable(name)
        content = content.strip()
        if not content:
            raise ModelMistake("content is empty: nothing was added.")
        if content in block.value.splitlines():
            return False
        self._edit(block, f"{block.value}\n{content}" if block.value else content)
        return True

    def replace(self, name: str, old_content: str, new_content: str) -> None:
        """Put `new_content` where `old_content` stands; an empty new text deletes.

        A line of which nothing is left goes; the others stay as they are, blank ones too.

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
        self._edit(block, _replaced(block.value, old_content, new_content))

    def _editable(self, name: str) -> Block:
        block = self._blocks.get(name)
        if block is None:
            names = ", ".join(repr(known) for known in self._blocks)
            raise ModelMistake(f"there is no core memory block {name!r}; the blocks are {names}.")
        if block.read_only:
            raise ModelMistake(f"the core memory block {name!r} is read-only.")
        before = self._shared.get(name)
        self._look_again(name)
        if self._shared.get(name) != before:
            raise self._too_late(name)
        return block

    def _edit(self, block: Block, value: str) -> None:
        if len(value) > block.limit:
            raise ModelMistake(
                f"the block {block.name!r} would hold {len(value)} characters,"
                f" {len(value) - block.limit} over its limit of {block.limit}; nothing was"
                " changed. Shorten it with core_memory_replace, or keep the text with"
                " archival_memory_insert."
            )
        if not self._put(block, value):
            self._look_again(block.name)
            raise self._too_late(block.name)

    def _too_late(self, name: str) -> ModelMistake:
        return ModelMistake(
            f"somebody else changed the shared block {name!r} meanwhile, and your edit was not"
            " made. Look again, and repeat the call if it is still right. The block now reads:\n"
            f"{self._blocks[name].value}"
        )

    def render(self) -> str:
        """The blocks as the prompt shows them."""
        return "\n".join(
            f"<{block.name}{' shared' if block.shared else ''}"
            f"{' read-only' if block.read_only else ''}>\n{block.value}\n</{block.name}>"
            for block in self
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

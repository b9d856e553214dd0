"""Core memory: labelled blocks of the prompt that only functions edit.

MemGPT (arXiv 2310.08560, section 2.1) calls it the working context.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from memgpt_autogen import frames
from memgpt_autogen.arguments import checked
from memgpt_autogen.errors import ConfigurationError, ConflictError, ModelMistake, StorageError
from memgpt_autogen.memory.blocks import MODEL, PROGRAM, Block, Blocks


class _TooLate(ModelMistake):
    """Somebody else changed the block since it was read."""


class CoreMemory(Blocks):
    """The blocks by name, in a fixed order, as programs and the model edit them.

    A block is edited only at the version that was read last, so of two edits at once one is
    refused, and none is lost: other agents and other programs may edit it too.

    Attributes:
        editor: who edits by the functions: the model, or somebody who has the same functions.
    """

    editor: str = MODEL

    # --- texts, by programs ----------------------------------------------------------

    @checked
    def set(self, name: str, value: str, author: str = PROGRAM, version: int | None = None) -> None:
        """Replace a block's whole text, read-only or not; it is written when this returns.

        With a `version`, which `version(name)` tells, only the text of that one is replaced.

        Raises:
            UnknownBlockError: there is no such block.
            ConfigurationError: the text is over the block's limit.
            ConflictError: somebody else changed the block since it was read.
        """
        kept = self._known(name)
        self._check_size(kept.block, value)
        with self._at_once(name):
            written = version in (None, kept.version) and self._swap(kept, value, author)
        if not written:
            self._read(name)
            raise ConflictError(
                f"somebody else changed the block {name!r} since it was read: read it again and"
                " repeat the change where it still makes sense."
            )

    @checked
    def append(self, name: str, content: str) -> bool:
        """Add a line to a block, as the model would; False when the block holds it already.

        It is written when this returns.

        Raises:
            UnknownBlockError: there is no such block.
            ConfigurationError: it is read-only, or the content empty or over the limit.
            ConflictError: somebody else changed the block since it was read.
        """
        with self._at_once(name):
            added = self.edit_append(name, content, PROGRAM)
            self._write_now(name)
        return added

    @checked
    def replace(self, name: str, old_content: str, new_content: str) -> None:
        """Put `new_content` where `old_content` stands, as the model would; written likewise.

        Raises:
            UnknownBlockError: there is no such block.
            ConfigurationError: it is read-only, the old text is missing or stands there more
                than once, or the block would be over its limit.
            ConflictError: somebody else changed the block since it was read.
        """
        with self._at_once(name):
            self.edit_replace(name, old_content, new_content, PROGRAM)
            self._write_now(name)

    @checked
    def revert(self, name: str, version: int | None = None) -> Block:
        """Put an earlier text back; the change of doing so is kept like any other.

        Args:
            name: of the block.
            version: whose text it was; None: that before the latest change.

        Raises:
            UnknownBlockError: there is no such block.
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
                f"the block {name!r} has no version{'' if wanted is None else f' {wanted}'} to go"
                f" back to; there are {', '.join(map(str, sorted(texts))) or 'none'}."
            )
        self.set(name, texts[wanted])
        return self.shown(name)

    # --- texts, by functions: a step's edits are written with the step ---------------

    def edit_append(self, name: str, content: str, author: str | None = None) -> bool:
        """Add a line to a block; `write` writes it. False when the block holds it already.

        Raises:
            ModelMistake: no such block, read-only, empty content, or over the limit.
        """
        content, author = content.strip(), author or self.editor
        with self._guard:
            block = self._editable(name, author)
            if not content:
                raise ModelMistake("content is empty: nothing was added.")
            if content in block.value.splitlines():
                return False
            self._edit(name, f"{block.value}\n{content}" if block.value else content, author)
        return True

    def edit_replace(
        self, name: str, old_content: str, new_content: str, author: str | None = None
    ) -> None:
        """Put `new_content` where `old_content` stands; `write` writes it.

        An empty new text deletes; a line of which nothing is left goes too, and all other
        lines stay as they are.

        Raises:
            ModelMistake: no such block, read-only, the old text is missing or stands
                there more than once, or the block would be over its limit.
        """
        author = author or self.editor
        with self._guard:
            block = self._editable(name, author)
            if not old_content:
                raise ModelMistake("old_content is empty: name the text to replace.")
            if old_content not in block.value:  # the model copied it as it was shown
                old_content, new_content = map(frames.unframed, (old_content, new_content))
            found = block.value.count(old_content)
            if found != 1:
                problem = "does not stand" if found == 0 else f"stands {found} times"
                raise ModelMistake(
                    f"old_content {problem} in the block {name!r}; nothing was changed. Copy the"
                    f" text to replace exactly, as a whole line. The block {self.reading(name)}"
                )
            self._edit(name, _replaced(block.value, old_content, new_content), author)

    def write(self, name: str, author: str | None = None) -> str | None:
        """Write an edit; what to tell the model where somebody else was faster, else None."""
        author = author or self.editor
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
        """Drop what was not written, blocks too: they are as they are kept."""
        own = self._table.load()
        with self._guard:
            shared = {name: one for name, one in self._kept.items() if one.block.shared}
            self._kept = {}
            for stored in own:
                self._keep(stored, self._table, shared=False)
            self._kept.update(shared)
            for name, one in shared.items():
                one.refused = 0
                if one.unwritten:
                    one.unwritten, one.version = 0, -1
                    self._read(name)

    # --- how -----------------------------------------------------------------------------

    @contextmanager
    def _at_once(self, name: str) -> Iterator[None]:
        """An edit by a program, which is written inside the `with` block, or dropped.

        What would be the model's mistake is the program's.
        """
        is_own = self._known(name).home is self._table
        try:
            with self._table.transaction() if is_own else nullcontext(), self._guard:
                yield
        except _TooLate as problem:
            self.discard()
            raise ConflictError(str(problem)) from None
        except ModelMistake as mistake:
            raise ConfigurationError(str(mistake)) from None
        except StorageError:
            self.discard()
            raise

    def _write_now(self, name: str) -> None:
        refusal = self.write(name, PROGRAM)
        if refusal:
            raise _TooLate(refusal)

    def _editable(self, name: str, author: str) -> Block:
        kept, is_model = self._kept.get(name), author == MODEL
        if kept is None or (is_model and not self.view.shows(name)):
            names = ", ".join(repr(block.name) for block in (self.seen() if is_model else self))
            raise ModelMistake(f"there is no core memory block {name!r}; the blocks are {names}.")
        if kept.block.read_only or (is_model and not self.may_edit(kept.block)):
            raise ModelMistake(f"the core memory block {name!r} is read-only.")
        before = kept.version
        self._read(name)
        if kept.version != before:
            raise _TooLate(self._too_late(name))
        return kept.block

    def _edit(self, name: str, value: str, author: str) -> None:
        kept = self._kept[name]
        limit = kept.block.limit
        if author == PROGRAM:
            self._check_size(kept.block, value)
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
            raise _TooLate(refusal)

    def _too_late(self, name: str) -> str:
        return (
            f"somebody else changed the block {name!r} meanwhile, and your edit was not"
            " made. Look again, and repeat the call if it is still right. The block now"
            f" {self.reading(name)}"
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

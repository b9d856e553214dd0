"""A folder of a thousand files of every kind: text that is found, or a named reason."""

from __future__ import annotations

import os
import sys
from contextlib import closing
from datetime import datetime, timezone
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memgpt_autogen import load_source
from memgpt_autogen.sources import converter, reading
from memgpt_autogen.sources.converter import Converters
from memgpt_autogen.sources.encodings import decoded
from memgpt_autogen.sources.files import Document, printable
from memgpt_autogen.sources.load import LoadedSource
from memgpt_autogen.sources.passages import Text
from memgpt_autogen.sources.readers import UnreadableError
from memgpt_autogen.storage.embedders.arrays import Vectors, unit_rows
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder
from memgpt_autogen.storage.store import open_store
from tests.kinds import LANGUAGES, UNICODE, make_kinds

NOON = datetime(2026, 5, 8, 12, 0, tzinfo=timezone.utc)
ROOT_MAY = os.geteuid() == 0  # read what nobody may


class Small(HashingEmbedder):
    """Vectors of eight numbers, which tell texts apart and cost nothing."""

    model_id = "small"
    dimension = 8

    def embed(self, texts: Any) -> Vectors:
        digests = [sha256(one.encode()).digest()[:8] for one in texts]
        return unit_rows(np.array([list(one) for one in digests], np.float32) - 127.5)


def load(paths: Any, memory: Path, **kwargs: Any) -> LoadedSource:
    kwargs = {"embedder": Small(), "clock": lambda: NOON, **kwargs}
    return load_source("docs", paths, memory=memory, **kwargs)


def text_of(number: int, words: int = 8) -> str:
    """A text that no other is like: an index of texts alike is slow to make."""
    found = "".join(sha256(f"{number} {at}".encode()).hexdigest() for at in range(words // 8))
    return " ".join(found[at : at + 8] for at in range(0, len(found), 8))


def stored(memory: Path) -> dict[str, list[tuple[str, str]]]:
    """Label → text and last tag of its passages."""
    found: dict[str, list[tuple[str, str]]] = {}
    with closing(open_store(str(memory), "sources", "docs", Small())) as store:
        for one in store.archival.table.everything():
            found.setdefault(one.tags[0], []).append((one.text, one.tags[-1]))
    return found


@pytest.mark.slow
def test_a_thousand_files_of_every_kind_are_loaded_to_the_end(tmp_path: Path) -> None:
    docs, memory = tmp_path / "docs", tmp_path / "m"
    docs.mkdir()
    made = {printable(name): word for name, word in make_kinds(docs).items()}
    (docs / "many").mkdir()
    for number in range(1000 - len(made)):
        (docs / "many" / f"{number}.md").write_text(text_of(number))
    (docs / "shut").mkdir(mode=0)
    found = load(docs, memory)
    reasons = {one.file: one.reason for one in found.skipped}
    assert len(found.loaded) + len(reasons) == 1000 + (0 if ROOT_MAY else 1)
    texts = stored(memory)
    for name, word in made.items():
        if word:
            assert any(word in text for text, _ in texts[name]), name
        else:
            assert reasons[name] and name not in texts
    assert {name: reasons[name] for name in ("bad/locked.pdf", "bad/bomb.docx", "pipe.txt")} == {
        "bad/locked.pdf": "it needs a password",
        "bad/bomb.docx": "unpacked it is larger than 200 MB",
        "pipe.txt": "it is no file (a pipe, a socket or a device)",
    }
    assert [place for _, place in texts["talk.pptx"]] == [f"slide {n} of 3" for n in (1, 2, 3)]
    assert [place for _, place in texts["guide.pdf"]] == ["page 1 of 2", "page 2 of 2"]
    assert load(docs, memory).loaded == ()
    (docs / "shut").rmdir()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("encoding", UNICODE)
def test_unicode_is_read_without_a_mark_and_without_breaks(language: str, encoding: str) -> None:
    text = LANGUAGES[language][0]
    unbroken = text.replace(" ", "").replace("。", "")
    if language == "hi" and encoding.startswith("utf-16-"):
        unbroken = text  # without its spaces it is the same bytes as a table of single letters
    for one in (text, unbroken):
        assert decoded(one.encode(encoding)) == one


def test_a_pipe_that_is_named_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "a.txt").write_text("Otters")
    found = load([tmp_path / "pipe", tmp_path / "a.txt"], tmp_path / "m")
    assert [str(one) for one in found.skipped] == [
        "pipe: it is no file (a pipe, a socket or a device)"
    ]


def test_a_large_file_is_not_read_at_all(tmp_path: Path) -> None:
    with (tmp_path / "huge.txt").open("wb") as file:
        file.truncate(300_000_000)
    with pytest.raises(UnreadableError, match="larger than 200 MB"):
        reading.content(Document(tmp_path / "huge.txt", "huge.txt"))


def test_what_cannot_be_looked_into_is_named_and_keeps_what_was_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs = tmp_path / "d"
    (docs / "sub").mkdir(parents=True)
    for name in ("a.md", "sub/b.md"):
        (docs / name).write_text(name)
    load(docs, tmp_path / "m")
    scandir = os.scandir

    def refusing(path: Any) -> Any:
        if str(path).endswith("sub"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    found = load(docs, tmp_path / "m")
    assert [str(one) for one in found.skipped] == [
        f"{docs / 'sub'}: it cannot be read (Permission denied)"
    ]
    assert found.removed == () and found.passages == 2


def test_a_folder_that_moved_with_changes_leaves_nothing_behind(tmp_path: Path) -> None:
    old, new, memory = tmp_path / "old", tmp_path / "new", tmp_path / "m"
    old.mkdir()
    for name in ("a.md", "b.md", "c.md", "d.md"):
        (old / name).write_text(f"text of {name}")
    load(old, memory)
    old.rename(new)
    (new / "a.md").write_text("other text")
    (new / "b.md").unlink()
    found = load(new, memory)
    assert (found.loaded, found.removed) == (("a.md",), ("b.md",))
    assert stored(memory)["a.md"] == [("other text", "a.md")]
    new.rename(tmp_path / "gone")
    (tmp_path / "another").mkdir()
    (tmp_path / "another" / "c.md").write_text("text of c.md")  # by chance: it is no move
    assert load(tmp_path / "another", memory).removed == ()


# --- processes that read ----------------------------------------------------------------


def test_a_file_that_hangs_its_reader_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a stand-in for pdfminer in the reading process only."""
    (tmp_path / "pdfminer").mkdir()
    (tmp_path / "pdfminer" / "__init__.py").touch()
    (tmp_path / "pdfminer" / "high_level.py").write_text("import time; time.sleep(60)")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    for module in ("pdfminer", "pdfminer.high_level"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    with closing(Converters(1, seconds=0.2)) as converters:
        for _ in range(2):  # with another process for the next
            with pytest.raises(UnreadableError, match="more than 0 seconds"):
                converters.read(Path("a.pdf"), b"%PDF-1.4")
    (tmp_path / "pdfminer" / "high_level.py").write_text("import os; os._exit(1)")
    with closing(Converters(1)) as converters:
        with pytest.raises(UnreadableError, match="broke off"):
            converters.read(Path("a.pdf"), b"%PDF-1.4")
    monkeypatch.setattr(sys, "executable", "/bin/true")  # Python within another program
    here = Text(("read here",))
    monkeypatch.setattr(converter, "read_document", lambda path, data: here)
    with closing(Converters(1)) as converters:
        assert converters.read(Path("a.pdf"), b"%PDF-1.4") is here


# --- stopped, and seen -------------------------------------------------------------------


class Stopped(Small):
    """Ctrl-C is pressed at a batch."""

    def __init__(self) -> None:
        self.batches = 0

    def embed(self, texts: Any) -> Vectors:
        self.batches += 1
        if self.batches == 4:
            raise KeyboardInterrupt
        return super().embed(texts)


def test_a_load_that_is_stopped_can_be_used_and_goes_on(tmp_path: Path) -> None:
    docs = tmp_path / "d"
    docs.mkdir()
    for number in range(150):
        (docs / f"{number:03}.txt").write_text(text_of(number))
    embedder = Stopped()
    with pytest.raises(KeyboardInterrupt):
        load(docs, tmp_path / "m", embedder=embedder)
    assert embedder.batches == 4  # nobody waits for the rest to be embedded
    assert len(stored(tmp_path / "m")) == 128
    again = load(docs, tmp_path / "m")
    assert (len(again.unchanged), len(again.loaded), again.passages) == (128, 22, 150)


def test_progress_is_an_estimate_that_ends_at_the_truth(tmp_path: Path) -> None:
    docs, told = tmp_path / "d", list[tuple[int, int]]()
    docs.mkdir()
    for number in range(150):
        (docs / f"{number:03}.txt").write_text(text_of(number, 8 + 152 * (number % 2)))
    found = load(docs, tmp_path / "m", progress=lambda *numbers: told.append(numbers))
    assert told == sorted(told, key=lambda one: one[0]) and len(told) > 10
    assert all(done <= total for done, total in told)
    assert told[-1] == (found.passages, found.passages)
    assert abs(told[0][1] - found.passages) < found.passages / 10


def test_a_terminal_shows_a_bar_and_others_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.txt").write_text("Otters swim.")
    load(tmp_path / "a.txt", tmp_path / "m")
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    (tmp_path / "a.txt").write_text("Otters dive.")
    load(tmp_path / "a.txt", tmp_path / "m")
    assert "loading docs" in (shown := capsys.readouterr().err) and "1/1" in shown

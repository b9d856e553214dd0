"""Files of all kinds and encodings, broken ones too, and what a source keeps of a folder."""

from __future__ import annotations

import shutil
import sys
from contextlib import nullcontext, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memgpt_autogen import ConfigurationError, MemGPTAgent, load_source
from memgpt_autogen.sources.encodings import decoded
from memgpt_autogen.sources.load import LoadedSource
from memgpt_autogen.sources.readers import UnreadableError, read_document
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder

NOON = datetime(2026, 5, 8, 12, 0, tzinfo=timezone.utc)


def load(paths: Any, memory: Path, name: str = "docs", **kwargs: Any) -> LoadedSource:
    return load_source(
        name, paths, memory=memory, embedder=HashingEmbedder(), clock=lambda: NOON, **kwargs
    )


def texts(memory: Path, name: str = "docs") -> dict[str, str]:
    """Label → text, of files of one passage each."""
    with MemGPTAgent(
        "m", llm_config=False, memory=memory, embedder=HashingEmbedder(), clock=lambda: NOON
    ) as agent:
        agent.attach(name)
        found = agent.archival.search("", limit=1000).items
        agent.detach(name)
    assert len(found) == len({one.tags[0] for one in found})
    return {one.tags[0]: one.text for one in found}


# --- one bad file ---------------------------------------------------------------------


def test_what_cannot_be_read_is_named_and_the_rest_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "markitdown", None)  # as if not installed
    monkeypatch.setitem(sys.modules, "pdfminer.high_level", None)
    docs, memory = tmp_path / "docs", tmp_path / "m"
    docs.mkdir()
    (docs / "note.md").write_text("Otters swim.")
    (docs / "Makefile").write_text("all: otters\n")
    (docs / "crash.log").write_bytes(b"start\n\0\0\0crash\n")
    (docs / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    (docs / "empty.txt").touch()
    (docs / "blank.md").write_text(" \n\n")
    (docs / "guide.pdf").write_bytes(b"%PDF-1.4")
    (docs / "page.html").write_text("<p>Otters</p>")
    (docs / "gone.txt").symlink_to(docs / "nowhere")
    (docs / "folder.txt").mkdir()
    found = load(docs, memory)
    assert found.loaded == ("Makefile", "note.md")
    assert {one.file: one.reason for one in found.skipped} == {
        "crash.log": "it holds binary data",
        "picture.png": "it is no text, and nothing here reads .png files",
        "empty.txt": "it is empty",
        "blank.md": "it holds no text",
        "guide.pdf": 'to read .pdf files: pip install "memgpt-autogen[documents]"',
        "page.html": 'to read .html files: pip install "memgpt-autogen[documents]"',
        "gone.txt": "it cannot be read (No such file or directory)",
    }
    with pytest.raises(ConfigurationError, match=r"crash\.log: it holds binary data"):
        load(docs / "crash.log", memory, "other")
    (docs / "note.md").write_bytes(b"\0\1\2")
    again = load(docs, memory)  # what was readable stays as it was
    assert "note.md: it holds binary data" in map(str, again.skipped)
    assert texts(memory)["note.md"] == "Otters swim."
    (docs / "note.md").write_text("")
    assert load(docs, memory).removed == ("note.md",)


def test_a_file_that_may_not_be_opened_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "d").mkdir()
    for name in ("a.txt", "b.txt"):
        (tmp_path / "d" / name).write_text(name)
    opened = Path.read_bytes

    def refusing(path: Path) -> bytes:
        if path.name == "a.txt":
            raise PermissionError(13, "Permission denied")
        return opened(path)

    monkeypatch.setattr(Path, "read_bytes", refusing)
    found = load(tmp_path / "d", tmp_path / "m")
    assert found.loaded == ("b.txt",)
    assert [str(one) for one in found.skipped] == ["a.txt: it cannot be read (Permission denied)"]


# --- what is no longer there -------------------------------------------------------------


def test_a_folder_that_is_loaded_again_leaves_nothing_behind(tmp_path: Path) -> None:
    shop, office, memory = tmp_path / "shop", tmp_path / "office", tmp_path / "m"
    (shop / "old").mkdir(parents=True)
    office.mkdir()
    for file in (shop / "a.md", shop / "old" / "b.md", office / "a.md", office / ".named.md"):
        file.write_text(f"{file.parent.name} {file.name}")
    load([office, office / ".named.md"], memory)
    assert load(shop, memory).loaded == ("shop/a.md", "old/b.md")  # a.md is the office's
    shutil.move(shop / "old" / "b.md", shop / "c.md")
    found = load(shop, memory)
    assert (found.loaded, found.removed) == (("c.md",), ("old/b.md",))
    everything = {"a.md", "shop/a.md", "c.md", ".named.md"}
    assert set(texts(memory)) == everything
    assert load([shop / "c.md", office], memory).removed == ()  # named, and in no folder
    (office / ".named.md").unlink()
    assert load(office, memory).removed == (".named.md",)
    (shop / "a.md").unlink()
    assert load(shop, memory).removed == ("shop/a.md",)
    shutil.move(shop, tmp_path / "store")  # a folder that moved is the same
    assert load(tmp_path / "store", memory).unchanged == ("c.md",)
    (tmp_path / "store" / "c.md").unlink()
    assert load(tmp_path / "store", memory).removed == ("c.md",)
    with pytest.raises(ConfigurationError, match="no file or folder"):
        load(shop, memory)
    assert set(texts(memory)) == {"a.md"}


@settings(max_examples=8)
@given(
    rounds=st.lists(
        st.tuples(
            st.dictionaries(
                st.sampled_from(["one/a.txt", "one/b.txt", "one/sub/a.txt", "two/a.txt"]),
                st.sampled_from(["red", "blue"]),
            ),
            st.sampled_from(["one", "two", "one/sub"]),
        ),
        min_size=1,
        max_size=3,
    )
)
def test_a_source_holds_what_its_folders_held_when_they_were_loaded(
    tmp_path_factory: pytest.TempPathFactory, rounds: list[tuple[dict[str, str], str]]
) -> None:
    home = tmp_path_factory.mktemp("home")
    held: dict[str, str] = {}
    for files, folder in rounds:
        shutil.rmtree(home / "d", ignore_errors=True)
        for name in ("one/sub", "two"):
            (home / "d" / name).mkdir(parents=True)
        for name, text in files.items():
            (home / "d" / name).write_text(f"{name} {text}")
        now = {name: text for name, text in files.items() if name.startswith(f"{folder}/")}
        left = {name for name in held if name.startswith(f"{folder}/")}
        held = {name: text for name, text in held.items() if name not in left} | now
        with nullcontext() if now or left else pytest.raises(ConfigurationError, match="nothing"):
            load(home / "d" / folder, home / "m")
    found = list(texts(home / "m").values()) if held else []
    assert sorted(found) == sorted(f"{name} {text}" for name, text in held.items())


def test_what_is_ignored_stays_out_and_leaves(tmp_path: Path) -> None:
    docs = tmp_path / "d"
    (docs / "build" / "deep").mkdir(parents=True)
    (docs / "sub").mkdir()
    names = ("a.md", "b.log", "keep.log", "build/deep/x.md", "sub/c.tmp", "sub/d.md", "sub/e.md")
    for name in names:
        (docs / name).write_text(f"text of {name}")
    (docs / ".gitignore").write_text("*.log\n!keep.log\nbuild/\n")
    (docs / "sub" / ".gitignore").write_text("*.tmp\n")
    assert load(docs, tmp_path / "m").loaded == ("a.md", "keep.log", "sub/d.md", "sub/e.md")
    found = load(docs, tmp_path / "m", ignore="sub/d.*")
    assert (found.loaded, found.removed) == ((), ("sub/d.md",))


# --- encodings, formats and places ---------------------------------------------------------

RUSSIAN = "Насос включается в восемь часов утра. Клапан открывается при трёх барах."
GREEK = "Η αντλία ξεκινά στις οκτώ το πρωί. Η βαλβίδα ανοίγει στα τρία μπαρ."
JAPANESE = "ポンプは午前八時に始動します。弁は三気圧で開きます。"
POLISH = "Pompa włącza się o ósmej rano. Zawór otwiera się przy trzech barach."
GERMAN = "Die Pumpe läuft früh um acht. Öffnet das Ventil bei drei bar – „größer“ geht nicht."
FRENCH = "La pompe démarre à huit heures. La valve s'ouvre à trois bars, été comme hiver."


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "utf-16-be"),
        (RUSSIAN * 20, "koi8-r"),
        (GREEK, "cp1253"),
        (JAPANESE, "cp932"),
        (JAPANESE, "euc_jp"),
        (JAPANESE + "\n", "utf-16-le"),
        ("水泵在早上八点启动。阀门在三巴时打开。", "gb18030"),
        ("水泵在早上八點啟動。閥門在三巴時打開。" * 20, "big5"),
        ("펌프는 아침 여덟 시에 시작합니다. 밸브는 3바에서 열립니다.", "euc_kr"),
        ("המשאבה מתחילה בשמונה בבוקר. השסתום נפתח בשלושה בר.", "cp1255"),
        ("تبدأ المضخة في الثامنة صباحا. يفتح الصمام عند ثلاثة بار.", "cp1256"),
        (POLISH, "cp1250"),
        (POLISH, "iso8859-2"),
        ("Pompa sabah sekizde çalışır. Vana üç barda açılır, ışıklar söner.", "cp1254"),
        (GERMAN, "cp1252"),
        (GERMAN * 20, "cp1252"),
        (FRENCH, "latin-1"),
        ("Grüße", "cp1252"),
        ("Grüße", "utf-32"),
        ("The pump starts at eight.", "utf-16-le"),
    ],
)
def test_texts_of_any_language_are_read(text: str, encoding: str) -> None:
    assert decoded(text.encode(encoding)) == text


@given(st.binary(max_size=200))
def test_any_bytes_are_text_or_refused(data: bytes) -> None:
    if b"\0" in data and data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        with suppress(ValueError):  # the one that it tells of
            assert "\0" not in decoded(data)
    else:
        assert isinstance(decoded(data), str)


@given(st.binary(max_size=300), st.sampled_from([".txt", ".eml", ".md", ".py", "", ".zzz"]))
def test_any_file_is_read_or_says_why_not(data: bytes, suffix: str) -> None:
    with suppress(UnreadableError):  # and no other
        assert not read_document(Path(f"file{suffix}"), data).is_empty


def test_a_mail_is_read_with_its_head() -> None:
    data = (
        b"From: =?utf-8?q?J=C3=BCrgen?= <j@example.org>\nTo: ann@example.org\nSubject: Pumps\n"
        b"MIME-Version: 1.0\nContent-Type: text/plain; charset=iso-8859-1\n"
        b"Content-Transfer-Encoding: 8bit\n\nDie Pumpe l\xe4uft.\n"
    )
    text = read_document(Path("m.eml"), data)
    assert text.title == "Pumps"
    assert text.pages[0].splitlines()[0] == "From: Jürgen <j@example.org>"
    assert text.pages[0].endswith("Die Pumpe läuft.")


def test_a_passage_tells_its_file_title_and_place(tmp_path: Path) -> None:
    (tmp_path / "pump.md").write_text("# The pump\n\n" + "It needs 24 volts. " * 100)
    load(tmp_path / "pump.md", tmp_path / "m")
    with MemGPTAgent(
        "m", llm_config=False, memory=tmp_path / "m", embedder=HashingEmbedder()
    ) as agent:
        agent.attach("docs")
        tags = {one.tags for one in agent.archival.search("pump volts").items}
    assert ("pump.md", "The pump", "part 1 of 3") in tags

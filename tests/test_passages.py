"""Passages: divided on structure, as long as an embedder sees, and joined the text again."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from memgpt_autogen import load_source
from memgpt_autogen.sources.passages import Text, passages_of, split
from memgpt_autogen.storage.embedders import wordpieces
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder
from memgpt_autogen.storage.store import open_store

# Each is seen as one character, or is a border.
ATOMS = [
    "👨‍👩‍👧‍👦",
    "e\u0301",
    "नि",
    "🇩🇪",
    "漢",
    "x",
    " ",
    ". ",
    "\n",
    "\r\n",
    "\n\n",
    "\n\n# T\n\n",
    "\ud800",
]


@settings(max_examples=30)
@given(st.lists(st.sampled_from(ATOMS), min_size=1, max_size=12), st.integers(1, 120))
def test_joined_they_are_the_text_and_no_character_is_cut(atoms: list[str], times: int) -> None:
    shown = [one.replace("\r\n", "\n").replace("\ud800", "\ufffd") for one in atoms * times]
    whole = "".join(shown)
    passages = split("".join(atoms * times))
    assert "".join(passages) == whole.strip()
    assert all(passage.strip() for passage in passages)
    assert all(wordpieces.length(passage) <= wordpieces.WINDOW for passage in passages)
    assert all(len(passage.strip()) <= 1285 for passage in passages)
    if "🇩🇪" not in atoms:  # two of them make four other flags
        before = len(whole) - len(whole.lstrip())
        borders = {place - before for place in accumulate(map(len, shown))}
        text = whole.strip()
        cuts = accumulate(map(len, passages[:-1]))
        assert all(
            at in borders or f"{text[at - 1]}{text[at]}".split() != [text[at - 1 : at + 1]]
            for at in cuts
        )


def test_word_pieces_are_counted_as_the_embedder_does() -> None:
    real = wordpieces.tokenizer()
    for text in (
        Path(__file__).read_text("utf-8"),
        "漢字 und Wörter, naïve_names; " + "y" * 90,
        "",
    ):
        assert wordpieces.length(text) == len(real.encode(text).ids)


def test_markdown_is_divided_at_its_headings_and_text_at_empty_lines() -> None:
    section = "The pump needs 24 volts.\nIt is blue.\n\n" * 12
    markdown = "".join(f"## Section {number}\n\n{section}" for number in range(6))
    assert len(split(markdown)) == 6
    assert all(passage.startswith("## Section") for passage in split(markdown))
    assert len(split("# Pump\n\n" + "It needs 24 volts. " * 50)[0]) > 500
    code = "def f() -> None:\n    # It is long.\n" + "    call()\n" * 40
    assert all(part.startswith("def f()") for part in split("\n\n".join([code] * 5)))


def test_places_tell_pages_and_parts() -> None:
    assert passages_of(Text(("One.",))) == [("One.", "")]
    long = "Some words. " * 200
    parts = [place for _, place in passages_of(Text((long,)))]
    assert parts == [f"part {number} of {len(parts)}" for number in range(1, len(parts) + 1)]
    pages = passages_of(Text(("First.", " ", long, "Last."), unit="slide"))
    assert [place for _, place in pages] == [
        "slide 1 of 4",
        *(f"slide 3 of 4, {place}" for place in parts),
        "slide 4 of 4",
    ]


def test_what_an_earlier_version_loaded_is_replaced_and_not_doubled(tmp_path: Path) -> None:
    file, memory = tmp_path / "pump.md", tmp_path / "m"
    file.write_text("It needs 24 volts. " * 100)
    embedder = HashingEmbedder()
    first = load_source("docs", file, memory=memory, embedder=embedder)
    store = open_store(str(memory), "sources", "docs", embedder)
    old = store.state.values()["pump.md"].partition(":")[2]
    store.state.put({"pump.md": f"2:{old}"})
    (newest,) = store.archival.table.newest(1)
    store.archival.store([replace(newest, number=0, text="24 volts. It needs")])
    store.close()
    again = load_source("docs", file, memory=memory, embedder=embedder)
    assert (again.loaded, again.passages) == (("pump.md",), first.passages)
    assert load_source("docs", file, memory=memory, embedder=embedder).unchanged == ("pump.md",)

"""Agent files: the same bytes everywhere, whole or refused, shared things by choice."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta, timezone
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from memgpt_autogen import MemGPTAgent, export_agent, import_agent
from memgpt_autogen.errors import ConfigurationError, StateFormatError
from memgpt_autogen.events import MessageEvent, Notice
from memgpt_autogen.memory.sharing import SharedLink
from memgpt_autogen.memory.state import AgentState, PutAside, SavedState
from memgpt_autogen.steps import FunctionCall, FunctionResult, Step, Usage
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder
from memgpt_autogen.storage.journal.blocks import BlockTable, StoredBlock
from memgpt_autogen.storage.journal.journal import Journal
from memgpt_autogen.storage.record import Record
from memgpt_autogen.storage.tables import Tables
from memgpt_autogen.upkeep.agent_files import lines
from memgpt_autogen.upkeep.agent_files.export import Memory, write_agent_file
from memgpt_autogen.upkeep.agent_files.reader import read_agent_file
from tests.clocks import NOON
from tests.rich_agent import build

DATA = Path(__file__).parent / "data"
FROZEN = DATA / "agent_v3.jsonl"


class OtherSpace(HashingEmbedder):
    """The same vectors under another name, as those of another model."""

    model_id = "other-space"


def later() -> datetime:
    """The clock of another machine, in another zone."""
    return datetime(2031, 1, 1, tzinfo=timezone(timedelta(hours=9)))


@pytest.mark.autogen
@pytest.mark.parametrize("apart", [False, True], ids=["one queue", "partners apart"])
def test_what_is_exported_imported_and_exported_is_the_same(tmp_path: Path, apart: bool) -> None:
    one, two, three, whole = (tmp_path / name for name in ("1", "2", "3", "whole"))
    (here := tmp_path / "here").mkdir()
    agent = build(here / "memory", apart=apart)
    with closing(agent):
        agent.checkpoint(one)
        agent.checkpoint(whole, include_sources=True)
        export_agent(agent.name, two, memory=here / "memory")  # while it is open
        assert one.read_bytes() == two.read_bytes()
        place = agent._memgpt_capability.settings.model_copy(
            update={"location": str(tmp_path / "there" / "deep")}
        )
        about: dict[str, Any] = {"embedder": OtherSpace(), "clock": later, "llm_config": False}
        second = MemGPTAgent.from_checkpoint(one, memory=place, **about)
        with closing(second):
            with pytest.warns(RuntimeWarning, match="there is no source 'manual'"):
                heard = len(second.recall)
            assert heard == len(agent.recall)
            second.checkpoint(two)
            assert one.read_bytes() == two.read_bytes()
            assert second.archival.search("port").items[0].source == "team"
            with pytest.raises(ConfigurationError, match="'manual' is attached and is not there"):
                second.checkpoint(three, include_sources=True)
        export_agent(agent.name, three, memory=place)
        assert one.read_bytes() == three.read_bytes()
        name = import_agent(whole, memory=tmp_path / "third", embedder=OtherSpace())
        export_agent(name, three, memory=tmp_path / "third", include_sources=True)
        assert whole.read_bytes() == three.read_bytes()
    assert str(tmp_path) not in whole.read_text("utf-8")


# ------------------------------------------------------------------ any memory


WORDS = st.text(max_size=12)
TEXT = WORDS.map(lambda text: f"said {text}")
TIMES = st.datetimes(
    min_value=datetime(1901, 1, 1),  # noqa: DTZ001 - the strategy wants them so
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001 - the same
    timezones=st.sampled_from([timezone.utc, timezone(timedelta(hours=-9, minutes=30))]),
)
NAMES = st.sampled_from(["Ann", "Bob", "Zoë & Co", "東京", ""])
CALL = FunctionCall(id="c1", name="search", arguments='{"query": "ü"}', extra="{}")
DONE = FunctionResult(call_id="c1", name="search", ok=True, text="")
ENTRIES = st.one_of(
    st.builds(Notice, timestamp=TIMES, text=TEXT, alert=st.booleans()),
    st.builds(
        MessageEvent,
        timestamp=TIMES,
        speaker=NAMES,
        text=WORDS,
        images=st.sampled_from([(), ({"type": "image_url", "image_url": {"url": "u", "a": 1}},)]),
        results=st.sampled_from([(), (("c1", "done"),)]),
    ),
    st.builds(
        Step,
        text=WORDS,
        sent=st.sampled_from([(), ("hi",)]),
        usage=st.sampled_from([None, Usage(prompt_tokens=3)]),
    ),
    st.just(Step(calls=(CALL,))),  # its result is yet to come
    st.just(Step(calls=(CALL,), results=(DONE,))),
)
RECORDS = st.lists(
    st.builds(
        Record,
        number=st.just(0),
        text=TEXT,
        timestamp=TIMES,
        origin=NAMES,
        tags=st.lists(NAMES, max_size=2, unique=True).map(tuple),
    ),
    max_size=6,
)
QUEUES = st.lists(ENTRIES, max_size=4)


@st.composite
def memories(draw: st.DrawFn) -> Memory:
    """A memory with anything in it, some of it edited or deleted."""
    tables = Tables(Journal(None, "any"), "any")
    shared = BlockTable(Journal(None, "shared"))
    _blocks(draw, tables.blocks, "block")
    _blocks(draw, shared, "common")
    for block in tables.blocks.load():
        if draw(st.booleans()):
            tables.blocks.remove(block.name)
    for table in (tables.recall, tables.archival):
        _records(draw, table)
    archive = Tables(Journal(None, "archive"), "archive")
    _records(draw, archive.archival)
    archive.state.put(draw(st.dictionaries(NAMES, WORDS, max_size=2)))
    saved = SavedState(tables)
    saved.values = AgentState(
        summary=draw(WORDS),
        chats=draw(st.dictionaries(NAMES, st.lists(WORDS, max_size=2), max_size=3)),
        values_known=draw(st.dictionaries(NAMES, WORDS, max_size=3)),
        turns={turn: (Step(text="t"),) for turn in draw(st.sets(st.integers(8, 12)))},
        paused_until=draw(st.none() | TIMES),
        token_factor=draw(st.floats(0.1, 9)),
        shared_blocks=[SharedLink(name=block.name) for block in shared.load()],
        sources=["archive"],
        archives=draw(st.sampled_from([[], ["archive"]])),
    )
    with tables.journal.transaction() as connection:
        saved.save(connection, draw(QUEUES))
        for partner in draw(st.sets(NAMES)):
            own = PutAside(queue=draw(QUEUES), values_known={"b": "1", "a": "2"})
            saved.put_aside(partner, own)
    return Memory(tables, shared, {"archive": archive})


def _blocks(draw: st.DrawFn, table: BlockTable, name: str) -> None:
    for number in range(draw(st.integers(0, 2))):
        one = StoredBlock(f"{name} {number}", draw(WORDS), 1, 50, draw(st.booleans()))
        table.create(one, "program", NOON)
        for version in range(1, draw(st.integers(1, 3))):
            table.swap(one.name, version, draw(WORDS), "model", draw(TIMES))


def _records(draw: st.DrawFn, table: Any) -> None:
    records = draw(RECORDS)
    if table.kind.dialogue:
        records = [Record(0, one.text, one.timestamp, draw(NAMES)) for one in records]
    numbers = table.insert(records)
    table.delete(draw(st.sets(st.sampled_from(numbers))) if numbers else ())


@settings(
    max_examples=8,
    phases=[Phase.generate],
)
@given(memory=memories())
def test_any_memory_is_the_same_bytes_after_a_move(
    memory: Memory, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.mktemp("any")
    one, two = place / "1", place / "2"
    write_agent_file(one, memory, include_sources=True)
    import_agent(one, memory=place, embedder=HashingEmbedder(), clock=later)
    export_agent("any", two, memory=place, include_sources=True)
    assert one.read_bytes() == two.read_bytes()


def test_the_state_travels_whole_also_fields_that_come_later() -> None:
    class Later(AgentState):
        schedule: str = ""

    state = Later(summary="So far.", schedule="0 9 * * *")
    found = lines.of_state(state)
    assert found == {"summary": "So far.", "schedule": "0 9 * * *"}
    assert Later.model_validate(found) == state


@settings(max_examples=30, phases=[Phase.generate])
@given(entry=ENTRIES)
def test_entries_are_read_as_they_were(entry: Any) -> None:
    assert lines.typed("queue", json.loads(json.dumps(lines.of_entry(entry)))) == entry


# ------------------------------------------------------------------ damage

DAMAGES: dict[str, tuple[Callable[[list[bytes]], Sequence[bytes]], str]] = {
    "cut behind a line": (lambda lines: lines[:-3], "cut off behind line"),
    "cut in a line": (lambda lines: [*lines[:9], lines[9][:20]], "line 10 is not whole"),
    "cut in the end": (lambda lines: [*lines[:-1], lines[-1][:-1]], "is not whole"),
    "a letter": (lambda lines: [line.replace(b"Kettles", b"Bottles") for line in lines], "hash"),
    "a line less": (lambda lines: [*lines[:5], *lines[6:]], "its hash is another one"),
    "two lines in turn": (lambda lines: [*lines[:-3], *lines[-2:-4:-1], lines[-1]], "hash"),
    "more behind": (lambda lines: [*lines, lines[3]], "stands behind its end"),
    "two files": (lambda lines: [*lines, *lines], "stands behind its end"),
    "another name": (lambda lines: [lines[0].replace(b"Tea", b"Pea"), *lines[1:]], "hash"),
    "bytes": (lambda lines: [*lines[:8], b"\xff\xfe\n", *lines[8:]], "line 9 is not whole"),
    "a kind of its own": (
        lambda lines: [*lines[:8], b'{"kind":"x","value":1}\n', *lines[8:]],
        "line 9: KeyError 'x'",
    ),
    "no state": (lambda lines: [lines[0]], "cut off behind line 1"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_refused_and_says_why(tmp_path: Path, damage: str) -> None:
    change, complaint = DAMAGES[damage]
    path, place = tmp_path / "agent", tmp_path / "memory"
    lines = FROZEN.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(change(lines)))
    with pytest.raises(StateFormatError, match=complaint):
        import_agent(path, memory=place, embedder=HashingEmbedder())
    assert not place.exists()


def test_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "agent"
    path.write_bytes(FROZEN.read_bytes().replace(b'"version":3', b'"version":4', 1))
    with pytest.raises(StateFormatError, match=r"version 4, .* install a newer"):
        read_agent_file(path)


# ------------------------------------------------------------------ earlier versions


@pytest.mark.parametrize(
    "name", ["checkpoint_v1", "checkpoint_v1_shared", "checkpoint_v2", "checkpoint_v2_apart"]
)
def test_a_file_of_each_earlier_version_becomes_one_of_today(tmp_path: Path, name: str) -> None:
    one, two = tmp_path / "1", tmp_path / "2"
    about: dict[str, Any] = {"embedder": HashingEmbedder(), "clock": later}
    agent = import_agent(DATA / f"{name}.json", memory=tmp_path / "a", **about)
    export_agent(agent, one, memory=tmp_path / "a")
    export_agent(import_agent(one, memory=tmp_path / "b", **about), two, memory=tmp_path / "b")
    assert one.read_bytes() == two.read_bytes()
    old, new = (read_agent_file(path) for path in (DATA / f"{name}.json", one))
    assert (old.agent, old.texts, old.shared_blocks) == (new.agent, new.texts, new.shared_blocks)
    kinds = ("queue", "aside", "block", "change", "message", "passage")
    left, right = (
        [line for line in file.lines() if line.kind in kinds and line.part[0] == "state"]
        for file in (old, new)
    )
    of = attrgetter("kind", "of")
    assert sorted(left, key=of) == sorted(right, key=of)
    assert len(left) > 8


def test_the_frozen_file_of_this_version_stays_what_it_is(tmp_path: Path) -> None:
    name = import_agent(FROZEN, memory=tmp_path, embedder=HashingEmbedder())
    export_agent(name, tmp_path / "again", memory=tmp_path, include_sources=True)
    assert (tmp_path / "again").read_bytes() == FROZEN.read_bytes()


@pytest.mark.parametrize("texts", [1, 2, 5])
def test_an_import_that_was_killed_is_finished_by_the_next(tmp_path: Path, texts: int) -> None:
    def killed(done: int, total: int) -> None:
        if done >= texts:
            raise KeyboardInterrupt

    about: dict[str, Any] = {"memory": tmp_path, "embedder": HashingEmbedder()}
    with pytest.raises(KeyboardInterrupt):
        import_agent(FROZEN, progress=killed, **about)
    name = import_agent(FROZEN, partial_restore_shared="refuse", **about)
    export_agent(name, tmp_path / "again", memory=tmp_path, include_sources=True)
    assert (tmp_path / "again").read_bytes() == FROZEN.read_bytes()


def test_it_goes_to_a_server_and_back(tmp_path: Path, chroma_server: str) -> None:
    one, two, quick = tmp_path / "1", tmp_path / "2", HashingEmbedder()
    name = import_agent(FROZEN, memory=chroma_server, embedder=quick)
    export_agent(name, one, memory=chroma_server, embedder=quick, include_sources=True)
    # A server keeps only the latest versions of shared blocks.
    history = tuple(b'{"kind":"change","of":"%s"' % name for name in (b"plan", b"rules"))
    left, right = (
        [line for line in file.read_bytes().splitlines()[:-1] if not line.startswith(history)]
        for file in (FROZEN, one)
    )
    assert left == right
    import_agent(one, memory=tmp_path / "back", embedder=quick)
    export_agent(name, two, memory=tmp_path / "back", include_sources=True)
    assert one.read_bytes() == two.read_bytes()


# ------------------------------------------------------------------ what is shared


@pytest.fixture
def other(tmp_path: Path) -> Iterator[MemGPTAgent]:
    """An agent at the place of import, which shares things of the same names."""
    about: dict[str, Any] = {"llm_config": False, "memory": tmp_path, "embedder": HashingEmbedder()}
    with MemGPTAgent("other", **about) as agent:
        agent.attach_block("plan", "Ship never.")
        agent.attach("team", writable=True)
        agent.archival.insert("The port is secret.", archive="team")
        yield agent


def test_theirs_is_kept_or_replaced_or_all_is_refused(tmp_path: Path, other: MemGPTAgent) -> None:
    def restored(way: Any) -> str:
        return import_agent(
            FROZEN, memory=tmp_path, embedder=HashingEmbedder(), partial_restore_shared=way
        )

    def team() -> list[str]:
        return [one.text for one in other.archival.search("").items]

    def start_over(name: str) -> None:
        with MemGPTAgent(name, memory=tmp_path, embedder=HashingEmbedder()) as agent:
            home = agent._memgpt_capability.open().store.directory
        assert home is not None
        home.rename(tmp_path / f"gone {len(list(tmp_path.iterdir()))}")

    with pytest.raises(
        ConfigurationError, match="block 'plan', the shared archive or source 'team'"
    ):
        restored("refuse")
    with pytest.warns(RuntimeWarning, match="is left as it is there") as told:
        start_over(restored("keep"))
    assert len(told) == 2
    assert (other.core_memory["plan"].value, team()) == ("Ship never.", ["The port is secret."])
    assert "rules" not in other.core_memory  # what was not there is made
    assert other.attach_block("rules").value == "Be kind."
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        name = restored("replace")
    assert (other.core_memory["plan"].value, team()) == ("Ship on Monday.", ["The port is 8123."])
    assert other.core_memory.revert("plan").value == "Ship never."  # their text is not lost
    other.core_memory.set("plan", "Ship on Monday.")
    start_over(name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        restored("refuse")  # nothing differs


# ------------------------------------------------------------------ who is there


def test_an_agent_that_is_open_or_was_edited_is_not_overwritten(tmp_path: Path) -> None:
    name, quick = read_agent_file(FROZEN).agent, HashingEmbedder()
    with MemGPTAgent(name, llm_config=False, memory=tmp_path, embedder=quick) as agent:
        assert agent.core_memory["human"].value == ""
        with pytest.raises(ConfigurationError, match=r"is open at .*: close it first"):
            import_agent(FROZEN, memory=tmp_path, embedder=quick)
        agent.core_memory.set("human", "Likes tea.")
    with pytest.raises(ConfigurationError, match="already holds the memory"):
        import_agent(FROZEN, memory=tmp_path, embedder=quick)
    with pytest.raises(ConfigurationError, match=r"there is no agent 'nobody' at .*'Tea＆茶'"):
        export_agent("nobody", tmp_path / "x", memory=tmp_path)
    with pytest.raises(ConfigurationError, match="ends with its agent"):
        export_agent(name, tmp_path / "x", memory=":memory:")


def test_progress_is_told_of_both_ways(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []

    def note(done: int, total: int) -> None:
        told.append((done, total))

    name = import_agent(FROZEN, memory=tmp_path, embedder=HashingEmbedder(), progress=note)
    texts = read_agent_file(FROZEN).texts
    assert told[-1] == (texts, texts)
    told.clear()
    export_agent(name, tmp_path / "x", memory=tmp_path, include_sources=True, progress=note)
    assert told == [(texts, texts)]

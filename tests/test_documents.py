"""Documents: opened by the model and read page by page, in a window that holds little of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memgpt_autogen import MemGPTAgent, Settings, load_source
from memgpt_autogen.engine.formatting import listing, passage_line
from memgpt_autogen.engine.functions import FUNCTIONS
from memgpt_autogen.engine.reading.pages import Pages
from memgpt_autogen.memory.archival import Passage
from memgpt_autogen.memory.page import Page
from memgpt_autogen.sources.passages import Text, passages_of
from memgpt_autogen.storage.embedders.arrays import Vectors
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder
from memgpt_autogen.storage.store import open_store
from memgpt_autogen.testing import ChatRequest, ScriptedModel, call, calls, say, send
from memgpt_autogen.testing.requests import message_text

NOON = datetime(2026, 5, 8, 12, 0, tzinfo=timezone.utc)


class OfBeginnings(HashingEmbedder):
    """Embeds as much of a text as tests need."""

    model_id = "of-beginnings"

    def embed(self, texts: Sequence[str]) -> Vectors:
        return super().embed([text[:60] for text in texts])


HASHING = OfBeginnings()
WORDS = "The pump stands in the second hall and is looked after by the people of the night shift. "

Make = Callable[..., MemGPTAgent]


def load(tmp_path: Path, name: str, **files: str | bytes) -> None:
    for file, content in files.items():
        path = tmp_path / name / file.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    memory = tmp_path / "memory"
    load_source(name, tmp_path / name, memory=memory, embedder=HASHING, clock=lambda: NOON)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[MemGPTAgent] = []

    def build(model: ScriptedModel, *sources: str, **settings: Any) -> MemGPTAgent:
        memory = Settings(location=str(tmp_path / "memory"), max_steps=120, **settings)
        agent = MemGPTAgent(
            "mem",
            "",
            model.llm_config,
            memory=memory,
            embedder=HASHING,
            clock=lambda: NOON,
            context_window=model.window,
        )
        for source in sources:
            agent.attach(source)
        made.append(agent)
        return agent

    yield build
    for agent in made:
        agent.close()


def ask(agent: MemGPTAgent, text: str) -> Any:
    return agent.generate_reply([{"role": "user", "content": text, "name": "Ann"}])


def reading(name: str, **arguments: Any) -> Any:
    return call("open_document", name=name, request_heartbeat=True, **arguments)


def results(agent: MemGPTAgent) -> list[str]:
    return [result.text for step in agent.last_steps for result in step.results]


# --- pages -----------------------------------------------------------------------


@settings(max_examples=40)
@given(st.lists(st.integers(0, 60), min_size=1, max_size=9), st.integers(300, 9_000))
def test_who_goes_on_as_told_reads_every_page_once(lengths: list[int], room: int) -> None:
    texts = [f"Page {place}. {WORDS * times}".strip() for place, times in enumerate(lengths)]
    texts = ["" if not times else text for times, text in zip(lengths, texts, strict=True)]
    passages = passages_of(Text(tuple(texts)))
    if not passages:
        return
    pages = Pages.of(passages, room)
    read, further, last = "", "page=1", 0
    while further:
        told = {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", further)}
        extract = pages.extract(told["page"], told.get("part", 0), "")
        one = extract.text
        assert len(one) <= room or one in [text for text, _ in passages]
        begins = re.search(r"\d+", extract.where)
        assert begins and int(begins[0]) >= last
        read, further, last = read + one, extract.further, int(begins[0])
    assert read == "".join(texts)


# --- the function ----------------------------------------------------------------


@pytest.mark.autogen
def test_it_is_offered_where_a_document_is_attached_and_costs_others_nothing(
    make: Make, tmp_path: Path
) -> None:
    load(tmp_path, "manual", pump_md="# Pump\n\nIt needs 24 volts.")
    with ScriptedModel([send("a"), send("b"), reading("pump.md"), send("24 volts.")]) as model:
        agent = make(model)
        ask(agent, "one")
        agent.attach("team", writable=True)  # a shared archive holds no documents
        ask(agent, "two")
        names = [function.name for function in FUNCTIONS]
        assert [request.tool_names for request in model.requests] == [names, names]
        agent.attach("manual")
        assert ask(agent, "How many volts?") == "24 volts."
        assert model.requests[2].tool_names == [*names, "open_document"]
        shown = "(manual: pump.md: Pump) page 1 of 1:\n  # Pump\n\n  It needs 24 volts."
        assert results(agent)[0] == shown
        agent.detach("manual")
        assert agent.archival.attached == ("team",)


@pytest.mark.autogen
def test_what_a_hit_shows_opens_where_it_stands(make: Make, tmp_path: Path) -> None:
    text = "".join(f"{WORDS}This is sentence {number}. " for number in range(400))
    load(tmp_path, "manual", hall_txt=text)
    script = [
        call("archival_memory_search", query="sentence 222", request_heartbeat=True),
        reading("manual: hall.txt", part=30),
        reading("hall.txt", page=2),
        send("done"),
    ]
    with ScriptedModel(script) as model:
        agent = make(model, "manual")
        ask(agent, "Where is it?")
        found, by_part, by_page, _ = results(agent)
        count = int(re.search(r"hall\.txt: part \d+ of (\d+)\)", found)[1])  # type: ignore[index]
        hit = agent.archival.search("sentence 222", tags=[f"part 30 of {count}"]).items[0]
        assert by_part.splitlines()[0] != by_page.splitlines()[0]
        assert hit.text.strip() in by_part.replace("\n  ", "\n")
        assert re.match(r"\(manual: hall\.txt\) page 2 of \d+; page=3 goes on:\n", by_page)


@pytest.mark.autogen
def test_a_wrong_name_or_page_tells_the_model_what_there_is(make: Make, tmp_path: Path) -> None:
    load(tmp_path, "one", pump_md="A pump.", parts__valve_md="A valve.")
    load(tmp_path, "two", pump_md="Another pump.")
    script = [
        reading("pomp.md"),
        reading("pump.md"),
        reading("one: pump.md", page=7),
        reading("ONE: Pump.md: Pump: part 1 of 1", part=9),
        reading("valve.md"),
        reading("two"),
        send("done"),
    ]
    with ScriptedModel(script) as model:
        agent = make(model, "one", "two")
        ask(agent, "Read.")
    unknown, several, page, part, valve, two = results(agent)[:6]
    assert unknown.startswith("Error: there is no document 'pomp.md'. There are: ")
    assert all(one in unknown for one in ("one: pump.md", "two: pump.md", "one: parts/valve.md"))
    assert "'pump.md' names several documents: " in several and "two: pump.md" in several
    assert page == "Error: there is no page=7; the last is page=1."
    assert part == "Error: there is no part=9; the last is part=1."
    assert valve.endswith("\n  A valve.") and two.endswith("\n  Another pump.")


@pytest.mark.autogen
def test_what_an_earlier_version_loaded_can_be_read(make: Make, tmp_path: Path) -> None:
    load(tmp_path, "manual", pump_md=WORDS * 60)
    store = open_store(str(tmp_path / "memory"), "sources", "manual", HASHING)
    store.state.put({"pump.md": "2:of an earlier version"})
    store.close()
    with ScriptedModel([reading("pump.md"), send("done")]) as model:
        agent = make(model, "manual")
        ask(agent, "Read.")
        assert results(agent)[0].count(WORDS.strip()) == 60


@pytest.mark.autogen
@pytest.mark.slow
def test_an_answer_over_thirty_of_three_hundred_pages_in_a_small_window(
    make: Make, tmp_path: Path
) -> None:
    """The model pages through all of it; it notes what adds up, and the pages leave its view."""
    pages = [f"Chapter {n}. {WORDS * 6}" for n in range(300)]
    for n in range(0, 300, 10):
        pages[n] += f"Shift {n} used {n + 7} litres of oil."
    load(tmp_path, "log", log_txt="\n\n".join(pages))
    noted: dict[str, int] = {}

    def reader(request: ChatRequest) -> Any:
        if not request.tools:
            return say("They read the log.")
        extract = next(
            (
                text
                for text in map(message_text, request.messages[::-1])
                if "(log: log.txt)" in text
            ),
            "page=1 goes on",
        )
        found = re.findall(r"Shift (\d+) used (\d+) litres", extract)
        noted.update({shift: int(litres) for shift, litres in found})
        notes = [call("archival_memory_insert", content=f"Shift {one}: {n} l.") for one, n in found]
        told = f"Read to shift {max(map(int, noted), default=0)}: {sum(noted.values())} litres."
        notes.append(
            call("core_memory_replace", name="human", old_content=before[0], new_content=told)
        )
        before[0] = told
        further = re.search(r"page=(\d+) goes on", extract)
        if further is None:
            return calls(*notes, call("send_message", message=f"{sum(noted.values())} litres."))
        return calls(*notes, reading("log.txt", page=int(further[1])))

    before = ["Nothing read."]
    with ScriptedModel(reader) as model:
        agent = make(model, "log")
        agent.core_memory.set("human", before[0])
        total = sum(n + 7 for n in range(0, 300, 10))
        assert ask(agent, "How much oil did all shifts use?") == f"{total} litres."
        assert not model.overflows
        assert agent.context_overview().counters.evictions > 5
        assert agent.core_memory["human"].value == f"Read to shift 290: {total} litres."
        assert len(agent.archival) == 30
        assert not model.requests[-1].contains("Shift 0 used")


@pytest.mark.autogen
@pytest.mark.slow
def test_three_hundred_pages_of_a_pdf_are_searched_and_opened(make: Make, tmp_path: Path) -> None:
    canvas = pytest.importorskip("reportlab.pdfgen.canvas")
    pytest.importorskip("pdfminer")
    data = BytesIO()
    pdf = canvas.Canvas(data)
    pdf.setTitle("Pump log")
    for number in range(1, 301):
        pdf.drawString(72, 700, f"On day {number} the meter stood at {number * 13} litres.")
        pdf.showPage()
    pdf.save()
    load(tmp_path, "log", log_pdf=data.getvalue())
    script = [
        call("archival_memory_search", query="meter on day 217", request_heartbeat=True),
        reading("log.pdf", page=217),
        reading("log.pdf", page=300),
        send("done"),
    ]
    with ScriptedModel(script) as model:
        agent = make(model, "log")
        ask(agent, "What did the meter say on day 217?")
    found, opened, last, _ = results(agent)
    assert "(log: log.pdf: Pump log: page 217 of 300) On day 217" in found
    assert opened.startswith("(log: log.pdf: Pump log) pages 217 to ")
    assert "On day 217 the meter stood at 2821 litres." in opened
    assert last.startswith("(log: log.pdf: Pump log) page 300 of 300:\n")


def test_hits_are_cut_only_where_all_of_them_together_do_not_fit() -> None:
    texts = (f"{'x' * 300}. {'x' * 300}. The meter stood at 9. {'x' * 300}.", "y", "z")
    page = Page(tuple(Passage(str(at), text, (), NOON) for at, text in enumerate(texts)), 0, 5, 3)
    assert texts[0] in listing(page, passage_line, "passages", 1200)
    for asked, shown in (("", "characters left out"), ("the meter", "… The meter stood at 9. …")):
        assert shown in listing(page, passage_line, "passages", 900, asked)

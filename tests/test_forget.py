"""Forgetting a speaker: from every tier, and from the files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memgpt_autogen import MemGPTAgent
from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.memory.blocks import Block
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder
from memgpt_autogen.testing import ScriptedModel, call, calls, say, send
from memgpt_autogen.upkeep.forgetting.distinctive import distinctive
from memgpt_autogen.upkeep.forgetting.traces import Traces
from tests.clocks import NOON, Ticking
from tests.files import files_with

SECRET = "My sister Zerlina keeps a quokka in Timbuktu."
OTHER = "The harvest of Wachau apricots begins in July."

Make = Callable[..., MemGPTAgent]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[MemGPTAgent] = []

    def build(model: ScriptedModel, **kwargs: Any) -> MemGPTAgent:
        kwargs = {
            "memory": tmp_path / "memory",
            "embedder": HashingEmbedder(),
            "clock": Ticking(),
            **kwargs,
        }
        agent = MemGPTAgent("mem", "Be helpful.", model.llm_config, **kwargs)
        made.append(agent)
        return agent

    yield build
    for agent in made:
        agent.close()


def chat(agent: MemGPTAgent, *lines: tuple[str, str]) -> list[Any]:
    """A chat in which each line is answered; the replies."""
    messages: list[dict[str, Any]] = []
    replies = []
    for speaker, text in lines:
        messages.append({"role": "user", "content": text, "name": speaker})
        reply = agent.generate_reply(messages)
        replies.append(reply)
        messages.append({"role": "assistant", "content": reply, "name": "mem"})
    return replies


@pytest.mark.autogen
def test_every_tier_forgets_and_no_file_keeps_the_words(make: Make, tmp_path: Path) -> None:
    script = [
        calls(
            call("core_memory_append", name="human", content="alice has a sister."),
            call("archival_memory_insert", content="Alice's family: one sister, Zerlina."),
            call("archival_memory_insert", content="Apricots ripen in summer."),
            call("send_message", message="How lovely."),
        ),
        send("July, noted."),
        calls(
            call("conversation_search", query="sister quokka", request_heartbeat=True),
        ),
        send(f"You said: {SECRET}"),
        send("Who?"),
    ]
    with ScriptedModel(script) as model:
        agent = make(model, human="Bob runs the farm.")
        chat(agent, ("Alice", SECRET), ("Bob", OTHER), ("Alice", "What of my sister?"))
        receipt = agent.forget(speaker="Alice")

        assert receipt.speaker == "Alice"
        assert receipt.recall_messages == 2
        assert receipt.recall_quotations == 1
        assert receipt.core_memory_lines == 1
        assert receipt.archival_passages == 1
        # two of hers, the step that wrote of her, the search, the quotation
        assert receipt.queue_entries == 5
        assert receipt.left == () and receipt.complete

        assert agent.core_memory["human"].value == "Bob runs the farm."
        assert [m.text for m in agent.recall.latest(9)] == ["How lovely.", OTHER, "July, noted."]
        assert [p.text for p in agent.archival.latest(9)] == ["Apricots ripen in summer."]
        assert agent.last_steps == ()
        assert not [m for m in agent.recall.search(SECRET).items if "quokka" in m.text]

        chat(agent, ("Bob", "What do you know?"))
        for word in ("Zerlina", "quokka", "sister"):
            assert model.requests[-1].contains(word) == 0
        assert model.requests[-1].contains(OTHER) == 1
    agent.close()
    words = ("Zerlina", "quokka", "zerlina", "Timbuktu", "timbuktu", "Alice", "sister")
    assert files_with(tmp_path / "memory", *words) == []
    assert files_with(tmp_path / "memory", OTHER)


@pytest.mark.autogen
def test_many_messages_leave_no_trace_and_the_others_are_still_found(
    make: Make, tmp_path: Path
) -> None:
    with ScriptedModel([]) as model:
        agent = make(model)
        for number in range(60):
            agent.recall.append(f"zebra{number:03d} crossed the road", "Alice", NOON)
            agent.recall.append(f"giraffe{number:03d} crossed the road", "Bob", NOON)
        receipt = agent.forget("Alice")
        assert (receipt.recall_messages, receipt.complete) == (60, True)
        fresh = agent.recall.append("a new animal", "Bob", NOON)
        assert fresh == "m00000121"  # no number is given twice
        assert agent.recall.search("giraffe031").items[0].text.startswith("giraffe031")
        agent.close()
        assert files_with(tmp_path / "memory", "zebra0", "zebra") == []

        again = make(model)
        assert len(again.recall) == 61
        assert again.recall.search("giraffe031").items[0].text.startswith("giraffe031")
        assert again.recall.search("zebra031", speaker="Alice").total == 0


@pytest.mark.autogen
def test_what_is_not_the_speakers_stays(make: Make) -> None:
    with ScriptedModel([send("Hello Ali, hello Alice."), send("ok")]) as model:
        agent = make(model)
        agent.core_memory.add(Block(name="rules", value="Alice is the boss.", read_only=True))
        agent.core_memory.set("human", "Malice is a word.\nMet ALICE, once.")
        chat(agent, ("Alice", "hello"), ("Bob", "Alice said hello"))
        receipt = agent.forget("Alice")
        assert agent.core_memory["rules"].value == "Alice is the boss."
        assert agent.core_memory["human"].value == "Malice is a word."
        # "hello" is anybody's word: messages of others with it are kept
        assert [m.speaker for m in agent.recall.latest(9)] == ["mem", "Bob", "mem"]
        assert (receipt.recall_messages, receipt.recall_quotations) == (1, 0)
        assert (receipt.core_memory_lines, receipt.summary_reset) == (1, False)


@pytest.mark.autogen
def test_the_summary_goes_when_it_may_tell_of_the_speaker(make: Make) -> None:
    script: list[Any] = [send(f"reply {number} " + "word " * 60) for number in range(60)]

    def answer(request: Any) -> Any:
        return script.pop(0) if request.tools else say("Somebody spoke of pets.")

    with ScriptedModel(answer) as model:
        agent = make(model, context_window=2048)
        lines = [("Alice", f"pet number {number} is called Rex" * 3) for number in range(12)]
        chat(agent, *lines)
        assert agent.context_overview().counters.evictions > 0
        assert agent.context_overview().sections["summary"] > 0
        receipt = agent.forget("Alice")
        assert receipt.summary_reset and receipt.recall_messages == 12
        assert agent.context_overview().sections["summary"] == 0


@pytest.mark.autogen
def test_it_is_forgotten_after_a_kill_and_not_taken_in_again(make: Make) -> None:
    """Saved at once; and the chat that AutoGen still holds is not read a second time."""
    with ScriptedModel([send("one"), send("two")]) as model:
        agent = make(model)
        messages = [{"role": "user", "content": SECRET, "name": "Alice"}]
        agent.generate_reply(messages)
        agent.forget("Alice")
        store = agent._memgpt_capability.open().store
        queue = store.journal.rows("SELECT * FROM queue")
        saved = [*store.state.values().values(), *map(str, queue)]
        assert saved and not [text for text in saved if "quokka" in text]
        messages += [
            {"role": "assistant", "content": "one", "name": "mem"},
            {"role": "user", "content": OTHER, "name": "Bob"},
        ]
        assert agent.generate_reply(messages) == "two"
        assert agent.recall.search("", speaker="Alice").total == 0
        assert model.requests[-1].contains("quokka") == 0


@pytest.mark.autogen
def test_the_history_of_core_memory_forgets_too(make: Make, tmp_path: Path) -> None:
    with ScriptedModel([]) as model:
        agent = make(model)
        agent.recall.append("hello", "Alice")
        for text in ("Met Alice in Timbuktu.", "Likes tea.", "Likes coffee."):
            agent.core_memory.set("human", text)
        agent.forget("Alice")
        changes = agent.core_memory.history("human")
        assert [(one.before, one.after) for one in changes] == [("Likes tea.", "Likes coffee.")]
        agent.close()
    assert files_with(tmp_path / "memory", "Alice", "Timbuktu") == []


@pytest.mark.autogen
def test_a_stranger_is_an_error_that_names_those_who_spoke(make: Make) -> None:
    with ScriptedModel([send("ok")] * 3) as model:
        agent = make(model)
        chat(agent, ("Alice", SECRET), ("Bob", OTHER), ("al ice", OTHER))
        with pytest.raises(
            ConfigurationError, match=r"^'ALICE' has .* 'Alice', 'al ice', 'Bob'\.$"
        ):
            agent.forget("ALICE")
        assert agent.forget(" Alice ").recall_messages == 1
        with pytest.raises(ConfigurationError, match=r"who have: 'al ice', 'Bob'\."):
            agent.forget("Alice")


@pytest.mark.autogen
@pytest.mark.parametrize("name", ["", "  ", "mem"])
def test_a_wrong_speaker_is_refused(make: Make, name: str) -> None:
    with ScriptedModel([]) as model:
        agent = make(model)
        with pytest.raises(ConfigurationError, match="delete its directory"):
            agent.forget(name)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Alice", True),
        ("dear ALICE!", True),
        ("Alice's hat", True),
        ("malice", False),
        ("Alice2", False),
        ("", False),
    ],
)
def test_a_name_is_a_whole_word(text: str, names: bool) -> None:
    assert Traces("Alice", []).names(text) is names


def test_a_name_may_hold_any_signs() -> None:
    assert Traces("C++ (bot)", []).names("so says C++ (bot).")
    assert not Traces("a.b", []).names("a-b")


@given(
    text=st.text("abc dé", min_size=12).filter(lambda text: len(text.split()) > 2),
    before=st.text(),
    after=st.text(),
)
def test_a_long_text_is_found_in_any_other_whatever_its_gaps_and_case(
    text: str, before: str, after: str
) -> None:
    traces = Traces("Nobody at all", [text])
    quoted = f"{before}\n {text.upper().replace(' ', '  ')} \n{after}"
    assert traces.quotes(quoted) is bool(traces.originals)
    assert not traces.quotes(before.replace(text, "")[:8])


def test_a_short_code_is_an_echo_and_no_quotation() -> None:
    traces = Traces("Alice", ["4711", "ok"], distinctive("4711 ok", bool))
    assert traces.echo("the PIN is 4711.") and not traces.touch("the PIN is 4711.")
    assert not traces.echo("14711") and not traces.echo("ok")

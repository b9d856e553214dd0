"""Several partners, each in a chat of their own: whose block is whose, and keeping them apart."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from memgpt_autogen import AutoGenTranslator, MemGPTAgent, Settings, SystemAlert
from memgpt_autogen.errors import ConfigurationError, StorageError
from memgpt_autogen.memory.blocks import Block
from memgpt_autogen.memory.partners import partner_block, partner_of
from memgpt_autogen.memory.state import AgentState
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder
from memgpt_autogen.testing import ChatRequest, ScriptedModel, call, calls, say, send
from tests.clocks import NOON, Ticking
from tests.groupchat import manager_of, speaker
from tests.playing import echo, playing, user
from tests.terminal import Run

pytestmark = pytest.mark.autogen

FACTS = {"Ann": "I am allergic to nuts.", "Bob": "I love peanuts.", "Cid": "I keep bees."}


def note(request: ChatRequest) -> Any:
    """Notes what was said in the speaker's own block, or in `human` where none is shown."""
    name = next(name for name in FACTS if FACTS[name] in request.last_text)
    block = f"human:{name}" if request.contains(f"<human:{name}>") else "human"
    added = call("core_memory_append", name=block, content=f"{name}: {FACTS[name]}")
    return calls(added, call("send_message", message="Noted."))


@contextmanager
def together(script: Any, place: Path) -> Iterator[tuple[Any, ScriptedModel]]:
    with playing(script, place, embedder=HashingEmbedder(), clock=Ticking()) as made:
        yield made


def tell(agent: Any, *names: str) -> None:
    for name in names:
        user(name).initiate_chat(agent, message=FACTS[name], max_turns=1, silent=True)


def blocks_of(agent: Any) -> dict[str, str]:
    return {block.name: block.value for block in agent.core_memory if block.name != "persona"}


def test_what_one_partner_told_stands_in_their_block_once_there_is_a_second(
    tmp_path: Path,
) -> None:
    nuts = "A baker.\nAnn: I am allergic to nuts."
    with playing(note, tmp_path, human="A baker.") as (agent, model):
        tell(agent, "Ann", "Ann")
        assert blocks_of(agent) == {"human": nuts}
    with playing(note, tmp_path) as (agent, model):  # the second comes after a restart
        tell(agent, "Bob")
        assert blocks_of(agent) == {
            "human": "",
            "human:Ann": nuts,
            "human:Bob": "Bob: I love peanuts.",
        }
        request = model.requests[0]
        head = request.messages[0]["content"]
        assert re.search(r"<human>\s*</human>\s*<human:Ann>\s*A baker\.", head)
        assert request.contains("'human' held moved to 'human:Ann'") == 1
        assert request.contains("is empty now") == 0  # said once
        texts = [change.after for change in agent.core_memory.history("human:Ann")]
        assert texts == ["A baker.", nuts, "", nuts]
        assert agent.core_memory.history("human") == []
        assert agent.core_memory.revert("human:Ann", 1).value == "A baker."
        agent.core_memory.revert("human:Ann")
    with playing(note, tmp_path) as (agent, model):
        tell(agent, "Cid", "Ann")
        assert blocks_of(agent) == {
            "human": "",
            "human:Ann": "A baker.\nAnn: I am allergic to nuts.",
            "human:Bob": "Bob: I love peanuts.",
            "human:Cid": "Cid: I keep bees.",
        }


def test_names_that_differ_in_case_are_two_partners(tmp_path: Path) -> None:
    with playing(echo, tmp_path) as (agent, _):
        for name in ("Ann", "ann"):
            user(name).initiate_chat(agent, message="hello", max_turns=1, silent=True)
        assert list(blocks_of(agent)) == ["human", "human:Ann", "human:ann"]


def test_a_group_after_a_partner_alone(tmp_path: Path) -> None:
    with playing(echo, tmp_path, human="Likes tea.") as (agent, _):
        ann, bob = speaker("Ann", lambda n: "a"), speaker("Bob", lambda n: "b")
        ann.initiate_chat(agent, message="hello", max_turns=1, silent=True)
        assert list(blocks_of(agent)) == ["human"]
        ann.initiate_chat(manager_of([ann, bob, agent], max_round=3), message="hi", silent=True)
        assert blocks_of(agent) == {"human": "", "human:Ann": "Likes tea.", "human:Bob": ""}


def test_a_group_whose_manager_spoke_first_is_no_partner(tmp_path: Path) -> None:
    with playing(echo, tmp_path, human="Of all.") as (agent, _):
        ann = speaker("Ann", lambda n: "a")
        manager = manager_of([ann, agent], max_round=2, send_introductions=True)
        manager.send("welcome", agent, request_reply=False, silent=True)
        assert agent.generate_reply(sender=manager) == "heard welcome"
        assert blocks_of(agent) == {"human": "Of all."}


def test_a_block_that_the_program_keeps_is_not_moved(tmp_path: Path) -> None:
    with playing(echo, tmp_path) as (agent, _):
        agent.core_memory.remove("human")
        agent.core_memory.add(Block(name="human", value="All are kind.", read_only=True))
        tell(agent, "Ann", "Bob")
        assert blocks_of(agent)["human"] == "All are kind."
        assert blocks_of(agent)["human:Ann"] == ""


@pytest.mark.parametrize(("earlier", "moved"), [(["Ann"], True), (["Ann", "Bob"], False)])
def test_a_memory_of_an_earlier_version(tmp_path: Path, earlier: list[str], moved: bool) -> None:
    """Its state does not say whom `human` is about, but recall storage may."""
    with playing(note, tmp_path, human="Likes tea.") as (agent, _):
        tell(agent, *earlier)
        journal = agent._memgpt_capability.open().store.journal
        with journal.transaction() as connection:
            agent.core_memory.set("human", "Likes tea.")
            for name in ("human:Ann", "human:Bob"):
                if name in agent.core_memory:
                    agent.core_memory.remove(name)
        agent.close()
        agent._memgpt_capability.open()
        journal = agent._memgpt_capability.open().store.journal
        with journal.transaction() as connection:
            keys = "'heard', 'only_partner', 'several_partners', 'partner'"
            connection.execute(f"DELETE FROM state WHERE key IN ({keys})")
        agent._memgpt_capability.open().close()
        tell(agent, "Ann", "Cid")
        assert blocks_of(agent)["human"] == ("" if moved else "Likes tea.")
        assert "human:Cid" in blocks_of(agent)


def test_said_last_in_any_other_chat(tmp_path: Path) -> None:
    """Also where the agent never had a turn, in a group, and for an event outside chats."""
    with playing(echo, tmp_path) as (agent, model):
        ann, cid = user("Ann"), user("Cid")
        ann.send("the code is 4711", agent, request_reply=False, silent=True)
        tell(agent, "Bob")
        assert model.requests[-1].contains("Ann: the code is 4711") == 1
        members = [
            speaker("Dan", lambda n: f"dan {n}"),
            agent,
            speaker("Eve", lambda n: f"eve {n}"),
        ]
        members[0].initiate_chat(manager_of(members, max_round=3), message="hi", silent=True)
        agent.notify(SystemAlert(timestamp=NOON, text="look"))
        assert model.requests[-1].contains("Eve: eve 1") == 1
        # and answered in its own chat it is not said twice
        ann.send("and 4712", agent, request_reply=False, silent=True)
        cid.initiate_chat(agent, message="hello", max_turns=1, silent=True)
        agent.generate_reply(sender=ann)
        assert model.requests[-1].contains("and 4712") == 1
        assert "'Ann' waits for your answer" in model.requests[-1].last_text


def test_other_chats_are_not_looked_through_where_nothing_was_said(tmp_path: Path) -> None:
    walked: list[str] = []

    class Watched(list[Any]):
        def __iter__(self) -> Iterator[Any]:
            walked.append(self[0]["content"])
            return super().__iter__()

    with playing(echo, tmp_path) as (agent, _):
        ann, bob = user("Ann"), user("Bob")
        for person in (ann, bob):
            person.initiate_chat(agent, message=person.name, max_turns=1, silent=True)
        agent.generate_reply(sender=bob)  # after this turn the reply to Ann is known
        agent._oai_messages[ann] = Watched(agent._oai_messages[ann])
        agent.generate_reply(sender=bob)
        assert walked == []
        ann.send("news", agent, request_reply=False, silent=True)
        agent.generate_reply(sender=bob)
        assert walked


def test_the_turn_of_a_chat_takes_in_its_own_messages(tmp_path: Path) -> None:
    """One that waits for the agent keeps what was said in it."""
    with playing(echo, tmp_path) as (agent, model):
        ann = user("Ann")
        ann.send("one", agent, request_reply=False, silent=True)
        with agent._memgpt_capability.turns.history.coming(ann):
            tell(agent, "Bob")
        assert model.requests[-1].contains("Ann: one") == 0
        assert agent.generate_reply(sender=ann) == "heard one"


def test_a_chat_that_cannot_be_read_stops_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Picky(AutoGenTranslator):
        def to_event(self, message: Any, **kwargs: Any) -> Any:
            if message["content"] == "foul":
                raise ValueError("no such thing")
            return super().to_event(message, **kwargs)

    with playing(echo, tmp_path, translator=Picky()) as (agent, model):
        ann = user("Ann")
        ann.send("foul", agent, request_reply=False, silent=True)
        tell(agent, "Bob", "Bob")
        assert [record.message for record in caplog.records if record.levelname == "ERROR"] == [
            "the chat with Ann could not be taken in"
        ]
        with pytest.raises(ValueError, match="no such thing"):
            agent.generate_reply(sender=ann)
        agent.clear_history = lambda *args: None
        agent._oai_messages.clear()
    assert len(model.requests) == 2


def test_what_cannot_be_written_leaves_human_with_its_partner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any) -> None:
        raise StorageError("full")

    with playing(note, tmp_path) as (agent, model):
        tell(agent, "Ann")
        before = blocks_of(agent)
        monkeypatch.setattr(agent._memgpt_capability.open().queue.saved, "save", refused)
        with pytest.raises(StorageError, match="full"):
            tell(agent, "Bob")
        monkeypatch.undo()
        assert blocks_of(agent) == before
        tell(agent, "Bob")
        assert blocks_of(agent)["human:Ann"] == before["human"]
        assert model.requests[-1].contains("'human' held moved") == 1


# --- kept apart -----------------------------------------------------------------------


@contextmanager
def apart(script: Any, place: Path | str, **kwargs: Any) -> Iterator[tuple[Any, ScriptedModel]]:
    memory: Any = Settings(
        location=str(place), separate_partners=True, **kwargs.pop("settings", {})
    )
    with playing(script, memory, embedder=HashingEmbedder(), clock=Ticking(), **kwargs) as made:
        yield made


def search(request: ChatRequest) -> Any:
    if request.last["role"] != "user":
        return send("done")
    return calls(
        call("conversation_search", query="code", request_heartbeat=True),
        call("conversation_search", query="code", speaker="Ann", request_heartbeat=True),
        call("conversation_search_date", start_date="2026-05-08", end_date="2026-05-09"),
        call("archival_memory_insert", content=f"Kept: {request.last_text}"),
        call("archival_memory_search", query="code"),
        call("core_memory_append", name="human:Ann", content=f"She said: {request.last_text}"),
        call("core_memory_append", name="human", content=request.last_text),
    )


def test_no_partner_sees_what_another_said(tmp_path: Path) -> None:
    with apart(search, tmp_path) as (agent, model):
        ann = user("Ann")
        ann.initiate_chat(agent, message="My code is A-4711.", max_turns=1, silent=True)
        assert "A-4711" in agent.core_memory["human:Ann"].value
        ann.send("It is secret.", agent, request_reply=False, silent=True)
    with apart(search, tmp_path) as (agent, model):
        bob = user("Bob")
        bob.initiate_chat(agent, message="What is the code?", max_turns=1, silent=True)
        for request in model.requests:
            for word in ("4711", "secret", "done"):
                assert request.contains(word) == 0
        last = model.requests[-1]
        assert last.contains("no messages of speaker 'Ann'. There are those of: Bob") == 1
        assert last.contains("there is no core memory block 'human:Ann'; the blocks are") == 1
        assert last.contains("the core memory block 'human' is read-only") == 1
        assert last.messages[0]["content"].count("Recall storage: 0 messages") == 1
        assert agent.recall.speakers() == {"Ann": 2, "Bob": 1, "mem": 2}  # programs see all
        assert len(agent.archival) == 2
    with apart(search, tmp_path) as (agent, model):
        user("Ann").initiate_chat(agent, message="Which code?", max_turns=1, silent=True)
        for text in ("My code is A-4711.", "It is secret."):
            assert model.requests[0].contains(f"Ann: {text}") > 0
        assert model.requests[1].contains("Kept: ") >= 3  # the call's own, and two found
        assert model.requests[1].contains("Bob") == 0


def test_a_program_tells_all_by_the_common_blocks(tmp_path: Path) -> None:
    with apart(echo, tmp_path, human="Open from nine.") as (agent, model):
        tell(agent, "Ann")
        agent.core_memory.set("human", "Open from ten.")
        agent.core_memory.set("human:Ann", "She is a baker.")
        tell(agent, "Bob", "Ann")
        assert [request.contains("Open from ten.") > 0 for request in model.requests] == [
            *(False, True, True)
        ]
        assert [request.contains("She is a baker.") > 0 for request in model.requests] == [
            *(False, False, True)
        ]


def test_groups_are_partners_by_their_members(tmp_path: Path) -> None:
    with apart(echo, tmp_path) as (agent, model):
        tell(agent, "Ann")
        for names in (("Ann", "Bob"), ("Ann", "Cid"), ("Ann", "Bob")):
            people = [speaker(name, lambda n, name=name: f"I am {name}") for name in names]  # type: ignore[misc]
            message = f"we are {' and '.join(names)}"
            manager = manager_of([*people, agent], max_round=3)
            people[0].initiate_chat(manager, message=message, silent=True)
        seen = [sorted(name for name in FACTS if name in str(r.messages)) for r in model.requests]
        assert seen == [["Ann"], ["Ann", "Bob"], ["Ann", "Cid"], ["Ann", "Bob"]]
        assert model.requests[-1].contains("we are Ann and Bob") == 2
        assert all(request.contains(FACTS["Ann"]) == 0 for request in model.requests[1:])
        assert len([name for name in blocks_of(agent) if name.startswith("human:")]) == 3


def test_events_outside_chats_have_a_queue_of_their_own(tmp_path: Path) -> None:
    with apart(echo, tmp_path) as (agent, model):
        tell(agent, "Ann")
        agent.notify(SystemAlert(timestamp=NOON, text="the shop burns"))
        assert model.requests[-1].contains(FACTS["Ann"]) == 0
        tell(agent, "Bob")
        assert model.requests[-1].contains("the shop burns") == 0
        agent.notify(SystemAlert(timestamp=NOON, text="again"))
        assert model.requests[-1].contains("(system alert) the shop burns") > 0


def test_a_turn_that_a_tool_takes_in_another_chat(tmp_path: Path) -> None:
    script = [call("consult"), send("Bob told me: fine."), send("All is well.")]
    with apart(script, tmp_path) as (agent, model):
        bob = user("Bob")

        def consult() -> str:
            bob.send("How is Ann?", agent, request_reply=False, silent=True)
            return str(agent.generate_reply(sender=bob))

        agent.register_for_llm(name="consult", description="Asks.")(consult)
        agent.register_for_execution(name="consult")(consult)
        user("Ann").initiate_chat(agent, message="I am ill.", max_turns=1, silent=True)
        assert model.requests[1].contains("I am ill.") == 0
        assert model.requests[2].contains("I am ill.") == 1
        assert model.requests[2].contains("How is Ann?") == 0
        origins = {one.text: one.origin for one in agent.recall.everything()}
        assert origins["All is well."] == "Ann" and origins["Bob told me: fine."] == "Bob"


def test_without_a_sender_the_one_speaker_is_the_partner(tmp_path: Path) -> None:
    with apart(echo, tmp_path) as (agent, model):
        for name in ("Ann", "Bob", "Ann"):
            agent.generate_reply([{"role": "user", "content": FACTS[name], "name": name}])
        assert [request.contains(f"Ann: {FACTS['Ann']}") for request in model.requests] == [1, 0, 2]
        both = [{"role": "user", "content": "hi", "name": name} for name in ("Ann", "Bob")]
        with pytest.raises(ConfigurationError, match=r"give sender=.*Ann, Bob"):
            agent.generate_reply(both)


def test_a_queue_of_all_is_nobodys(tmp_path: Path) -> None:
    """Kept apart only later: what is mixed by then is shown to no partner."""
    with together(note, tmp_path) as (agent, _):
        tell(agent, "Ann", "Bob")
    with apart(note, tmp_path) as (agent, model):
        tell(agent, "Bob", "Ann")
        assert model.requests[0].contains(FACTS["Ann"]) == 0
        assert model.requests[1].contains(FACTS["Bob"]) == 0
    with together(note, tmp_path) as (agent, model):
        tell(agent, "Cid")
    with apart(note, tmp_path) as (agent, model):
        tell(agent, "Ann")
        assert model.requests[0].contains(FACTS["Cid"]) == 0


def test_what_human_said_of_the_one_partner_is_theirs_alone_when_kept_apart(
    tmp_path: Path,
) -> None:
    with together(note, tmp_path) as (agent, _):
        tell(agent, "Ann")
    with apart(echo, tmp_path) as (agent, model):
        tell(agent, "Bob", "Ann")
        assert model.requests[0].contains("allergic") == 0
        assert model.requests[1].contains("Ann: I am allergic to nuts.") > 0


def lines(entry: Any) -> str:
    return str(entry.model_dump_json())


def test_a_switch_that_cannot_be_written_changes_nothing(tmp_path: Path) -> None:
    with apart(echo, tmp_path) as (agent, _):
        tell(agent, "Ann")
        engine = agent._memgpt_capability.open()
        before = list(engine.queue.context.entries)
        with pytest.raises(RuntimeError), engine.queue.partners.of("Bob"):
            raise RuntimeError
        with engine.queue.partners.of("Ann"):
            assert [*map(lines, engine.queue.context.entries)] == [*map(lines, before)]
        engine.store.journal.rows("SELECT 1")
        with engine.store.journal.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO aside VALUES ('Cid', 'no json')")
        with pytest.raises(Exception, match="damaged"), engine.queue.partners.of("Cid"):
            pass
        assert [*map(lines, engine.queue.context.entries)] == [*map(lines, before)]


def test_a_program_that_does_not_know_of_it_takes_no_queue_away(tmp_path: Path) -> None:
    with apart(echo, tmp_path) as (agent, _):
        tell(agent, "Ann", "Bob")
    with playing(echo, tmp_path, embedder=HashingEmbedder(), clock=Ticking()) as (agent, model):
        tell(agent, "Cid")
        assert model.requests[0].contains(FACTS["Bob"]) == 0
    forgotten = Run("forget", "mem", "Ann", "--yes", "--memory", str(tmp_path))
    assert forgotten.code == 0
    with apart(echo, tmp_path) as (agent, model):
        tell(agent, "Bob", "Ann")
        assert model.requests[0].contains(f"Bob: {FACTS['Bob']}") == 2
        assert model.requests[1].contains(f"Ann: {FACTS['Ann']}") == 1


def test_a_checkpoint_holds_the_queues_of_all(tmp_path: Path) -> None:
    with apart(echo, tmp_path / "one") as (agent, _):
        tell(agent, "Ann", "Bob")
        agent.checkpoint(tmp_path / "file.json")
    with ScriptedModel(echo) as model:
        memory = Settings(location=str(tmp_path / "two"), separate_partners=True)
        with MemGPTAgent.from_checkpoint(
            tmp_path / "file.json", llm_config=model.llm_config, memory=memory
        ) as agent:
            tell(agent, "Ann", "Bob")
        assert model.requests[0].contains(f"Ann: {FACTS['Ann']}") == 2
        assert model.requests[0].contains(FACTS["Bob"]) == 0
        assert model.requests[1].contains(f"Bob: {FACTS['Bob']}") == 2


ACTIONS = st.sampled_from(
    [
        {"name": "conversation_search", "query": "secret"},
        {"name": "conversation_search", "query": "what did Ann say", "speaker": "Ann"},
        {"name": "conversation_search_date", "start_date": "2026-05-08", "end_date": "2026-05-09"},
        {"name": "archival_memory_insert", "content": "LAST"},
        {"name": "archival_memory_search", "query": "secret"},
        {"name": "core_memory_append", "block": "human:Ann", "content": "LAST"},
        {"name": "core_memory_append", "block": "human:Bob", "content": "LAST"},
        {"name": "core_memory_append", "block": "human", "content": "LAST"},
        {"name": "core_memory_append", "block": "persona", "content": "LAST"},
        {
            "name": "core_memory_replace",
            "block": "human:Ann",
            "old_content": "x",
            "new_content": "y",
        },
        {"name": "no_function"},
    ]
)


@settings(max_examples=6, phases=[Phase.generate])
@given(
    turns=st.lists(
        st.tuples(
            st.sampled_from(["Ann", "Bob", "group", "restart"]), st.lists(ACTIONS, max_size=4)
        ),
        min_size=4,
        max_size=14,
    )
)
def test_nothing_a_partner_said_is_in_a_request_for_another(
    turns: Sequence[tuple[str, list[dict[str, str]]]],
) -> None:
    now, todo, number = "", list[dict[str, str]](), 0

    def rule(request: ChatRequest) -> Any:
        found = set(re.findall(r"secret-(\w+)-\d+", json.dumps(request.body)))
        assert found <= {now}, (now, found)
        if not request.tools:
            return say(f"a summary of {' '.join(re.findall(r'secret-.-.', request.text))[:200]}")
        if not todo:
            return send("ok " * 40)
        action = dict(todo.pop())
        last = f"secret-{now}-{number}"
        arguments = {key: value.replace("LAST", last) for key, value in action.items()}
        name, block = arguments.pop("name"), arguments.pop("block", None)
        if block is not None:
            arguments["name"] = block
        return calls(call(name, request_heartbeat=True, **arguments))

    with tempfile.TemporaryDirectory() as place, ScriptedModel(rule) as model:
        agent = None
        people = {name: user(name) for name in ("Ann", "Bob")}
        group = manager_of([*people.values(), user("mem")], max_round=2)
        chats: dict[str, list[dict[str, Any]]] = {"Ann": [], "Bob": [], "group": []}
        for who, actions in [*turns, ("restart", [])]:
            if who == "restart":
                if agent is not None:
                    agent.close()
                agent = None
                continue
            agent = agent or MemGPTAgent(
                "mem",
                "Help.",
                model.llm_config,
                memory=Settings(location=place, separate_partners=True, participants=2),
                context_window=2600,
                embedder=HashingEmbedder(),
                clock=Ticking(),
            )
            now, number = who, number + 1
            todo[:] = actions
            text = f"secret-{who}-{number} " + "and so on " * 30
            name = "Ann" if who == "group" else who
            chats[now].append({"role": "user", "content": text, "name": name})
            reply = agent.generate_reply(chats[now], sender=people.get(who, group))
            chats[now].append({"role": "assistant", "content": reply, "name": "mem"})


@given(st.lists(st.text(min_size=1).filter(lambda t: t.strip() and len(t.splitlines()) == 1)))
def test_partners_are_told_apart_by_their_names(names: list[str]) -> None:
    keys = {partner_of(name) for name in names} | {partner_of("chat_manager", names)}
    assert len(keys) == len(set(names)) + 1
    assert len({partner_block(key) for key in keys}) == len(keys)


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a\u2028b"])
def test_a_name_that_tells_nobody_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="name of one line"):
        partner_of(name)


def test_a_saved_state_of_before_is_read() -> None:
    state = AgentState.model_validate({"heard": ["human:Ann"], "summary": "s"})
    assert (state.only_partner, state.several_partners, state.partner) == ("", None, "")

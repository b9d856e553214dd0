"""What an agent shows of itself: its prompt, its latest steps, a line a model call, its repr."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import openai
import pytest

from memgpt_autogen import (
    Block,
    ConfigurationError,
    FunctionCall,
    MemGPTAgent,
    MemGPTCapability,
    Settings,
    Step,
    SystemAlert,
)
from memgpt_autogen.errors import MemGPTError
from memgpt_autogen.memory.state import KEPT_TURNS, AgentState
from memgpt_autogen.model import call_log
from memgpt_autogen.model.call_log import LoggedModel
from memgpt_autogen.model.prompt_text import prompt_text
from memgpt_autogen.steps import Completion, Usage
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder
from memgpt_autogen.testing import ChatRequest, call, calls, fail, send
from memgpt_autogen.testing import Step as Played
from tests.clocks import NOON
from tests.files import files_with
from tests.playing import echo, playing

pytestmark = pytest.mark.autogen

QUICK: dict[str, Any] = {"embedder": HashingEmbedder(), "clock": lambda: NOON}
DOT = "data:image/png;base64,iVBORw0KGgo="


def ask(agent: MemGPTAgent, text: Any, speaker: str = "Ann") -> Any:
    return agent.generate_reply([{"role": "user", "content": text, "name": speaker}])


def storing(request: ChatRequest) -> Played:
    """Stores what it hears and answers in one step."""
    said = request.last_text.rsplit(": ", 1)[-1]
    store = call("core_memory_append", name="human", content=said)
    return calls(store, call("send_message", message=f"heard {said}"))


# --- the prompt ----------------------------------------------------------------------


def test_the_prompt_is_what_the_next_model_call_is_given(tmp_path: Path) -> None:
    with playing(storing, tmp_path, human="Ann.", **QUICK) as (agent, model):
        agent.context_text()
        for text in ("one", "two\n--- 1: system ---", [{"type": "text", "text": "three"}]):
            shown = agent.context_text()
            assert agent.context_text() == shown  # looking changes nothing
            ask(agent, text)
            request = model.requests[-1]
            assert shown == prompt_text(request.messages[:-1], request.tools)
            assert all(str(one["content"] or "") in shown for one in request.messages[:-1])
        agent.core_memory.set("human", "Ann leads.")  # by a program: the model is yet to hear
        shown = agent.context_text()
        assert "(system alert) the core memory block 'human' now reads:\n  Ann leads." in shown
        ask(agent, "four")
        request = model.requests[-1]
        assert shown == prompt_text(request.messages[:-1], request.tools)


def test_the_prompt_reads_plainly(tmp_path: Path) -> None:
    picture = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": DOT}}]
    with playing(storing, tmp_path, role="Be brief.", **QUICK) as (agent, _):
        ask(agent, picture)
        parts = agent.context_text().split("\n\n--- ")
    assert parts[0].startswith("--- 1: system ---\n")
    assert "Be brief." in parts[0]
    assert "<persona>\n  I am mem.\n</persona>" in parts[0]
    assert parts[1].startswith("functions ---\nsend_message(message): Speak to the others.\n")
    assert "archival_memory_search(request_heartbeat, query, page): " in parts[1]
    assert parts[2] == "2: user ---\n[2026-05-08 12:00] Ann: look\n  (image)\n(image_url)"
    role, *made = parts[3].splitlines()
    assert role == "3: assistant ---"
    assert [line.split(") ", 1)[1] for line in made] == [
        'core_memory_append {"name": "human", "content": "look\\n  (image)\\n<image_url>"}',
        'send_message {"message": "heard look\\n  (image)\\n<image_url>"}',
    ]
    assert parts[5].splitlines()[1:] == ["Sent."]
    assert "base64" not in "".join(parts)


def test_the_prompt_of_an_agent_without_a_model() -> None:
    with MemGPTAgent("mem", "Be brief.", llm_config=False, memory=":memory:", **QUICK) as agent:
        assert "Be brief." in agent.context_text()


# --- steps -----------------------------------------------------------------------------


def test_the_steps_of_the_latest_turns_outlive_a_restart(tmp_path: Path) -> None:
    script = [
        call("core_memory_append", name="human", content="Likes tea.", request_heartbeat=True),
        send("Noted.", monologue="She likes tea."),
        send("Bye."),
    ]
    with playing(script, tmp_path, **QUICK) as (agent, _):
        assert (agent.last_steps, agent.steps()) == ((), [])
        ask(agent, "I like tea.")
        first = agent.last_steps
        ask(agent, "Goodbye.")
        second = agent.last_steps
        assert agent.steps() == [first, second]
    with playing([], tmp_path, **QUICK) as (agent, _):
        assert agent.last_steps == second
        assert agent.steps() == [first, second]
        assert agent.steps(turns=1) == [second]
        assert first[1].monologue == "She likes tea."
        assert agent.steps()[0][0].results[0].text.endswith("now reads:\n  Likes tea.")
        agent.checkpoint(tmp_path / "kept.json")
    with MemGPTAgent.from_checkpoint(
        tmp_path / "kept.json", llm_config=False, memory=tmp_path / "again", **QUICK
    ) as again:
        assert again.steps() == [first, second]


def test_the_steps_of_a_turn_that_failed_are_kept(tmp_path: Path) -> None:
    script = [call("conversation_search", query="tea", request_heartbeat=True), fail(401)]
    with playing(script, tmp_path, **QUICK) as (agent, _):
        with pytest.raises(openai.AuthenticationError):
            ask(agent, "I like tea.")
    with playing([], tmp_path, **QUICK) as (agent, _):
        assert [one.name for step in agent.last_steps for one in step.calls] == [
            "conversation_search"
        ]


def test_only_the_latest_turns_are_kept(tmp_path: Path) -> None:
    with playing(echo, tmp_path, **QUICK) as (agent, _):
        for number in range(KEPT_TURNS + 3):
            ask(agent, f"number {number}")
    with playing([], tmp_path, **QUICK) as (agent, _):
        sent = [steps[0].sent for steps in agent.steps()]
        rows = agent._memgpt_capability.open().store.state.values()
    assert sent == [(f"heard number {number}",) for number in range(3, KEPT_TURNS + 3)]
    assert len([key for key in rows if key.startswith("turn:")]) == KEPT_TURNS


def test_a_turn_inside_a_turn_has_steps_of_its_own() -> None:
    state = AgentState()
    outer, inner = (Step(text=text) for text in ("outer", "inner"))
    state.counters.turns = 5
    state.keep(5, outer)
    state.counters.turns = 6
    state.keep(6, inner)
    state.keep(5, outer)
    assert state.turns == {6: (inner,), 5: (outer, outer)}


def test_what_is_forgotten_leaves_the_steps_too(tmp_path: Path) -> None:
    secret = "My sister Zerlina keeps a quokka."
    with playing(storing, tmp_path, **QUICK) as (agent, _):
        ask(agent, secret)
        ask(agent, "And the weather?", speaker="Bob")
        assert agent.forget("Ann").recall_messages == 1
        assert (agent.last_steps, agent.steps()) == ((), [])
    with playing([], tmp_path, **QUICK) as (agent, _):
        assert (agent.last_steps, agent.steps()) == ((), [])
    assert not files_with(tmp_path, "quokka")


# --- the log ---------------------------------------------------------------------------


def lines(caplog: pytest.LogCaptureFixture, level: int = logging.INFO) -> list[str]:
    found = [one for one in caplog.records if one.name == call_log.__name__]
    return [one.getMessage() for one in found if one.levelno == level]


def test_each_model_call_is_a_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "memgpt_autogen")
    filler = "and so on and so forth " * 12
    with playing(echo, tmp_path, **QUICK, context_window=4096) as (agent, model):
        while all(request.tools for request in model.requests):  # until it makes a summary
            ask(agent, f"I like tea. {filler}")
        (config,) = model.llm_config["config_list"]
    told = lines(caplog)
    assert len(told) == len(model.requests)
    tokens = r"[1-9]\d* ms, [1-9]\d* prompt and [1-9]\d* completion tokens"
    assert re.fullmatch(rf"mem: model call, {tokens}, called send_message", told[0])
    assert any(re.fullmatch(rf"mem: summary, {tokens}, called nothing", one) for one in told)
    first = model.requests[0]
    assert first.contains("I like tea") == 1
    prompts = lines(caplog, logging.DEBUG)
    assert prompts[0] == f"mem: model call, prompt:\n{prompt_text(first.messages, first.tools)}"
    assert len(prompts) == len(told)
    assert len(config["api_key"]) > 3
    assert config["api_key"] not in caplog.text


class Playing:
    """A model that answers, or raises, what it is given."""

    name = "m"
    parameters = frozenset[str]()

    def __init__(self, outcome: Completion | Exception) -> None:
        self.outcome = outcome

    def complete(
        self, messages: Any, tools: Any = (), rules: Any = None, **asked: Any
    ) -> Completion:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (Completion(text="hello"), "tokens unknown, called nothing"),
        (
            Completion(
                calls=tuple(
                    FunctionCall(id="1", name=name, arguments="{}") for name in ("one", "t\nwo")
                ),
                usage=Usage(prompt_tokens=120, completion_tokens=7),
            ),
            "120 prompt and 7 completion tokens, called one, t wo",
        ),
        (ValueError("the key sk-secret is wrong"), "failed with ValueError"),
    ],
)
def test_a_line_says_what_a_call_came_to(
    outcome: Completion | Exception, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "memgpt_autogen")
    with suppress(ValueError):
        LoggedModel(Playing(outcome), "mem").complete([{"role": "user", "content": "sk-secret"}])
    (line,) = lines(caplog)
    assert line.startswith("mem: summary, ")
    assert line.endswith(f" ms, {told}")
    assert not lines(caplog, logging.DEBUG)


# --- first texts that have no effect -----------------------------------------------------


def test_a_first_text_that_has_no_effect_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def opened(**kwargs: Any) -> list[str]:
        before = len(caplog.records)
        with MemGPTAgent("mem", llm_config=False, memory=tmp_path, **QUICK, **kwargs) as agent:
            assert agent.core_memory["persona"].value == "I am brief."
        return [one.getMessage() for one in caplog.records[before:] if one.levelno >= 30]

    assert opened(persona="I am brief.") == []
    assert opened(persona="I am brief.", human="") == []
    (told,) = opened(persona="I am verbose.")
    assert told.startswith("persona= has no effect: mem is resumed from ")
    assert "agent.core_memory.set('persona', text)" in told
    assert "verbose" not in told
    assert opened(persona="I am verbose.") == []
    (told,) = opened(persona="I am verbose.", human="A manager.")
    assert told.startswith("human= has no effect: ")


def test_it_is_said_of_a_block_that_was_edited_or_removed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def opened(**kwargs: Any) -> MemGPTAgent:
        return MemGPTAgent(
            "mem", llm_config=False, memory=tmp_path, persona="Brief.", **kwargs, **QUICK
        )

    with opened() as agent:
        agent.core_memory.set("persona", "Long.")
        agent.core_memory.remove("human")
    with opened(human="x") as agent:
        assert agent.core_memory["persona"].value == "Long."
        assert len(opened().core_memory) == 1  # another object, the same agent
    told = [one.getMessage()[:8] for one in caplog.records if "no effect" in one.getMessage()]
    assert told == ["persona=", "human= h"]


# --- repr --------------------------------------------------------------------------------


def test_each_thing_says_what_a_person_wants_to_see(tmp_path: Path) -> None:
    with MemGPTAgent("mem", llm_config=False, memory=tmp_path, **QUICK) as agent:
        assert repr(agent) == f"MemGPTAgent('mem', memory='{tmp_path}')"
        assert str(agent) in ("mem", repr(agent))  # AutoGen's own, where it has one
        agent.core_memory.set("human", "Dana leads the team. " * 20)
        human = agent.core_memory["human"]
        assert repr(human).startswith("Block(name='human', value='Dana leads the team. ")
        assert repr(agent.core_memory).startswith("CoreMemory(persona='I am mem.', human='Dana")
        agent.recall.append("I like tea.", "Dana", NOON)
        agent.recall.append("x" * 900, "Bob", NOON)
        assert repr(agent.recall) == "RecallStorage(2 messages: Bob 1, Dana 1)"
        page = agent.recall.search("", limit=1, page=1)
        message = (
            "Message(timestamp=2026-05-08 12:00, speaker='Dana', text='I like tea.',"
            " id='m00000001', origin='program')"
        )
        assert repr(page.items[0]) == str(page.items[0]) == message
        assert repr(page) == f"Page(2 of 2, 2 in all: ({message},))"
        agent.archival.insert("The server is heron.", ["infra"], NOON)
        assert repr(agent.archival) == "ArchivalStorage(1 passages)"
        assert repr(agent.archival.latest(1)) == (
            "[Passage(id='p00000001', text='The server is heron.', tags=('infra',),"
            " timestamp=2026-05-08 12:00)]"
        )
        change = agent.core_memory.history("human")[-1]
        assert repr(change).startswith("BlockChange(version=2, time=2026-05-08 12:00, author='prog")
        things: list[Any] = [
            *(agent, agent.core_memory, human, agent.recall, *agent.recall.latest(2), page),
            *(agent.archival, change, agent.forget("Bob"), SystemAlert("x" * 900)),
            *(MemGPTCapability(memory=tmp_path), Settings(), Step(text="x" * 900)),
        ]
        assert all(len(repr(thing)) < 700 for thing in things)


def test_a_repr_shows_no_credentials_and_needs_no_open_memory(tmp_path: Path) -> None:
    capability = MemGPTCapability(memory="http://sk-token@localhost:8000")
    assert repr(capability) == "MemGPTCapability(memory='http://…@localhost:8000')"
    agent = MemGPTAgent("mem", llm_config=False, memory=tmp_path, **QUICK)
    recall, core = agent.recall, agent.core_memory
    agent.close()
    assert repr(agent) == f"MemGPTAgent('mem', memory='{tmp_path}')"
    assert "RecallStorage" in repr(recall)
    assert "CoreMemory" in repr(core)
    assert repr(object.__new__(MemGPTAgent)) == "MemGPTAgent(memory='…')"
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("use", [lambda core: core["x"], lambda core: core.append("x", "y")])
def test_programs_mistakes_in_core_memory_are_ours(use: Callable[[Any], object]) -> None:
    with MemGPTAgent("mem", llm_config=False, memory=":memory:", **QUICK) as agent:
        with pytest.raises(MemGPTError, match="no core memory block 'x'"):
            use(agent.core_memory)
        with pytest.raises(ConfigurationError):
            agent.core_memory.add(Block(name="human"))

"""Prefetch: what memory holds on a message stands behind it before the model is asked."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from memgpt_autogen import MemGPTAgent, Settings, load_source
from memgpt_autogen.engine.asking.prefetch import TOLD
from memgpt_autogen.frames import below
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder
from memgpt_autogen.testing import ChatRequest, Failure, ScriptedModel, Step, call, fail, say, send
from tests.playing import part, playing, user

pytestmark = pytest.mark.autogen

FACT = "My sister Clara keeps three llamas on a farm near Porto."
QUESTION = "Where does my sister Clara keep her llamas?"


def ask(agent: MemGPTAgent, text: str, name: str = "Ann") -> Any:
    return agent.generate_reply([{"role": "user", "content": text, "name": name}])


def fine(request: ChatRequest) -> Step:
    return send("fine") if request.tools else say("they talked.")


def remember(agent: MemGPTAgent, *facts: str) -> None:
    """Some facts of Ann's among what Bob says; what a word tells shows only beside others."""
    for fact in facts or (FACT,):
        agent.recall.append(fact, "Ann")
    for number in range(20):
        agent.recall.append(f"The bus number {number} was late again.", "Bob")


def looked_up(request: ChatRequest) -> list[str]:
    """The messages of a prompt that show what was looked up."""
    return [text for one in request.messages if TOLD in (text := str(one.get("content")))]


def test_what_left_the_view_stands_behind_the_message_for_its_turn(tmp_path: Path) -> None:
    with playing(fine, tmp_path) as (agent, model):
        remember(agent)
        ask(agent, QUESTION)
        ask(agent, "Thanks!")
        stored = [one.text for one in agent.recall.everything()]
    asked, thanked = model.requests
    (shown,) = looked_up(asked)
    assert f"Ann: {FACT}" in shown and "bus number 9 " not in shown
    assert asked.messages[-1]["content"] == shown and asked.messages[-1]["role"] == "user"
    assert QUESTION in asked.messages[-2]["content"]
    assert all(line.startswith("  ") for line in shown.splitlines()[1:])
    assert not looked_up(thanked) and not thanked.contains(FACT)
    assert len(stored) == 25 and not any(TOLD in text for text in stored)


def test_what_is_in_view_is_not_looked_up(tmp_path: Path) -> None:
    with playing(fine, tmp_path) as (agent, model):
        ask(agent, FACT)
        ask(agent, QUESTION)
    assert model.requests[-1].contains(FACT) == 1
    assert not looked_up(model.requests[-1])


def test_what_a_search_has_just_shown_is_not_shown_again(tmp_path: Path) -> None:
    script = [
        call("conversation_search", query="sister llamas", request_heartbeat=True),
        send("fine"),
        send("fine"),
    ]
    with playing(script, tmp_path) as (agent, model):
        remember(agent)
        ask(agent, "Please look it up.")
        ask(agent, QUESTION)
    assert model.requests[-1].contains(FACT) and not looked_up(model.requests[-1])


def test_passages_of_the_agent_and_of_its_sources_are_found(tmp_path: Path) -> None:
    farm = tmp_path / "farm"
    farm.mkdir()
    (farm / "llamas.md").write_text("# Clara's farm\n\nClara keeps her llamas near Porto.\n")
    for number in range(10):
        (farm / f"{number}.md").write_text(
            f"Field {number} is mown in July, and fenced in March.\n"
        )
    with playing(fine, tmp_path / "memory") as (agent, model):
        agent.archival.insert("Clara sells the wool of her llamas on Saturdays.")
        for number in range(10):
            agent.archival.insert(f"Bus number {number} leaves from the station at noon.")
        load_source("farm", farm, memory=tmp_path / "memory")
        agent.attach("farm")
        ask(agent, "When does Clara sell the wool of her llamas, and where does she keep them?")
    (shown,) = looked_up(model.requests[-1])
    assert "(note) Clara sells the wool" in shown and "(farm" in shown and "near Porto" in shown


def test_it_takes_no_more_tokens_than_it_may(tmp_path: Path) -> None:
    seen: list[list[str]] = []
    for most in (0, 60, 400):
        settings = Settings(location=str(tmp_path / str(most)), prefetch_tokens=most)
        with playing(fine, settings) as (agent, model):
            remember(agent, *(f"{FACT} Clara told me so {n} times over lunch." for n in range(12)))
            ask(agent, QUESTION)
            counter = agent._memgpt_capability.open().queue.context.counter
            seen.append(looked_up(model.requests[-1]))
            assert all(counter.text(text) <= most + 20 for text in seen[-1])
    assert [len(texts) for texts in seen] == [0, 1, 1]
    assert seen[1][0].count("Clara told me so") < seen[2][0].count("Clara told me so")


def test_of_what_is_long_the_part_is_shown_that_answers(tmp_path: Path) -> None:
    filler = "It rained the whole day, and nobody went out. " * 40
    with playing(fine, tmp_path) as (agent, model):
        agent.archival.insert(f"{filler}{FACT} {filler}")
        remember(agent, f"{filler}{FACT} {filler}")
        ask(agent, QUESTION)
    (shown,) = looked_up(model.requests[-1])
    assert shown.count(FACT) == 2 and len(shown) < 2 * len(filler)


def test_an_embedder_that_takes_too_long_is_not_waited_for(tmp_path: Path) -> None:
    release = threading.Event()

    class Stuck(HashingEmbedder):
        def embed(self, texts: Any) -> Any:
            if any("Clara keep her" in text for text in texts):
                release.wait(20)
            return super().embed(texts)

    settings = Settings(location=str(tmp_path), recall_budget=0.05)
    with playing(fine, settings, embedder=Stuck()) as (agent, model):
        remember(agent)
        assert ask(agent, QUESTION) == "fine"
        assert not release.is_set()
        release.set()
    assert FACT in looked_up(model.requests[0])[0], "words find it"


def test_nothing_of_another_partner_is_shown(tmp_path: Path) -> None:
    settings = Settings(location=str(tmp_path), separate_partners=True)
    with playing(fine, settings) as (agent, model):
        for name in ("Ann", "Bob"):
            user(name).initiate_chat(agent, message=f"{FACT} I am {name}.", max_turns=1)
            agent.recall.append(f"{FACT} Said to {name}.", name, origin=name)
        user("Bob").initiate_chat(agent, message=QUESTION, max_turns=1)
    assert "Said to Ann" not in model.requests[-1].text


def test_what_was_forgotten_is_not_shown(tmp_path: Path) -> None:
    with playing(fine, tmp_path) as (agent, _):
        remember(agent)
        ask(agent, QUESTION, name="Bob")
        assert FACT in agent.context_text()
        agent.forget("Ann")
        assert "llamas on a farm" not in agent.context_text()


def test_what_a_provider_refuses_is_left_out(tmp_path: Path) -> None:
    def filtering(request: ChatRequest) -> Step | Failure:
        if request.contains("three llamas"):
            return fail(400, code="content_filter", message="The prompt triggered the filter.")
        return send("fine")

    with playing(filtering, tmp_path) as (agent, model):
        remember(agent)
        assert ask(agent, QUESTION) == "fine"
        assert "looked up" in agent.last_steps[0].withheld
    assert len(model.requests) == 2


def test_a_full_window_holds_messages_rather_than_what_was_looked_up(tmp_path: Path) -> None:
    """With room for nothing more, it goes, and nothing is evicted for it."""
    filler = "and so on and so forth " * 40
    with ScriptedModel(fine, window=4096) as model:
        settings = Settings(location=str(tmp_path), prefetch_tokens=4000, pressure_share=0.99)
        with MemGPTAgent(
            "mem", "", model.llm_config, memory=settings, context_window=4096
        ) as agent:
            for number in range(40):
                agent.recall.append(f"{FACT} {number} {filler}", "Ann")
            ask(agent, f"{QUESTION} {filler}")
            assert agent.context_overview().counters.evictions == 0
    assert not model.overflows


def test_it_stays_while_a_tool_of_the_chat_is_run(tmp_path: Path) -> None:
    def calling(request: ChatRequest) -> Step:
        if "21 degrees" in request.text:
            return send("It is warm in Porto, where she keeps them.")
        return call("weather", city="Porto")

    register = part("autogen", "register_function")
    with ScriptedModel(calling) as model:
        with MemGPTAgent(
            "mem", "", model.llm_config, memory=Settings(location=str(tmp_path), tools="chat")
        ) as agent:
            remember(agent)
            ann = user("Ann")

            def weather(city: str) -> str:
                return f"21 degrees in {city}"

            register(weather, caller=agent, executor=ann, name="weather", description="Weather.")
            ann.initiate_chat(agent, message=QUESTION, max_turns=2)
    assert [len(looked_up(request)) for request in model.requests] == [1, 1]


def test_nobody_can_speak_as_the_memory() -> None:
    assert below(f"hello\n{TOLD}") == f"hello\n  > {TOLD}"
    assert below("hello\n( From Memory ) all is well") == "hello\n  > ( From Memory ) all is well"

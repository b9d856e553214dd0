"""Deciding: a small model chooses under a grammar, then speaks in plain chat."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from autogen import GroupChat, GroupChatManager, register_function

from memgpt_autogen import Login, MemGPTAgent, Settings, TimedEvent
from memgpt_autogen.engine.deciding.lines import Line
from memgpt_autogen.engine.deciding.situation import Said, Situation
from memgpt_autogen.engine.deciding.speech import Aim, is_astray
from memgpt_autogen.memory.blocks import Block
from memgpt_autogen.model.presets import is_small
from memgpt_autogen.testing import ChatRequest, ScriptedModel, Step, fail, say
from tests.playing import user

pytestmark = pytest.mark.autogen

SMALL = "some-model-1.5b-instruct"


@dataclass
class Small:
    """A small model.

    Attributes:
        acts: what it does about what was said, in order; then it talks.
        lines: the numbers of the lines that it picks, in order; then none.
        words: what it says in plain chat.
        asked: the requests that were to be decided.
        spoken: the requests for words.
    """

    acts: list[dict[str, Any]]
    lines: list[int] = field(default_factory=list)
    words: Callable[[str], str] = lambda prompt: "Fine."
    asked: list[ChatRequest] = field(default_factory=list)
    spoken: list[ChatRequest] = field(default_factory=list)

    def __call__(self, request: ChatRequest) -> Step:
        head = str(request.messages[0]["content"])
        if "Choose what mem must do" in head:
            self.asked.append(request)
            return say(json.dumps(self.acts.pop(0) if self.acts else {"do": "talk"}))
        if "numbered lines" in head and "response_format" in request.body:
            self.asked.append(request)
            return say(json.dumps({"line": self.lines.pop(0) if self.lines else 0}))
        self.spoken.append(request)
        return say(self.words(request.last_text))

    def offered(self, at: int = -1) -> dict[Any, Any]:
        """What was on offer for one decision: the acts by name, or the numbers."""
        schema = self.asked[at].body["response_format"]["json_schema"]["schema"]
        options = schema.get("anyOf", [schema])
        if "line" in options[0]["properties"]:
            return dict.fromkeys(options[0]["properties"]["line"]["enum"])
        return {one["properties"]["do"]["const"]: one["properties"] for one in options}


@contextmanager
def talking(
    script: Callable[[ChatRequest], Step], memory: Path | str | Settings = ":memory:", **kwargs: Any
) -> Iterator[MemGPTAgent]:
    """An agent whose model is small by its name."""
    with ScriptedModel(script, model_name=SMALL) as model:
        with MemGPTAgent("mem", "Be brief.", model.llm_config, memory=memory, **kwargs) as agent:
            yield agent


def tell(agent: MemGPTAgent, text: str, name: str = "Ann") -> str:
    chat = user(name).initiate_chat(agent, message=text, max_turns=1, silent=True)
    return str(chat.chat_history[-1]["content"])


def called(agent: MemGPTAgent) -> list[str]:
    return [call.name for step in agent.last_steps for call in step.calls]


def note(fact: str, **further: Any) -> dict[str, Any]:
    return {"do": "note", "fact": fact, **further}


LOOK = {"do": "look"}


def test_a_fact_is_noted_under_who_said_it_and_the_words_come_from_a_plain_chat() -> None:
    small = Small([note("Ann keeps bees. Ann lives in Graz.")], words=lambda _: "How lovely, Ann.")
    with talking(small) as agent:
        assert tell(agent, "I keep bees, and I live in Graz.") == "How lovely, Ann."
        assert called(agent) == ["core_memory_append", "core_memory_append", "send_message"]
        assert agent.core_memory["human"].value == "Ann keeps bees.\nAnn lives in Graz."
        assert [one.text for one in agent.recall.latest(9)][-1] == "How lovely, Ann."
        assert agent.context_overview().counters.model_calls == 2
    (decided,), (speech,) = small.asked, small.spoken
    assert decided.body["temperature"] == 0 and not decided.tools and not speech.tools
    assert set(small.offered(0)) == {"note", "look", "talk"}
    assert decided.last_text == 'Ann says: "I keep bees, and I live in Graz."'
    assert "response_format" not in speech.body and "Be brief." in speech.text


def test_words_in_the_first_person_are_kept_as_a_quotation() -> None:
    with talking(Small([note("My bike is red.")])) as agent:
        tell(agent, "My bike is red.")
        assert agent.core_memory["human"].value == "Ann said: My bike is red."


@pytest.mark.parametrize(
    "astray",
    [
        "I keep bees too.",
        "Thank you, I like your bees, Bertha.",
        "I will remember that you do not keep bees, Ann.",
    ],
)
def test_a_claim_of_others_facts_or_what_nobody_said_is_not_said(astray: str) -> None:
    small = Small([note("Ann keeps bees.")], words=lambda _: astray)
    with talking(small) as agent:
        assert tell(agent, "I keep bees.") == "Noted: Ann keeps bees."


def test_a_correction_takes_the_place_of_the_old_line() -> None:
    small = Small([note("Ann lives in Oslo.")], [1])
    with talking(small, human="Ann keeps bees.\nAnn lives in Graz.") as agent:
        tell(agent, "I have moved to Oslo.")
        assert called(agent) == ["core_memory_replace", "send_message"]
        assert agent.core_memory["human"].value == "Ann keeps bees.\nAnn lives in Oslo."
    assert set(small.offered(1)) == {0, 1}  # of what speaks of the same
    assert "Ann lives in Graz. [1]\nNew: Ann lives in Oslo." in small.asked[1].last_text


def test_what_plainly_changed_is_replaced_unasked_and_what_did_not_change_is_kept() -> None:
    small = Small([note("Ann has a new favourite drink: milk."), note("Ann plays chess.")])
    with talking(small, human="Ann lives in Graz.\nAnn's favourite drink is tea.") as agent:
        tell(agent, "I have a new favourite drink: milk.")
        tell(agent, "On Sundays I play chess.")
        assert agent.core_memory["human"].value.splitlines() == [
            "Ann lives in Graz.",
            "Ann has a new favourite drink: milk.",
            "Ann plays chess.",
        ]
    assert len(small.asked) == 2  # what to do, and nothing else


def test_a_fact_that_shares_but_small_words_with_another_takes_nobodys_place() -> None:
    small = Small([note("Ann plays the cello on Tuesdays.")], [1])
    with talking(small, human="Ann learns Korean in the evenings.") as agent:
        tell(agent, "On Tuesdays I play the cello.")
        assert called(agent) == ["core_memory_append", "send_message"]
    assert len(small.asked) == 1  # what to do, and nothing else


def test_what_is_known_is_said_without_a_search() -> None:
    small = Small([LOOK], [1], words=lambda _: "You keep bees.")
    with talking(small, human="Ann keeps bees.") as agent:
        assert tell(agent, "What do I keep?") == "You keep bees."
        assert called(agent) == ["send_message"]
    (_, picked), (speech,) = small.asked, small.spoken
    assert picked.last_text == 'Ann keeps bees. [1]\nAnn asks: "What do I keep?"'
    assert "keeps bees" not in str(speech.messages[0])
    # What is known is read once: the words go on from the choice.
    assert speech.messages[: len(picked.messages)] == picked.messages
    assert speech.last_text == "Now answer Ann."


@pytest.mark.parametrize("astray", ["I keep bees.", "You keep a goat."])
def test_words_that_stray_from_the_facts_are_asked_for_again_and_then_made_of_them(
    astray: str,
) -> None:
    small = Small([LOOK], [1], words=lambda _: astray)
    with talking(small, human="Ann keeps bees.") as agent:
        assert tell(agent, "What do I keep?") == "From memory: Ann keeps bees."
    assert len(small.spoken) == 2


def test_an_answer_that_is_said_to_somebody_else_strays() -> None:
    asked = Situation(heard=[Said("Ann", "What do I keep?")], before=[Said("Bob", "Hello.")])
    astray = partial(
        is_astray, situation=asked, aim=Aim.ANSWER, chosen=[Line("Ann and Bob keep bees.")]
    )
    assert astray("You keep bees, Bob.") and astray("Bob, you keep bees.")
    assert not astray("You keep bees, Ann.") and not astray("You keep bees with Bob.")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("When did I get the bees?", "You got them on 3 July 2023, Ann."),
        ("Do I keep bees?", "Yes, you keep bees."),
        ("Was it in August?", "No, it was not."),
    ],
)
def test_a_date_in_other_words_and_yes_and_no_do_not_stray(asked: str, said: str) -> None:
    small = Small([LOOK], [1], words=lambda _: said)
    with talking(small, human="Ann keeps bees since 2023-07-03.") as agent:
        assert tell(agent, asked) == said
    assert len(small.spoken) == 1


@pytest.mark.meaning
@pytest.mark.parametrize(
    ("prefetch", "calls"),
    [(0, ["conversation_search", "send_message"]), (None, ["send_message"])],
    ids=["it searches", "looked up ahead"],
)
def test_an_answer_is_fetched_from_recall_storage(prefetch: int | None, calls: list[str]) -> None:
    small = Small([LOOK], [1], words=lambda _: "It hangs in the shed.")
    settings = Settings(location=":memory:", prefetch_tokens=prefetch)
    with talking(small, settings) as agent:
        agent.recall.append("The ladder hangs in the shed.", speaker="Bob")
        for number in range(10):
            agent.recall.append(f"Bus number {number} was late again.", speaker="Cid")
        assert tell(agent, "Where is the ladder?") == "It hangs in the shed."
        assert called(agent) == calls
    assert 'Bob said earlier: "The ladder hangs in the shed." [1]' in small.asked[1].last_text
    assert len(small.spoken) == 1


@pytest.mark.meaning
def test_what_was_corrected_comes_before_what_was_once_said() -> None:
    small = Small([LOOK], [2, 1], words=lambda _: "You run the day shift.")
    with talking(small, human="Ann runs the day shift.") as agent:
        agent.recall.append("I run the night shift.", speaker="Ann")
        assert tell(agent, "Which shift do I run?") == "You run the day shift."
    assert 'night shift." [2]' in small.asked[1].last_text
    assert small.asked[2].last_text.startswith("Ann runs the day shift. [1]\nAnn asks")


@pytest.mark.meaning
def test_when_it_was_is_reckoned_for_the_model() -> None:
    small = Small([LOOK], [1], words=lambda _: "Bob mended the ladder on 29 February 2024.")
    with talking(small) as agent:
        when = datetime(2024, 3, 1, 12, tzinfo=timezone.utc)
        agent.recall.append("I mended the ladder yesterday.", speaker="Bob", timestamp=when)
        assert tell(agent, "When did Bob mend the ladder?") == small.words("")
    assert '"I mended the ladder on 29 February 2024." [1]' in small.asked[1].last_text
    (speech,) = small.spoken
    assert speech.last_text == "Line 1 was said on 1 March 2024. Now answer Ann."


@pytest.mark.meaning
def test_what_answered_nothing_is_not_read_again_after_a_search() -> None:
    small = Small([LOOK], words=lambda _: "Sorry, I do not know that.")
    with talking(small) as agent:
        for number in range(20):
            agent.recall.append(f"The ladder of house {number} is red.", speaker="Bob")
        tell(agent, "Where is the ladder?")
        assert called(agent) == ["conversation_search", "send_message"]
    _, *asked = small.asked
    read = [line.rsplit(" [", 1)[0] for one in asked for line in one.last_text.splitlines()[:-1]]
    assert len(read) == len(set(read)) > 3


@pytest.mark.parametrize("older", ["The boat is blue.", ""])
def test_where_no_line_answers_it_is_told_so(older: str) -> None:
    small = Small([LOOK], words=lambda _: "Sorry, I do not know that.")
    with talking(small, human="Ann keeps bees.") as agent:
        if older:
            agent.recall.append(older, speaker="Bob")
        assert tell(agent, "What is my cat called?") == "Sorry, I do not know that."
        assert called(agent) == ["conversation_search", "send_message"]
    assert "bees" not in small.spoken[0].last_text
    assert "do not know" in small.spoken[0].text  # the examples say how


def test_in_a_group_a_fact_goes_to_who_has_just_spoken() -> None:
    small = Small([note("Bob is a baker.", about="Bob"), note("Bread at ten.", about="plan")])
    with talking(small) as agent:
        agent.core_memory.add(Block(name="plan", value="Goal: bread."))
        people = {name: user(name) for name in ("Ann", "Bob")}
        chat = GroupChat(
            [*people.values(), agent],
            [],
            max_round=2,
            speaker_selection_method=lambda last, _: agent if last is people["Bob"] else None,
        )
        manager = GroupChatManager(chat, llm_config=False, silent=True)
        for name, text in (
            ("Ann", "I am a weaver."),
            ("Bob", "I am a baker."),
            ("Bob", "Add to the plan: bread at ten."),
        ):
            people[name].initiate_chat(manager, message=text, silent=True, clear_history=False)
        assert agent.core_memory["human:Bob"].value == "Bob is a baker."
        assert agent.core_memory["human:Ann"].value == ""
        assert agent.core_memory["plan"].value == "Goal: bread.\nBread at ten."
    assert small.offered(0)["note"]["about"]["enum"] == ["Bob", "plan"]
    assert "weaver" not in small.asked[0].last_text


def test_what_is_known_of_who_is_named_is_looked_through_too() -> None:
    small = Small([LOOK], [1], words=lambda _: "Bob is a baker.")
    with talking(small) as agent:
        agent.core_memory.add(Block(name="human:Bob", value="Bob is a baker."))
        agent.core_memory.add(Block(name="human:Cleo", value="Cleo is a cook."))
        assert tell(agent, "What is Bob's job?") == "Bob is a baker."
    assert "Bob is a baker." in small.asked[1].last_text
    assert "Cleo" not in small.asked[1].last_text


def test_a_line_that_shares_but_the_name_of_who_is_asked_about_is_chosen_again() -> None:
    small = Small([LOOK], [1, 1], words=lambda _: "Bob plays the flute.")
    with talking(small) as agent:
        known = "Bob works as a pilot.\nBob plays the flute."
        agent.core_memory.add(Block(name="human:Bob", value=known))
        assert tell(agent, "Which instrument does Bob play?") == "Bob plays the flute."
    assert "Bob plays the flute. [1]\nAnn asks" in small.asked[2].last_text


def test_a_question_after_a_fact_is_answered_too() -> None:
    small = Small([note("Ann is back."), LOOK])
    with talking(small) as agent:
        tell(agent, "I am back. Where is the ladder?")
        assert called(agent) == ["core_memory_append", "conversation_search", "send_message"]
    assert set(small.offered(1)) == {"look", "talk"}


def test_a_users_tool_is_called_and_its_result_is_told() -> None:
    small = Small(
        [{"do": "stock_of", "arguments": {"item": "bolts"}}], words=lambda _: "There are 12 bolts."
    )
    with talking(small) as agent:

        def stock_of(item: str) -> str:
            return f"{item}: 12"

        about = "How many there are in the store."
        register_function(stock_of, caller=agent, executor=agent, description=about)
        assert tell(agent, "How many bolts are there?") == "There are 12 bolts."
        assert called(agent) == ["stock_of", "send_message"]
    assert "stock_of(item: string) - How many there are" in small.asked[0].text
    assert "Result of stock_of: bolts: 12" in small.spoken[0].last_text


def test_a_long_text_is_kept_as_it_was_said() -> None:
    small = Small([{"do": "keep"}])
    text = "Keep this list: " + ", ".join(f"item {number}" for number in range(30))
    with talking(small) as agent:
        tell(agent, text)
        assert [one.text for one in agent.archival.latest(2)] == [f"Ann: {text}"]


def test_what_was_said_before_is_there_for_a_task_that_goes_on() -> None:
    small = Small([], words=lambda prompt: f"```python\n{prompt.count('double')}\n```")
    with talking(small) as agent:
        tell(agent, "Write a function that doubles a number.")
        assert tell(agent, "Now one that halves it.") == "```python\n1\n```"
    assert 'Ann said: "Write a function that doubles' in small.spoken[1].last_text
    assert 'You said: "```python' in small.spoken[1].last_text


def test_a_server_without_schemas_is_asked_in_another_form_and_it_is_learnt() -> None:
    small = Small([note("Ann keeps bees."), LOOK], [1], words=lambda _: "You keep bees.")
    refused: list[str] = []

    def script(request: ChatRequest) -> Step:
        if form := request.body.get("response_format"):
            refused.append(form["type"])
            return fail(400, message=f"response_format {form['type']} is not supported")
        return small(request)

    with talking(script) as agent:
        tell(agent, "I keep bees.")
        assert agent.core_memory["human"].value == "Ann keeps bees."
        assert tell(agent, "What do I keep?") == "You keep bees."
    assert refused == ["json_schema", "json_object"]


def test_an_answer_that_is_no_choice_is_taken_for_talk() -> None:
    def script(request: ChatRequest) -> Step:
        return say("{'do': 'dance'") if "response_format" in request.body else say("Hello!")

    with talking(script) as agent:
        assert tell(agent, "Hello there.") == "Hello!"


def test_memory_pressure_asks_a_small_model_nothing(tmp_path: Path) -> None:
    small = Small([])
    with talking(small, tmp_path, context_window=2048) as agent:
        for number in range(12):
            tell(agent, f"{number}: " + "the harbour was quiet and the boats lay still. " * 12)
        counters = agent.context_overview().counters
    assert counters.evictions >= 1
    assert counters.model_calls == len(small.asked) + len(small.spoken) == 24


def test_an_event_is_answered(tmp_path: Path) -> None:
    with talking(Small([], words=lambda prompt: "Time for tea."), tmp_path) as agent:
        assert agent.notify(TimedEvent("It is five.")) == ("Time for tea.",)


def test_the_mode_is_chosen_by_the_models_size_and_by_the_user() -> None:
    small = (
        "qwen2.5-coder-1.5b-instruct",
        "llama3.2:3b",
        "gemma3n:e4b",
        "smollm2-135m",
        "phi3:mini",
    )
    large = ("gpt-4o-mini", "qwen3-30b-a3b", "mixtral-8x7b", "Qwen/Qwen2.5-7B-Instruct", "o4-mini")
    assert [is_small(name) for name in small] == [True] * len(small)
    assert [is_small(name) for name in large] == [False] * len(large)
    seen: list[ChatRequest] = []

    def script(request: ChatRequest) -> Step:
        seen.append(request)
        return say("Hello.")

    settings = Settings(location=":memory:", tool_mode="native")
    with talking(script, settings) as agent:
        tell(agent, "Hello.")
    assert "send_message" in seen[-1].tool_names
    settings = Settings(location=":memory:", tool_mode="decide")
    with ScriptedModel(script) as model:
        with MemGPTAgent("mem", "", model.llm_config, memory=settings) as agent:
            tell(agent, "Hello.")
            assert "Choose what mem must do" in agent.context_text()
    assert not seen[-1].tools


def test_who_comes_online_is_greeted_with_what_is_known_of_them_alone() -> None:
    said = ["Hello, who are you?"]
    small = Small([], words=lambda prompt: said.pop(0))
    with talking(small, human="basic") as agent:
        assert agent.notify(Login("Ann")) == ("Hello, who are you?",)
        assert "facts" not in small.spoken[-1].last_text  # that nothing is known is none
        agent.core_memory.set("human", "Ann keeps bees.\nAnn has a son.")
        said += ["I keep bees.", "Welcome back, Ann! How is your son?"]  # the first is astray
        assert agent.notify(Login("Ann")) == ("Welcome back, Ann! How is your son?",)
        assert "- Ann keeps bees.\n- Ann has a son.\nAnn is online" in small.spoken[-2].last_text
        said += ["Hello Bob, who are you?"]
        assert agent.notify(Login("Bob")) == ("Hello Bob, who are you?",)
        assert "bees" not in small.spoken[-1].last_text
        assert agent.core_memory["human:Ann"].value == "Ann keeps bees.\nAnn has a son."
        said += ["I keep bees.", "I have a son."]
        assert agent.notify(Login("Ann")) == ("Hello again! I remember: Ann has a son.",)
    assert small.asked == []

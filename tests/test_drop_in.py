"""The same program with AssistantAgent and with MemGPTAgent: nothing a caller sees differs."""

from __future__ import annotations

import asyncio
import copy
import itertools
import warnings
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import pytest
from autogen import ConversableAgent, GroupChat, GroupChatManager

from memgpt_autogen.testing import ChatRequest, ScriptedModel, Step, fail
from tests.differential import Make, Scenario, outcome, outcomes, user

pytestmark = [
    pytest.mark.autogen,
    pytest.mark.feature("the same results as an AssistantAgent"),
]

SCENARIOS: list[Scenario] = []


def scenario(function: Scenario) -> Scenario:
    """Register a program whose result must not depend on the agent's class."""
    SCENARIOS.append(function)
    return function


def add(a: Annotated[int, "one"], b: Annotated[int, "another"] = 2) -> int:
    """Add numbers."""
    return a + b


async def slow_add(a: Annotated[int, "one"]) -> int:
    """Add, later."""
    await asyncio.sleep(0)
    return a + 1


@scenario
def it_is_made_as_it_was(make: Make, model: ScriptedModel) -> Any:
    plain, full = make("plain"), make("full", "Be brief.", description="The brief one.")
    return [
        (
            one.name,
            one.description,
            one.system_message,
            one.human_input_mode,
            one.max_consecutive_auto_reply(),
            one.client,
            one.llm_config,
            one.function_map,
            dict(one.chat_messages),
            one.last_message(),
            [each["reply_func"].__name__ for each in one._reply_func_list],
            sorted(one.hook_lists),
        )
        for one in (plain, full)
    ]


@scenario
def wrong_arguments_fail_alike(make: Make, model: ScriptedModel) -> Any:
    return [
        outcome(make, "two words", llm_config=model.llm_config),
        outcome(make, "a", human_input_mode="SOMETIMES"),
        outcome(make, "a", llm_config="gpt-4"),
        outcome(make, "a", code_execution_config="yes"),
        outcome(make, "a", no_such_argument=1),
    ]


@scenario
def an_empty_config_fails_alike(make: Make, model: ScriptedModel) -> Any:
    def run() -> Any:
        return user().initiate_chat(make("a", llm_config={}), message="hi", max_turns=1)

    problem = outcome(run)
    return problem.split(":")[0] if isinstance(problem, str) else problem.summary


@scenario
def without_a_model_it_says_the_default(make: Make, model: ScriptedModel) -> Any:
    one, two = make("one", default_auto_reply="one."), make("two", default_auto_reply="two.")
    result = one.initiate_chat(two, message="hi", max_turns=2)
    return [(m["content"], m["role"]) for m in result.chat_history], result.summary


@scenario
def replies_come_from_the_first_function_that_fits(make: Make, model: ScriptedModel) -> Any:
    one, two = make("one"), make("two")
    seen = []
    for trigger, words in [(two, "object"), ("two", "name"), (ConversableAgent, "class")]:
        one.register_reply(trigger, lambda *_, words=words, **__: (True, words))
        seen.append(one.generate_reply([{"content": "hi"}], sender=two))
    one.register_reply(
        lambda sender: sender.name == "three", lambda *_, **__: (True, "test"), position=0
    )
    seen += [one.generate_reply([{"content": "hi"}], sender=who) for who in (two, make("three"))]
    one.register_reply("two", lambda *_, **__: (False, "not final"))
    seen.append(one.generate_reply([{"content": "hi"}], sender=two))
    return [*seen, outcome(one.register_reply, 4, add)]


@scenario
def messages_are_kept_as_they_were(make: Make, model: ScriptedModel) -> Any:
    one, two = make("one", max_consecutive_auto_reply=0), make("two", max_consecutive_auto_reply=0)
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    one.send({"content": "hello", "extra": 1}, two)
    one.send({"content": None, "tool_calls": [call]}, two)
    two.send(
        {
            "role": "tool",
            "content": "r",
            "tool_responses": [{"tool_call_id": "1", "role": "tool", "content": "r"}],
        },
        one,
    )
    problems = [
        outcome(one.send, {"text": "no content"}, two),
        outcome(one.receive, {"text": "no content"}, two),
        outcome(one.generate_reply),
        outcome(one.last_message, make("stranger")),
        outcome(one.update_max_consecutive_auto_reply, 3, two),
    ]
    kept = copy.deepcopy(one.chat_messages[two])
    one.clear_history(two, nr_messages_to_preserve=1)
    shortened = copy.deepcopy(one.chat_messages[two])
    one.reset()
    return problems, kept, shortened, dict(one.chat_messages), one.max_consecutive_auto_reply(two)


@scenario
def tools_are_registered_alike(make: Make, model: ScriptedModel) -> Any:
    one = make("one", llm_config=model.llm_config)
    one.register_for_llm(description="Adds.")(add)
    one.register_for_execution()(add)
    one.register_for_llm(name="later", description="Adds later.")(slow_add)
    one.register_for_execution(name="later")(slow_add)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        one.register_for_llm(description="Adds again.")(add)
        one.register_function({"add": add})
    tools = copy.deepcopy(one.llm_config["tools"])
    one.update_tool_signature("later", is_remove=True)
    one.update_function_signature({"name": "old", "description": "d", "parameters": {}}, False)
    found = [
        one.execute_function({"name": "add", "arguments": '{"a": 1}'})[1],
        one.execute_function({"name": "add", "arguments": "nonsense"})[1],
        one.execute_function({"name": "nothing", "arguments": "{}"})[1],
        asyncio.run(one.a_execute_function({"name": "later", "arguments": '{"a": 1}'}))[1],
        one.can_execute_function(["add", "later"]),
        outcome(one.update_tool_signature, "nothing", is_remove=True),
        outcome(one.register_function, {"two words": add}),
        outcome(make("bare").update_tool_signature, "x", is_remove=True),
    ]
    return (
        tools,
        one.llm_config["functions"],
        sorted(one.function_map),
        found,
        [str(each.message) for each in told if issubclass(each.category, UserWarning)],
    )


@scenario
def a_tool_call_in_a_message_is_run_before_the_model(make: Make, model: ScriptedModel) -> Any:
    one = make("one", function_map={"add": add, "later": slow_add})
    call = {"id": "7", "type": "function", "function": {"name": "add", "arguments": '{"a": 5}'}}
    late = {"id": "8", "type": "function", "function": {"name": "later", "arguments": '{"a": 5}'}}
    asked = [{"role": "assistant", "content": "", "tool_calls": [call]}]
    both = [{"role": "assistant", "content": "", "tool_calls": [call, late]}]
    old = [{"role": "assistant", "content": "", "function_call": call["function"]}]
    return (
        one.generate_reply(asked),
        one.generate_reply(old),
        asyncio.run(one.a_generate_reply(both)),
    )


@scenario
def hooks_are_called_alike(make: Make, model: ScriptedModel) -> Any:
    one = make("one", llm_config=model.llm_config)
    one.register_hook("process_last_received_message", lambda text: f"{text} (and be quick)")
    one.register_hook(
        "process_message_before_send",
        lambda sender, message, recipient, silent: f"{sender.name}: {message}",
    )
    result = user().initiate_chat(one, message="hello", max_turns=1)
    heard = model.requests[-1].contains("hello (and be quick)")
    return result.summary, heard, outcome(one.register_hook, "no_such_place", print)


@scenario
def limits_and_terminations_count_alike(make: Make, model: ScriptedModel) -> Any:
    found = []
    for kwargs in (
        {"max_consecutive_auto_reply": 2},
        {"max_consecutive_auto_reply": 0},
        {"is_termination_msg": lambda message: "3" in str(message.get("content"))},
    ):
        one = make("one", llm_config=model.llm_config, **kwargs)
        count = itertools.count(1)
        other = user(max_consecutive_auto_reply=5)
        other.register_reply(
            [ConversableAgent, None], lambda *_, count=count, **__: (True, f"n{next(count)}")
        )
        result = other.initiate_chat(one, message="go")
        found.append([(m["role"], m["content"]) for m in result.chat_history])
    return found


@scenario
def summaries_and_carryover_are_alike(make: Make, model: ScriptedModel) -> Any:
    one, two = make("one", llm_config=model.llm_config), make("two", llm_config=model.llm_config)
    asker = user()
    results = asker.initiate_chats(
        [
            {"recipient": one, "message": "first", "max_turns": 1, "summary_method": "last_msg"},
            {
                "recipient": two,
                "message": lambda sender, recipient, context: f"to {recipient.name}",
                "max_turns": 1,
                "summary_method": "reflection_with_llm",
                "summary_args": {"summary_prompt": "Sum up."},
            },
            {
                "recipient": one,
                "message": "third",
                "carryover": "carried",
                "max_turns": 1,
                "summary_method": lambda sender, recipient, args: "mine",
                "clear_history": False,
            },
        ]
    )
    return [
        (result.summary, [m["content"] for m in result.chat_history]) for result in results
    ], sorted(results[1].cost)


@scenario
def a_group_hears_it_alike(make: Make, model: ScriptedModel) -> Any:
    one, two = make("one", llm_config=model.llm_config), make("two", llm_config=model.llm_config)
    asker = user()
    chat = GroupChat(
        [asker, one, two],
        [],
        max_round=4,
        speaker_selection_method="round_robin",
        send_introductions=True,
    )
    manager = GroupChatManager(chat, llm_config=False)
    result = asker.initiate_chat(manager, message="hello")
    chat.append({"content": "once more"}, asker)
    state = [(m["content"], m["name"], m["role"]) for m in chat.messages]
    last, message = manager.resume(messages=[dict(m) for m in chat.messages], silent=True)
    return state, result.summary, last.name, message, chat.agent_by_name("one") is one


@scenario
def usage_is_counted_alike(make: Make, model: ScriptedModel) -> Any:
    one = make("one", llm_config=model.llm_config)
    before = outcome(one.get_total_usage)
    user().initiate_chat(one, message="hello", max_turns=2)
    total = one.get_total_usage()
    return before, sorted(total), one.get_actual_usage() == total, len(model.requests)


def _always(step: Step, _request: ChatRequest) -> Step:
    return step


@scenario
def errors_of_the_provider_are_alike(make: Make, model: ScriptedModel) -> Any:
    found = []
    for status, code in [(401, "invalid_api_key"), (429, "rate_limit"), (500, None), (400, "odd")]:
        # a request at fault is asked again, in another form and without what is new
        with ScriptedModel(partial(_always, fail(status, code=code))) as failing:
            one = make(f"one{status}", llm_config=failing.llm_config)
            found.append(outcome(one.generate_reply, [{"role": "user", "content": "hi"}]))
    return [str(each).split(":")[0] for each in found]


@scenario
def direct_calls_of_the_model_reply_are_alike(make: Make, model: ScriptedModel) -> Any:
    one, bare = make("one", llm_config=model.llm_config), make("bare")
    asked = [{"role": "user", "content": "hi", "name": "Ann"}]
    return (
        one.generate_oai_reply(asked),
        asyncio.run(one.a_generate_oai_reply(asked)),
        bare.generate_oai_reply(asked),
        one.generate_oai_reply(asked, config=one.client),
    )


@scenario
def the_system_message_may_change(make: Make, model: ScriptedModel) -> Any:
    one = make("one", "First.", llm_config=model.llm_config)
    one.update_system_message("Second.")
    one.generate_reply([{"role": "user", "content": "hi"}])
    return (
        one.system_message,
        model.requests[-1].contains("Second."),
        outcome(setattr, one, "name", "other"),
    )


@scenario
def a_user_may_put_a_reply_in_the_models_place(make: Make, model: ScriptedModel) -> Any:
    one = make("one", llm_config=model.llm_config)
    asked = [{"role": "user", "content": "hi"}]
    without = one.generate_reply(asked, exclude=[ConversableAgent.generate_oai_reply])
    one.replace_reply_func(ConversableAgent.generate_oai_reply, lambda *_, **__: (True, "mine"))
    return without, one.generate_reply(asked), len(model.requests)


@scenario
def a_human_is_asked_alike(make: Make, model: ScriptedModel) -> Any:
    found = []
    for typed in ("typed", "", "exit"):
        one = make("one", llm_config=model.llm_config, human_input_mode="ALWAYS")
        one.get_human_input = lambda prompt, typed=typed, **_: typed
        found.append(one.generate_reply([{"role": "user", "content": "hi"}], sender=user()))
    return found


@scenario
def nested_chats_answer_alike(make: Make, model: ScriptedModel) -> Any:
    one, two = make("one", llm_config=model.llm_config), make("two", llm_config=model.llm_config)
    asker, asked = user(), [{"role": "user", "content": "hi"}]
    one.register_nested_chats([{"recipient": two, "max_turns": 1}], trigger=asker)
    found = [one.generate_reply(asked, sender=asker)]
    one.register_nested_chats(
        [],
        trigger=lambda sender: sender is asker,
        reply_func_from_nested_chats=lambda *_: (True, "mine"),
        position=0,
    )
    found.append(one.generate_reply(asked, sender=asker))
    found.append(outcome(one.register_nested_chats, [], asker, "no such summary"))
    one.register_reply(asker, lambda *_, **__: (True, "only"), remove_other_reply_funcs=True)
    found += [one.generate_reply(asked, sender=sender) for sender in (asker, two)]

    async def later(*_: Any, **__: Any) -> Any:
        return True, "later"

    one.register_reply(asker, later)
    found.append(asyncio.run(one.a_generate_reply(asked, sender=asker)))
    return [*found, outcome(asker.initiate_chat, one, message="hi")]


@scenario
def it_chooses_the_next_speaker_alike(make: Make, model: ScriptedModel) -> Any:
    one, two = make("one", llm_config=model.llm_config), make("fine", llm_config=model.llm_config)
    message = {"role": "user", "content": "hello", "name": "user"}
    chat = GroupChat(
        [user(), one, two],
        [message],
        max_round=3,
        role_for_select_speaker_messages="user",
        select_speaker_message_template="Roles: {roles}. Agents: {agentlist}.",
    )
    chosen = [chat.select_speaker(one, one), asyncio.run(chat.a_select_speaker(one, one))]
    heard = [request.contains("Agents: ['user', 'one', 'fine']") for request in model.requests]
    return [each.name for each in chosen], heard


@scenario
def the_turns_of_one_sender_are_counted_alike(make: Make, model: ScriptedModel) -> Any:
    one = make(
        "one",
        llm_config=model.llm_config,
        is_termination_msg=lambda message: message.get("content") == "bye",
    )
    asker = user(max_consecutive_auto_reply=0)
    for step, text in enumerate(("bye", "first", "second", "third", "fourth")):
        if step == 1:
            one.update_max_consecutive_auto_reply(1)
        elif step == 3:
            one.reset_consecutive_auto_reply_counter(asker)
        elif step == 4:
            one.update_max_consecutive_auto_reply(0, asker)
        asker.send(text, one, request_reply=True, silent=True)
    return [(m["content"], m["role"]) for m in one.chat_messages[asker]], len(model.requests)


@scenario
def a_chat_goes_on_where_it_was(make: Make, model: ScriptedModel) -> Any:
    one, asker = make("one", llm_config=model.llm_config), user(default_auto_reply="go on")
    asker.initiate_chat(one, message="first", max_turns=3, silent=True)
    one.clear_history(nr_messages_to_preserve=2)
    kept = [m["content"] for m in one.chat_messages[asker]]
    result = asyncio.run(
        asker.a_initiate_chat(one, message="again", max_turns=1, clear_history=False, silent=True)
    )
    return kept, [m["content"] for m in result.chat_history], len(one.chat_messages[asker])


@pytest.mark.parametrize("program", SCENARIOS, ids=[each.__name__ for each in SCENARIOS])
def test_nothing_differs(program: Scenario, tmp_path: Path) -> None:
    plain, ours = outcomes(program, tmp_path / "memory")
    assert ours == plain

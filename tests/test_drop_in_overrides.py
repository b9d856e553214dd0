"""Programs that reach into an agent: stand-ins, overrides, templates, exact texts."""

from __future__ import annotations

import asyncio
import copy
import inspect
import warnings
from pathlib import Path
from typing import Annotated, Any
from unittest.mock import MagicMock, Mock, patch  # noqa: TID251 - as users' own tests do it

import pytest
from autogen import (
    AssistantAgent,
    ConversableAgent,
    GroupChat,
    GroupChatManager,
    OpenAIWrapper,
)

from memgpt_autogen.testing import ScriptedModel, say
from tests.differential import Make, Scenario, outcome, outcomes, user

pytestmark = [
    pytest.mark.autogen,
    pytest.mark.feature("the same results as an AssistantAgent"),
]

ASKED = [{"role": "user", "content": "hi", "name": "Ann"}]

SCENARIOS: list[Scenario] = []


def scenario(function: Scenario) -> Scenario:
    """Register a program whose result must not depend on the agent's class."""
    SCENARIOS.append(function)
    return function


def both(agent: Any) -> tuple[Any, Any]:
    """What it replies, and what it replies asynchronously."""
    return agent.generate_reply(ASKED), asyncio.run(agent.a_generate_reply(ASKED))


def add(a: Annotated[int, "one"], b: Annotated[int, "another"] = 2) -> int:
    """Add numbers."""
    return a + b


@scenario
def the_client_may_be_a_mock(make: Make, model: ScriptedModel) -> Any:
    found = []
    for mock in (MagicMock(), Mock()):
        one = make("one", llm_config=model.llm_config)
        one.client = mock
        mock.extract_text_or_completion_object.return_value = ["mocked"]
        found.append((one.generate_oai_reply(ASKED), both(one), mock.create.call_count))
    return found


@scenario
def the_clients_methods_may_be_mocks(make: Make, model: ScriptedModel) -> Any:
    one, two = make("one", llm_config=model.llm_config), make("two", llm_config=model.llm_config)
    one.register_for_llm(description="Adds.")(add)
    extract = "extract_text_or_completion_object"
    with (
        patch.object(OpenAIWrapper, "create"),
        patch.object(OpenAIWrapper, extract, return_value=["mocked"]),
    ):
        found = [one.generate_reply(ASKED), two.generate_reply(ASKED)]
    two.client.create = Mock(return_value="a response")
    two.client.extract_text_or_completion_object = Mock(side_effect=lambda text: [text])
    return [*found, two.generate_reply(ASKED), two.client.create.call_count, len(model.requests)]


@scenario
def a_client_of_ones_own_gets_what_autogen_gives(make: Make, model: ScriptedModel) -> Any:
    class Client:
        def create(
            self, *, context: Any, messages: Any, cache: Any, agent: Any, **further: Any
        ) -> Any:
            return context, bool(messages), cache, agent.name

        def extract_text_or_completion_object(self, response: Any) -> list[str]:
            return [repr(response)]

    one = make("one", llm_config=model.llm_config)
    one.client = Client()
    return both(one)


@scenario
def the_reply_of_all_agents_may_be_a_mock(make: Make, model: ScriptedModel) -> Any:
    with patch.object(ConversableAgent, "generate_oai_reply", return_value=(True, "mocked")):
        return make("one", llm_config=model.llm_config).generate_reply(ASKED)


@scenario
def a_reply_put_over_the_agents_is_heard_in_async_chats(make: Make, model: ScriptedModel) -> Any:
    one = make("one", llm_config=model.llm_config)
    with patch.object(one, "generate_oai_reply", return_value=(True, "mocked")):
        found = [both(one)]
    with patch.object(make.kind, "generate_oai_reply", return_value=(True, "mocked")):
        found.append(both(one))
    one.generate_oai_reply = lambda *_, **__: (False, None)
    return [*found, both(one)]


@scenario
def so_is_a_subclass(make: Make, model: ScriptedModel) -> Any:
    def extend(kind: type[Any]) -> type[Any]:
        class Loud(kind):  # type: ignore[misc]
            def generate_oai_reply(self, *args: Any, **kwargs: Any) -> Any:
                final, reply = super().generate_oai_reply(*args, **kwargs)
                return final, f"{reply}!"

        return Loud

    one = make("one", extend=extend, llm_config=model.llm_config)
    return both(one), one.generate_oai_reply(ASKED)


@scenario
def a_subclass_may_replace_the_reply_by_its_own(make: Make, model: ScriptedModel) -> Any:
    def extend(kind: type[Any]) -> type[Any]:
        class Loud(kind):  # type: ignore[misc]
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                self._memory = self._capability = self._agent = None  # names of its own
                super().__init__(*args, **kwargs)
                self.replace_reply_func(kind.generate_oai_reply, Loud.generate_oai_reply)

            def generate_oai_reply(self, *args: Any, **kwargs: Any) -> Any:
                return True, f"{super().generate_oai_reply(*args, **kwargs)[1]}!"

        return Loud

    return both(make("one", extend=extend, llm_config=model.llm_config))


@scenario
def the_reply_goes_by_the_name_of_its_class_too(make: Make, model: ScriptedModel) -> Any:
    one, kind = make("one", llm_config=model.llm_config), make.kind
    found = [
        one.generate_reply(ASKED, exclude=[kind.generate_oai_reply]),
        one.generate_reply(ASKED, exclude={ConversableAgent.generate_oai_reply}),
        asyncio.run(
            one.a_generate_reply(
                ASKED, exclude=[kind.a_generate_oai_reply, kind.generate_oai_reply]
            )
        ),
    ]
    one.replace_reply_func(kind.generate_oai_reply, lambda *_, **__: (True, "mine"))
    return [*found, one.generate_reply(ASKED), len(model.requests)]


@scenario
def it_is_an_assistant_to_triggers(make: Make, model: ScriptedModel) -> Any:
    one, asker = make("one"), user()
    asker.register_reply(AssistantAgent, lambda *_, **__: (True, "to an assistant"))
    return asker.generate_reply(ASKED, sender=one), issubclass(make.kind, AssistantAgent)


@scenario
def clear_history_may_have_another_signature(make: Make, model: ScriptedModel) -> Any:
    cleared = []

    def extend(kind: type[Any]) -> type[Any]:
        class Noting(kind):  # type: ignore[misc]
            def clear_history(self, agent: Any = None, *further: Any) -> None:
                cleared.append((agent and agent.name, further))
                super().clear_history(agent, *further)

        return Noting

    one, asker = make("one", extend=extend, llm_config=model.llm_config), user()
    asker.initiate_chat(one, message="hi", max_turns=1)
    one.clear_history(agent=asker)
    one.clear_history()
    return cleared, dict(one.chat_messages)


@scenario
def hooks_are_those_of_the_program(make: Make, model: ScriptedModel) -> Any:
    one = make("one", llm_config=model.llm_config)
    return one.hook_lists, one.process_all_messages_before_reply(ASKED)


@scenario
def messages_may_be_templates(make: Make, model: ScriptedModel) -> Any:
    config = {**model.llm_config, "allow_format_str_template": True}
    found: list[Any] = []
    for system_message, content in (
        ("You are {mood}.", "format {mood}"),
        ("You are kind.", lambda context: f"call {context['mood']}"),
    ):
        one = make(
            "one", system_message, llm_config=config, is_termination_msg=lambda message: False
        )
        message = {"content": content, "context": {"mood": "glad"}}
        asker = user()
        asker.send(dict(message), one, request_reply=True, silent=True)
        request = model.requests[-1]
        found.append(
            (
                request.contains("You are glad."),
                request.contains("format glad"),
                request.contains("call glad"),
                request.contains("mood"),
                sorted(one.chat_messages[asker][0]),
            )
        )
    one.clear_history()  # AutoGen cannot send a function where no context comes with it
    asker.send("{not} a template", one, request_reply=True, silent=True)
    return [*found, model.requests[-1].contains("{not} a template")]


@scenario
def a_filter_gets_the_context(make: Make, model: ScriptedModel) -> Any:
    seen = []

    def keep(context: Any, response: Any) -> bool:
        seen.append(context)
        return True

    one = make("one", llm_config={**model.llm_config, "filter_func": keep})
    user().send({"content": "hi", "context": {"a": 1}}, one, request_reply=True, silent=True)
    return seen


@scenario
def a_sender_may_be_a_mock(make: Make, model: ScriptedModel) -> Any:
    one = make("one", llm_config=model.llm_config)
    return one.generate_oai_reply(ASKED, sender=MagicMock()), both(one)


@scenario
def a_copy_has_a_client_of_its_own(make: Make, model: ScriptedModel) -> Any:
    one = make("one", llm_config=model.llm_config)
    twin = copy.copy(one)
    twin.client = MagicMock()
    twin.client.extract_text_or_completion_object.return_value = ["mocked"]
    return both(twin), both(one)


@scenario
def a_system_message_may_have_parts(make: Make, model: ScriptedModel) -> Any:
    parts = [{"type": "text", "text": "Be kind."}]
    one = make("one", parts, description="One.", llm_config=model.llm_config)
    return both(one), model.requests[-1].contains("Be kind.")


@scenario
def arguments_of_a_direct_call_reach_the_model(make: Make, model: ScriptedModel) -> Any:
    if "kwargs" not in inspect.signature(ConversableAgent.generate_oai_reply).parameters:
        pytest.skip("this AutoGen's generate_oai_reply takes no further arguments")
    one = make("one", llm_config=model.llm_config)
    found = one.generate_oai_reply(ASKED, max_tokens=7)
    later = asyncio.run(one.a_generate_oai_reply(ASKED, max_tokens=8))
    return found, later, [request.body.get("max_tokens") for request in model.requests]


@scenario
def what_a_client_cannot_take_is_named(make: Make, model: ScriptedModel) -> Any:
    class Client:
        def create(self, **arguments: Any) -> Any:
            raise TypeError("create() got an unexpected keyword argument 'n_best'")

    class Mute:
        def create(self, **arguments: Any) -> Any:
            return object()

        def extract_text_or_completion_object(self, response: Any) -> list[Any]:
            return [None]

    found = []
    for client in (Client(), Mute()):
        one = make("one", llm_config=model.llm_config)
        one.client = client
        with warnings.catch_warnings(record=True):  # AutoGen warns of the mute one
            found.append(outcome(one.generate_reply, ASKED))
    return found


@scenario
def a_chat_with_a_tool_holds_the_same_messages(make: Make, model: ScriptedModel) -> Any:
    def reply(**arguments: Any) -> Any:
        done = any(message.get("role") == "tool" for message in arguments["messages"])
        message: dict[str, Any] = {"role": "assistant", "content": "done" if done else None}
        function = {"name": "add", "arguments": '{"a": 1}'}
        if not done:
            message["tool_calls"] = [{"id": "call_1", "type": "function", "function": function}]
        return message

    def caller() -> Any:
        one = make("one", llm_config=model.llm_config)
        one.register_for_llm(description="Adds.")(add)
        one.client.create = reply
        one.client.extract_text_or_completion_object = lambda message: [message]
        return one

    asker = user()
    asker.register_for_execution()(add)
    chat = GroupChat([asker, caller()], [], max_round=4, speaker_selection_method="round_robin")
    manager = GroupChatManager(chat, llm_config=False)
    results = [
        asker.initiate_chat(caller(), message="add", max_turns=2, silent=True),
        asker.initiate_chat(manager, message="add", silent=True),
    ]
    return [[(m["content"], m["role"], sorted(m)) for m in one.chat_history] for one in results]


@pytest.mark.parametrize("program", SCENARIOS, ids=[each.__name__ for each in SCENARIOS])
def test_nothing_differs(program: Scenario, tmp_path: Path) -> None:
    plain, ours = outcomes(program, tmp_path / "memory")
    assert ours == plain


@pytest.mark.parametrize("text", ["  fine\n\n", "TERMINATE\n", "    indented = 1\n"])
def test_a_text_is_said_exactly_as_the_model_wrote_it(text: str, tmp_path: Path) -> None:
    def program(make: Make, model: ScriptedModel) -> Any:
        one = make("one", llm_config=model.llm_config)
        asker = user(default_auto_reply="go on", max_consecutive_auto_reply=2)
        result = asker.initiate_chat(one, message="hi", silent=True)
        return [message["content"] for message in result.chat_history], result.summary

    plain, ours = outcomes(program, tmp_path / "memory", lambda request: say(text))
    assert ours == plain

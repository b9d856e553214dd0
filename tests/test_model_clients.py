"""What AutoGen's clients do for an agent: fallback, caches, streams, prices, custom clients."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import pytest
from autogen import Cache, gather_usage_summary
from autogen.agentchat.contrib.capabilities.teachability import Teachability
from autogen.agentchat.contrib.capabilities.transform_messages import TransformMessages
from chromadb import Documents, EmbeddingFunction
from pydantic import BaseModel

from memgpt_autogen import MemGPTAgent
from memgpt_autogen.model.tokens import TokenCounter
from memgpt_autogen.storage.embedders.embedder import resolve_embedder
from memgpt_autogen.testing import ChatRequest, ScriptedModel, Step, call, fail, say, send
from tests.clocks import Ticking
from tests.playing import echo, part, playing, user

pytestmark = pytest.mark.autogen


def ask(agent: Any, text: str, speaker: str = "ann") -> Any:
    return agent.generate_reply([{"role": "user", "name": speaker, "content": text}])


def offer(agent: Any) -> None:
    """A tool in the config, which the memory loop's calls leave out of it."""

    def look(place: Annotated[str, "where"]) -> str:
        return f"nothing at {place}"

    agent.register_for_llm(name="look", description="Looks.")(look)


@pytest.mark.feature("config_list fallback")
def test_the_second_entry_answers_beside_tools(tmp_path: Path) -> None:
    with ScriptedModel([fail(500), fail(500)]) as broken, ScriptedModel(echo) as model:
        config = model.llm_config
        config["config_list"] = [*broken.llm_config["config_list"], *config["config_list"]]
        with MemGPTAgent("mem", "", config, memory=tmp_path) as agent:
            offer(agent)
            assert [ask(agent, "a"), ask(agent, "b")] == ["heard a", "heard b"]


@pytest.mark.feature("config_list in turns (routing_method)")
def test_entries_take_turns_with_tools_in_the_config(tmp_path: Path) -> None:
    with ScriptedModel(echo) as one, ScriptedModel(echo) as two:
        config = part("autogen", "LLMConfig")
        entries = [model.llm_config["config_list"][0] for model in (one, two)]
        try:
            routed = config(*entries, routing_method="round_robin")
        except TypeError:
            pytest.skip("this AutoGen has no routing_method")
        with MemGPTAgent("mem", "", routed, memory=tmp_path) as agent:
            offer(agent)
            for text in "abcd":
                ask(agent, text)
        assert [len(one.requests), len(two.requests)] == [2, 2]


@pytest.mark.feature("cache (Cache.disk)")
def test_a_cache_answers_what_it_has_seen(tmp_path: Path) -> None:
    """The prompt holds the time, so only a chat at the same times is the same chat."""
    asked = []
    with Cache.disk(cache_seed=5, cache_path_root=str(tmp_path / "cache")) as cache:
        for run in range(2):
            with playing(echo, tmp_path / str(run), clock=Ticking()) as (agent, model):
                result = user(default_auto_reply="more").initiate_chat(
                    agent, message="hello", max_turns=2, silent=True, cache=cache
                )
                assert result.chat_history[-1]["content"] == "heard more"
                asked.append(len(model.requests))
                assert agent.get_total_usage()["scripted-model"]["prompt_tokens"] > 0
    assert asked == [2, 0]


@pytest.mark.feature("cache (cache_seed, with diskcache)")
def test_a_cache_seed_in_the_config(tmp_path: Path) -> None:
    pytest.importorskip("diskcache", reason="AutoGen's seeded cache needs diskcache")
    asked = []
    for run in range(2):
        with ScriptedModel(echo) as model:
            config = {**model.llm_config, "cache_seed": 7}
            with MemGPTAgent(
                "mem", "", config, memory=tmp_path / str(run), clock=Ticking()
            ) as agent:
                assert ask(agent, "hello") == "heard hello"
            asked.append(len(model.requests))
    assert asked == [1, 0]


@pytest.mark.feature("streaming")
def test_a_stream_is_read_to_its_end(tmp_path: Path) -> None:
    """AutoGen 0.2 and 0.9 count a stream's tokens themselves, of models they know by name."""
    TokenCounter("gpt-4o").text("this unpacks the vocabulary that AutoGen looks for")
    script = [call("core_memory_append", name="human", content="é", request_heartbeat=True)]
    with ScriptedModel([*script, send("wörds and 🍵"), say("plain")], model_name="gpt-4o") as model:
        config = model.llm_config
        config["config_list"][0]["stream"] = True
        try:
            agent = MemGPTAgent("mem", "", config, memory=tmp_path)
        except ValueError as problem:
            pytest.skip(f"this AutoGen refuses a config with stream: {str(problem)[:60]}")
        with agent:
            assert ask(agent, "hello") == "wörds and 🍵"
            assert ask(agent, "again") == "plain"
            assert agent.core_memory["human"].value == "é"
            assert agent.get_actual_usage()["gpt-4o"]["prompt_tokens"] > 0
    assert all(request.body["stream"] for request in model.requests)


@pytest.mark.feature("gather_usage_summary")
def test_all_calls_of_the_loop_are_paid_for(tmp_path: Path) -> None:
    with ScriptedModel(echo) as model:
        config = model.llm_config
        config["config_list"][0]["price"] = [1.0, 2.0]  # dollars for a thousand tokens
        with MemGPTAgent("mem", "", config, memory=tmp_path, context_window=2500) as agent:
            offer(agent)
            for number in range(8):
                ask(agent, f"{number} " + "and so on " * 80)
            summary = gather_usage_summary([agent, user()])["usage_excluding_cached_inference"]
            usage = summary["scripted-model"]
        assert [bool(request.tools) for request in model.requests].count(False) >= 1
    assert usage["prompt_tokens"] == sum(request.prompt_tokens for request in model.requests)
    cost = (usage["prompt_tokens"] + 2 * usage["completion_tokens"]) / 1000
    assert summary["total_cost"] == pytest.approx(cost)


@pytest.mark.feature("LLMConfig objects")
@pytest.mark.parametrize("context", [False, True])
def test_an_llm_config_object(tmp_path: Path, context: bool) -> None:
    make = part("autogen", "LLMConfig")
    with ScriptedModel(echo) as model:
        [entry] = model.llm_config["config_list"]
        try:
            config = make(entry, temperature=0.5)
        except TypeError:  # pyautogen 0.9 takes no entry by position
            config = make(config_list=[entry], temperature=0.5)
        if context and hasattr(config, "__enter__"):
            with config:
                agent = MemGPTAgent("mem", "", memory=tmp_path)
        elif context:
            pytest.skip("this AutoGen's LLMConfig is no context manager")
        else:
            agent = MemGPTAgent("mem", "", config, memory=tmp_path)
        with agent:
            offer(agent)
            assert ask(agent, "hello") == "heard hello"
    assert model.requests[0].body["temperature"] == 0.5


class Parrot:
    """A custom model client, as AutoGen's documentation shows it."""

    def __init__(self, config: Any, heard: list[dict[str, Any]], answers: list[Any]) -> None:
        self._heard = heard
        self._answers = answers

    def create(self, params: dict[str, Any]) -> Any:
        self._heard.append(params)
        message = SimpleNamespace(content=None, function_call=None, tool_calls=None)
        answer = self._answers.pop(0)
        if isinstance(answer, str):
            message.content = answer
        else:
            function = SimpleNamespace(name="send_message", arguments=json.dumps(answer))
            message.tool_calls = [SimpleNamespace(id="1", type="function", function=function)]
        choices = [SimpleNamespace(message=message)]
        return SimpleNamespace(id=f"{len(self._heard)}", choices=choices, model="parrot")

    def message_retrieval(self, response: Any) -> list[Any]:
        messages = [choice.message for choice in response.choices]
        return [m if m.tool_calls else f"{m.content} squawk" for m in messages]

    def cost(self, response: Any) -> float:
        response.cost = 0.25
        return 0.25

    @staticmethod
    def get_usage(response: Any) -> dict[str, Any]:
        return {
            "prompt_tokens": 10,
            "completion_tokens": 1,
            "total_tokens": 11,
            "cost": 0.25,
            "model": "parrot",
        }


@pytest.mark.feature("custom model clients")
def test_a_custom_model_client(tmp_path: Path) -> None:
    heard: list[dict[str, Any]] = []
    config = {"config_list": [{"model": "parrot", "model_client_cls": "Parrot"}]}
    with MemGPTAgent("mem", "", config, memory=tmp_path) as agent:
        agent.register_model_client(
            model_client_cls=Parrot, heard=heard, answers=["plain", {"message": "called"}]
        )
        assert ask(agent, "one") == "plain squawk"
        assert ask(agent, "two") == "called"
        assert agent.get_actual_usage()["total_cost"] == 0.5
    assert "send_message" in [tool["function"]["name"] for tool in heard[0]["tools"]]


@pytest.mark.feature("unified clients (api_type openai_v2)")
def test_a_client_whose_responses_have_no_choices(tmp_path: Path) -> None:
    part("autogen", "llm_clients")
    with ScriptedModel([send("called"), say("plain")]) as model:
        config = model.llm_config
        [entry] = config["config_list"]
        entry["api_type"] = "openai_v2"
        del entry["price"]  # AutoGen 0.14.1 cannot read this client's usage for it
        with MemGPTAgent("mem", "", config, memory=tmp_path) as agent:
            assert [ask(agent, "one"), ask(agent, "two")] == ["called", "plain"]
            usage = agent.get_actual_usage()["scripted-model"]
    assert usage["prompt_tokens"] == sum(request.prompt_tokens for request in model.requests)


@pytest.mark.feature("structured output (response_format)")
def test_a_response_format_reaches_the_model_and_formats_its_text(tmp_path: Path) -> None:
    part("autogen.oai.client", "FormatterProtocol")

    class Colour(BaseModel):
        name: str

        def format(self) -> str:
            return f"The colour is {self.name}."

    with ScriptedModel([say('{"name": "teal"}')]) as model:
        config = model.llm_config
        config["config_list"][0]["response_format"] = Colour
        with MemGPTAgent("mem", "", config, memory=tmp_path) as agent:
            assert ask(agent, "which?") == "The colour is teal."
            assert agent.recall.latest(1)[0].text == "The colour is teal."
    assert model.requests[0].body["response_format"]["type"] == "json_schema"


class Offline(EmbeddingFunction[Documents]):  # type: ignore[misc]
    """The embedder at hand as one of Chroma's."""

    def __init__(self) -> None: ...

    def __call__(self, input: Any) -> Any:
        return list(resolve_embedder(None).embed(input))


@pytest.mark.feature("Teachability")
# it opens Chroma with pickles and leaves the database to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_teachability_beside_the_memory(tmp_path: Path) -> None:
    """It rewrites the last message in place: the model reads its memos, and hears each once."""

    def rule(request: ChatRequest) -> Step:
        if request.tools:
            return send("Noted.")
        asked = request.last_text.splitlines()[1]
        if "committed to memory? Answer" in asked:
            return say("yes" if "I like tea" in request.last_text else "no")
        if "How would they ask" in asked:
            return say("What do I like?")
        return say("They like tea." if asked.startswith("Copy the information") else "no")

    with playing(rule, tmp_path / "memory") as (agent, model):
        taught = Teachability(reset_db=True, path_to_db_dir=str(tmp_path / "taught"), verbosity=0)
        store = taught.memo_store
        # It would fetch an embedder of its own.
        store.vec_db = store.db_client.create_collection("offline", embedding_function=Offline())
        store.recall_threshold = taught.recall_threshold = 9.0
        taught.add_to_agent(agent)
        person = user()
        for text in ("I like tea", "What do I like?"):
            person.initiate_chat(agent, message=text, max_turns=1, silent=True, clear_history=False)
        heard = [m.text for m in agent.recall.latest(9) if m.speaker == "user"]
    final = [request for request in model.requests if request.tools][-1]
    assert final.contains("They like tea.") == 1
    assert final.contains("user: I like tea") == 1
    assert "ability to remember user teachings" in final.messages[0]["content"]
    assert [text.splitlines()[0] for text in heard] == ["I like tea", "What do I like?"]


class Redact:
    """A message transform that rewrites."""

    def apply_transform(self, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{**m, "content": m["content"].replace("swordfish", "****")} for m in messages]

    def get_logs(self, before: Any, after: Any) -> tuple[str, bool]:
        return "redacted", before != after


@pytest.mark.feature("TransformMessages")
def test_a_rewriting_transform_keeps_words_from_the_model_and_the_memory(tmp_path: Path) -> None:
    with playing(echo, tmp_path) as (agent, model):
        TransformMessages(transforms=[Redact()]).add_to_agent(agent)
        person = user(default_auto_reply="swordfish still")
        person.initiate_chat(agent, message="it is swordfish", max_turns=2, silent=True)
        agent.clear_history()
        assert [m.text for m in agent.recall.latest(9)] == [
            "it is ****",
            "heard it is ****",
            "**** still",
            "heard **** still",
        ]
    assert not any(request.contains("swordfish") for request in model.requests)

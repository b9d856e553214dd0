"""`memory=":memory:"`: everything works, and nothing is left on the disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from memgpt_autogen import ConfigurationError, MemGPTAgent, load_source, reindex
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder
from memgpt_autogen.testing import ScriptedModel, call, calls, send

pytestmark = pytest.mark.autogen


def files(*folders: Path) -> set[Path]:
    return {path for folder in folders for path in folder.rglob("*")}


def open_agent(model: ScriptedModel) -> Any:
    return MemGPTAgent("mem", "", model.llm_config, memory=":memory:", embedder=HashingEmbedder())


def ask(agent: Any, text: str) -> Any:
    return agent.generate_reply([{"role": "user", "name": "Ann", "content": text}])


def test_all_of_it_works_and_leaves_no_file(tmp_path: Path) -> None:
    script = [
        calls(
            call("core_memory_append", name="human", content="Likes tea."),
            call("archival_memory_insert", content="Sencha is green tea."),
            call("archival_memory_insert", content="The port is 8123.", archive="team"),
            call("core_memory_append", name="plan", content="Ship."),
            call("send_message", message="Noted."),
        ),
        send("Sencha."),
    ]
    before = files(tmp_path)
    with ScriptedModel(script) as model:
        with open_agent(model) as agent:
            agent.attach("team", writable=True)
            agent.attach_block("plan", "Be kind.")
            assert ask(agent, "I like tea.") == "Noted."
            assert ask(agent, "Which?") == "Sencha."
            assert agent.core_memory["plan"].value == "Be kind.\nShip."
            assert agent.recall.search("tea").items[0].text == "I like tea."
            assert {p.source for p in agent.archival.search("sencha port").items} == {None, "team"}
            assert agent.core_memory.revert("human").value == ""
            assert agent.forget("Ann").complete
            assert agent.recall.search("", speaker="Ann").total == 0
    assert files(tmp_path) == before


def test_two_of_one_name_know_nothing_of_each_other() -> None:
    with ScriptedModel([send("hi")]) as model, open_agent(model) as one, open_agent(model) as two:
        assert ask(one, "hello") == "hi"
        assert (len(one.recall), len(two.recall)) == (2, 0)


def test_a_closed_one_begins_anew() -> None:
    with ScriptedModel([send("hi"), send("who?")]) as model, open_agent(model) as agent:
        ask(agent, "hello")
        agent.close()
        assert len(agent.recall) == 0
        assert ask(agent, "hello again") == "who?"


def test_a_checkpoint_takes_it_elsewhere(tmp_path: Path) -> None:
    with ScriptedModel([send("hi")]) as model:
        with open_agent(model) as agent:
            ask(agent, "hello")
            agent.checkpoint(tmp_path / "c.json")
        with MemGPTAgent.from_checkpoint(tmp_path / "c.json", memory=tmp_path / "memory") as there:
            assert [m.text for m in there.recall.latest(9)] == ["hello", "hi"]
        with pytest.raises(ConfigurationError, match="directory or a server"):
            MemGPTAgent.from_checkpoint(tmp_path / "c.json", memory=":memory:")
    assert not Path(":memory:").exists()


def test_what_lasts_cannot_be_put_there(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(ConfigurationError, match=":memory:"):
        load_source("manual", tmp_path / "a.txt", memory=":memory:")
    with pytest.raises(ConfigurationError, match=":memory:"):
        reindex("mem", memory=":memory:")

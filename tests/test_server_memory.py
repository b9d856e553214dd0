"""Agents whose memory lives on a Chroma server."""

from __future__ import annotations

from pathlib import Path

import pytest

from memgpt_autogen import MemGPTAgent
from memgpt_autogen.errors import StorageError, TakenOverError
from memgpt_autogen.testing import ScriptedModel, call, calls, send

pytestmark = pytest.mark.autogen


def ask(agent: MemGPTAgent, text: str) -> object:
    return agent.generate_reply([{"role": "user", "content": text, "name": "Ann"}])


def test_an_agent_on_a_server_resumes_and_is_one_of_many(chroma_server: str) -> None:
    script = [
        calls(
            call("core_memory_append", name="human", content="Ann likes plums."),
            call("archival_memory_insert", content="Plums ripen in August."),
            call("send_message", message="Noted."),
        ),
        send("Hello."),
        calls(call("conversation_search", query="plums", request_heartbeat=True)),
        send("Plums."),
    ]
    with ScriptedModel(script) as model:
        with MemGPTAgent("one", "", model.llm_config, memory=chroma_server) as one:
            assert ask(one, "I like plums.") == "Noted."
        with MemGPTAgent("two", "", model.llm_config, memory=chroma_server) as two:
            assert ask(two, "Hello?") == "Hello."
            assert len(two.archival) == 0
        with MemGPTAgent("one", "", model.llm_config, memory=chroma_server) as one:
            assert one.core_memory["human"].value == "Ann likes plums."
            assert ask(one, "What do I like?") == "Plums."
            assert "Ann: I like plums." in one.last_steps[0].results[0].text
            assert one.archival.search("August").items[0].text == "Plums ripen in August."
            assert one.recall.speakers() == {"Ann": 2, "one": 2}


def test_a_second_machine_takes_over_and_the_first_is_told(
    chroma_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedModel([send("a"), send("b"), send("c")]) as model:
        here = MemGPTAgent("moved", "", model.llm_config, memory=chroma_server)
        assert ask(here, "first") == "a"
        monkeypatch.setenv("MEMGPT_AUTOGEN_CACHE", str(tmp_path / "another-machine"))
        with MemGPTAgent("moved", "", model.llm_config, memory=chroma_server) as there:
            assert ask(there, "second") == "b"
            with pytest.raises(TakenOverError, match="another process opened the same agent"):
                ask(here, "third")
            with pytest.raises(TakenOverError):
                here.close()
            assert ask(there, "fourth") == "c"
            assert [m.text for m in there.recall.latest(9) if m.speaker == "Ann"] == [
                "first",
                "second",
                "fourth",
            ]


def test_a_server_that_is_away_is_named(tmp_path: Path) -> None:
    with ScriptedModel([]) as model:
        with pytest.raises(StorageError, match=r"no Chroma server answers at 127\.0\.0\.1:9"):
            MemGPTAgent("lost", "", model.llm_config, memory="http://127.0.0.1:9")

"""What several agents share: blocks in core memory and archives in archival memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from memgpt_autogen import MemGPTAgent
from memgpt_autogen.errors import ConfigurationError, ConflictError
from memgpt_autogen.testing import ScriptedModel, call, calls, say, send
from tests.clocks import Ticking
from tests.files import files_with

pytestmark = [
    pytest.mark.autogen,
    pytest.mark.feature("shared blocks and archives"),
]

Make = Callable[..., MemGPTAgent]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes agents with one memory location, closed at the end of the test."""
    made: list[MemGPTAgent] = []

    def build(name: str, model: ScriptedModel, **kwargs: Any) -> MemGPTAgent:
        kwargs.setdefault("memory", tmp_path / "memory")
        made.append(MemGPTAgent(name, "Help.", model.llm_config, clock=Ticking(), **kwargs))
        return made[-1]

    yield build
    for agent in made:
        agent.close()


def ask(agent: MemGPTAgent, text: str) -> Any:
    return agent.generate_reply([{"role": "user", "content": text, "name": "Alice"}])


def appending(block: str, content: str) -> Any:
    return calls(
        call("core_memory_append", name=block, content=content),
        call("send_message", message="Done."),
    )


def test_an_edit_by_one_is_seen_by_the_other_at_its_next_step(make: Make) -> None:
    with (
        ScriptedModel([appending("plan", "Ship on Friday.")]) as one,
        ScriptedModel(
            [call("archival_memory_search", query="x", request_heartbeat=True), say("Friday.")]
        ) as two,
    ):
        coder, tester = make("coder", one), make("tester", two)
        assert coder.attach_block("plan", "Be kind.").value == "Be kind."
        assert tester.attach_block("plan", "ignored").value == "Be kind."
        ask(coder, "note it")
        assert tester.core_memory["plan"].value == "Be kind.\nShip on Friday."
        assert ask(tester, "when?") == "Friday."
        assert (
            two.requests[0].contains("block 'plan' now reads:\n  Be kind.\n  Ship on Friday.") == 1
        )
        assert (
            two.requests[1].contains("block 'plan' now reads") == 2
        )  # at attaching, and once more


def test_of_two_edits_at_once_one_is_told_to_look_again(make: Make) -> None:
    """The other edit comes while the model writes its own."""
    agents: dict[str, MemGPTAgent] = {}

    def tester_model(request: Any) -> Any:
        if request.last_text.endswith("note it"):
            agents["coder"].core_memory["plan"]
            agents["coder"].core_memory.append("plan", "Ship on Friday.")
            return call("core_memory_append", name="plan", content="Test on Monday.")
        if "Look again" in request.last_text:
            return appending("plan", "Test on Thursday.")
        return say("?")

    with ScriptedModel([]) as one, ScriptedModel(tester_model) as two:
        agents["coder"], agents["tester"] = make("coder", one), make("tester", two)
        for agent in agents.values():
            agent.attach_block("plan")
        assert ask(agents["tester"], "note it") == "Done."
        assert agents["coder"].core_memory["plan"].value == "Ship on Friday.\nTest on Thursday."
        lost = two.requests[1].last_text
        assert "your edit was not made" in lost and lost.endswith("reads:\n  Ship on Friday.")


def test_a_program_that_has_not_read_the_latest_text_cannot_overwrite_it(make: Make) -> None:
    with ScriptedModel([]) as model:
        one, two = make("one", model), make("two", model)
        one.attach_block("plan")
        two.attach_block("plan")
        one.core_memory.set("plan", "first")
        with pytest.raises(ConflictError, match="read it again"):
            two.core_memory.set("plan", "second")
        assert two.core_memory["plan"].value == "first"
        two.core_memory.set("plan", "second")
        assert one.core_memory["plan"].value == "second"


def test_a_read_only_block_is_seen_and_not_edited(make: Make) -> None:
    script = [appending("rules", "Anything goes."), say("I may not.")]
    with ScriptedModel(script) as model, ScriptedModel([]) as other:
        boss, worker = make("boss", other), make("worker", model)
        boss.attach_block("rules", "Tests first.", limit=40)
        assert worker.attach_block("rules", read_only=True).limit == 40
        assert ask(worker, "change the rules") == "Done.\n\nI may not."
        assert "'rules' is read-only" in model.requests[1].text
        assert boss.core_memory["rules"].value == "Tests first."


def test_what_is_attached_stays_attached(make: Make) -> None:
    with ScriptedModel([]) as model:
        one, two = make("one", model), make("two", model)
        one.attach_block("plan", "Ship.")
        two.attach_block("plan", read_only=True)
        one.attach("team", writable=True)
        two.attach("team")
        two.close()
        one.core_memory["plan"]
        one.core_memory.set("plan", "Ship later.")
        one.close()
        block = two.core_memory["plan"]
        assert (block.value, block.read_only, block.shared) == ("Ship later.", True, True)
        assert (one.archival.archives, two.archival.archives) == (("team",), ())
        assert two.detach_block("plan") and not two.detach_block("plan")
        assert "plan" not in two.core_memory
        two.close()
        assert "plan" not in two.core_memory
        assert one.core_memory["plan"].value == "Ship later."


def test_names_and_sizes_are_checked(make: Make) -> None:
    with ScriptedModel([]) as model:
        agent = make("one", model)
        with pytest.raises(ConfigurationError, match="needs a name"):
            agent.attach_block("human")
        with pytest.raises(ConfigurationError, match="hold 5 characters"):
            agent.attach_block("plan", "too long", limit=5)
        with pytest.raises(ConfigurationError, match="no source 'team'"):
            agent.attach("team")
        with pytest.raises(ConfigurationError, match="no shared archive 'team'"):
            agent.archival.insert("x", archive="team")


def test_an_archive_is_written_by_one_and_found_by_all(make: Make) -> None:
    keep = call(
        "archival_memory_insert",
        content="The port is 8123.",
        archive="team",
        request_heartbeat=True,
    )
    look = call("archival_memory_search", query="which port?", request_heartbeat=True)
    with ScriptedModel([keep, send("Kept.")]) as one, ScriptedModel([look, say("8123.")]) as two:
        coder, tester = make("coder", one), make("tester", two)
        assert coder.attach("team", writable=True) == 0
        assert tester.attach("team") == 0
        ask(coder, "remember the port")
        assert ask(tester, "which port?") == "8123."
        assert "(team: by coder) The port is 8123." in two.requests[1].last_text
        assert len(coder.archival) == 0
        assert [p.source for p in tester.archival.search("port").items] == ["team"]
        offered = [
            tool["function"]["parameters"]["properties"].get("archive", {}).get("enum")
            for model in (one, two)
            for tool in model.requests[0].tools
            if tool["function"]["name"] == "archival_memory_insert"
        ]
        assert offered == [["team"], None]


def test_a_wrong_archive_is_the_models_mistake(make: Make) -> None:
    keep = call("archival_memory_insert", content="x", archive="heaven")
    with ScriptedModel([keep, say("Sorry.")]) as model:
        agent = make("one", model)
        assert ask(agent, "keep x") == "Sorry."
        assert "no shared archive 'heaven', and nothing was stored" in model.requests[1].last_text


def test_a_forgotten_speaker_leaves_what_is_shared(make: Make, tmp_path: Path) -> None:
    with ScriptedModel([say("Hello Alice.")]) as model:
        one, two = make("one", model), make("two", model)
        for agent in (one, two):
            agent.attach_block("plan", "Alice ships on Friday.\nBe kind.")
            agent.attach("team", writable=True)
        ask(one, "My cat is called Mephisto the Second.")
        two.archival.insert("Alice has a cat.", archive="team")
        receipt = one.forget("Alice")
        assert [(one.tier, one.place) for one in receipt.left] == [("recall", "m00000002")]
        assert (receipt.core_memory_lines, receipt.archival_passages) == (1, 1)
        assert two.core_memory["plan"].value == "Be kind."
        assert two.archival.search("Alice cat").total == 0
    for folder in ("shared", "sources"):
        assert files_with(tmp_path / "memory" / folder, "Alice") == []

"""An agent with something of everything that an agent file holds."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from memgpt_autogen import MemGPTAgent, Settings, TimedEvent, load_source
from memgpt_autogen.memory.blocks import Block
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder
from memgpt_autogen.testing import ChatRequest, ScriptedModel, call, calls, fail, send
from tests.clocks import NOON, Ticking
from tests.playing import user

PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}


def script(request: ChatRequest) -> Any:
    """Answers by what was said last; the last turn fails after its first step."""
    if request.contains("And now?"):
        stored = "And now?" not in request.last_text
        more = call("archival_memory_insert", content="I drink tea.", request_heartbeat=True)
        return fail(401) if stored else more
    if request.contains("See."):
        return calls(
            call("pause_heartbeats", minutes=60),
            call("archival_memory_search", query="tea"),
            call("send_message", message="A kettle, I think."),
        )
    if request.contains("東京"):
        return send("Noted, Bob.")
    block = "human:Ann" if request.contains("<human:Ann>") else "human"
    return calls(
        call("core_memory_append", name=block, content="I know Ann. ☕"),
        call("archival_memory_insert", content="Sencha is green tea."),
        call("send_message", message="Noted, Ann."),
    )


def build(memory: Path, *, apart: bool, kwargs: dict[str, Any] | None = None) -> MemGPTAgent:
    """The agent, open; to be closed."""
    page = memory.parent / "manual.md"
    page.write_text("The valve is behind the blue panel.", "utf-8")
    about: dict[str, Any] = {"embedder": HashingEmbedder(), "clock": Ticking(), **(kwargs or {})}
    load_source("manual", page, memory=memory, embedder=about["embedder"], clock=about["clock"])
    with ScriptedModel(script) as model:
        settings = Settings(location=str(memory), separate_partners=apart, participants=3)
        agent = MemGPTAgent(
            "Tea＆茶", "Be brief.", model.llm_config, memory=settings, persona="Terse.", **about
        )
        for name, text in (("Ann", "I like tea."), ("Bob", "Grüße aus 東京\u2028und so")):
            user(name).initiate_chat(agent, message=text, max_turns=1, silent=True)
        agent.attach("manual")
        agent.attach("team", writable=True)
        agent.archival.insert("The port is 8123.", ["net"], NOON, archive="team")
        gone = agent.archival.insert("a wrong port", archive="team")
        agent.archival.everywhere()[-1].delete(gone)
        agent.attach_block("plan", "Ship on Friday.", limit=300)
        agent.core_memory.set("plan", "Ship on Monday.")
        agent.attach_block("rules", "Be kind.", read_only=True)
        agent.core_memory.add(Block(name="notes", value="old", limit=50))
        agent.core_memory.set("notes", "new")
        agent.core_memory.remove("notes")
        agent.recall.append("a word between", "Zoë", "1890-01-01T00:00:00+00:53")
        agent.recall.delete(agent.recall.append("never said", "Bob"))
        agent.archival.insert("Kettles are of iron.", ["kitchen", "日本"])
        seen = [{"type": "text", "text": "See."}, PICTURE]
        agent.generate_reply([{"role": "user", "name": "Ann", "content": seen}])
        with suppress(Exception):  # the provider's: the turn stays unfinished
            agent.generate_reply([{"role": "user", "name": "Ann", "content": "And now?"}])
        agent.notify(TimedEvent(timestamp=NOON))  # held back
    return agent

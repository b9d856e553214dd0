"""The MCP server: the official SDK's client over stdio, beside a group chat that has the agent."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.shared.exceptions import MCPError
from mcp_types import Implementation

import memgpt_autogen
from memgpt_autogen import MemGPTAgent
from memgpt_autogen.mcp.memory import OfferedMemory
from memgpt_autogen.mcp.server import server_of
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder
from memgpt_autogen.testing import ChatRequest, ScriptedModel, Step, call, calls, send
from tests.groupchat import manager_of, speaker
from tests.terminal import NOON, Run, make_coder, open_coder

ROOT = Path(memgpt_autogen.__file__).parents[1]
OFFERED = [
    "core_memory_append",
    "core_memory_replace",
    "conversation_search",
    "conversation_search_date",
    "archival_memory_insert",
    "archival_memory_search",
]


@asynccontextmanager
async def desktop(memory: Path, agent: str, log: Path) -> AsyncIterator[Client]:
    """A desktop assistant that has started `memgpt-autogen serve` as its subprocess."""
    command = ["-m", "memgpt_autogen", "serve", agent, "--memory", str(memory)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    started = StdioServerParameters(command=sys.executable, args=command, env=environment)
    about = Implementation(name="claude-ai", version="1")
    with log.open("w") as errors:
        async with Client(stdio_client(started, errlog=errors), client_info=about) as client:
            yield client


async def said(client: Client, name: str, /, **arguments: Any) -> tuple[bool, str]:
    """Whether a tool did what it is for, and its text."""
    result = await client.call_tool(name, arguments)
    [content] = result.content
    return not result.is_error, getattr(content, "text", "")


async def text_of(client: Client, uri: str) -> str:
    [found] = (await client.read_resource(uri)).contents
    return str(getattr(found, "text", ""))


@pytest.mark.autogen
async def test_a_group_chat_and_a_desktop_assistant_share_one_memory(tmp_path: Path) -> None:
    def rule(request: ChatRequest) -> Step:
        if "peppermint" in request.last_text:
            return calls(
                call("core_memory_append", name="human:Tessa", content="Drinks peppermint tea."),
                call("send_message", message="Noted."),
            )
        return send("I see.")

    memory, log = tmp_path / "m", tmp_path / "log"
    with (
        ScriptedModel(rule) as model,
        MemGPTAgent(
            "coder", "", model.llm_config, memory=memory, embedder=HashingEmbedder()
        ) as agent,
    ):
        tessa = speaker("Tessa", lambda turn: "The spare key hangs behind the star chart.")
        manager = manager_of([tessa, agent], max_round=4)
        tessa.initiate_chat(manager, message="Good evening.", silent=True)
        async with desktop(memory, "coder", log) as client:
            assert client.instructions is not None and "<human:Tessa>" in client.instructions
            listed = (await client.list_tools()).tools
            assert [one.name for one in listed] == OFFERED

            # What was said a moment ago is found, and what is known of it.
            assert "star chart" in (await said(client, "conversation_search", query="key"))[1]
            [template] = (await client.list_resource_templates()).resource_templates
            prefetch = template.uri_template.replace("{query}", "Where%20is%20the%20spare%20key%3F")
            assert "behind the star chart." in await text_of(client, prefetch)

            # What the assistant notes the agent sees at its next model call.
            note = {"name": "human:Tessa", "content": "Works at night."}
            done, shown = await said(client, "core_memory_append", **note)
            assert done and "Works at night." in shown
            tessa.send("I only drink peppermint tea.", agent, request_reply=True, silent=True)
            assert (
                "(system alert) the core memory block 'human:Tessa' now reads:\n"
                "  Works at night." in model.requests[-1].text
            )

            # What the agent notes meanwhile the assistant must see before it edits that block.
            change = {
                "name": "human:Tessa", "old_content": "Works at night.", "new_content": "By day."
            }  # fmt: skip
            done, shown = await said(client, "core_memory_replace", **change)
            assert not done
            assert "somebody else changed the block 'human:Tessa'" in shown
            assert "repeat the call if it is still right" in shown
            assert "Drinks peppermint tea." in shown
            assert agent.core_memory["human:Tessa"].value.startswith("Works at night.")
            done, shown = await said(client, "core_memory_replace", **change)
            assert done and "By day.\n  Drinks peppermint tea." in shown
            [core] = (await client.list_resources()).resources
            assert "By day." in await text_of(client, core.uri)

            done, _ = await said(client, "archival_memory_insert", content="The dome opens at 9.")
            assert done
            assert [one.text for one in agent.archival.search("dome").items] == [
                "The dome opens at 9."
            ]
        history = agent.core_memory.history("human:Tessa")
        assert [one.author for one in history[-3:]] == [
            "MCP client claude-ai",
            "model",
            "MCP client claude-ai",
        ]
    assert log.read_text() == ""


async def test_tools_are_the_functions_of_the_model() -> None:
    make_coder()
    engine = open_coder()
    try:
        shown = {one["function"]["name"]: one["function"] for one in engine.executor.schemas}
        async with Client(server_of(offered())) as client:
            for tool in (await client.list_tools()).tools:
                same = shown[tool.name]
                properties = dict(same["parameters"]["properties"])
                assert properties.pop("request_heartbeat")
                assert tool.description == same["description"]
                assert tool.input_schema == {**same["parameters"], "properties": properties}
                assert tool.annotations is not None
                assert tool.annotations.read_only_hint == ("search" in tool.name)
    finally:
        engine.close()


def offered(**about: Any) -> OfferedMemory:
    at = {"embedder": HashingEmbedder(), "clock": lambda: NOON + timedelta(days=1), **about}
    return OfferedMemory(str(Path(".memgpt").absolute()), "coder", **at)


async def test_mistakes_are_told_and_nothing_is_done() -> None:
    make_coder()
    async with Client(server_of(offered())) as client:
        assert await said(client, "core_memory_append", name="humans", content="x") == (
            False,
            "Error: there is no core memory block 'humans'; the blocks are 'persona', 'human'.",
        )
        done, shown = await said(client, "conversation_search", page=-1)
        assert not done and "query: field required" in shown and "page: input should" in shown
        done, shown = await said(client, "core_memory_append", name="human", content="x" * 2001)
        assert not done and "over its limit of 2000" in shown
        for name in ("send_message", "pause_heartbeats", "no_such"):
            with pytest.raises(MCPError, match=f"no tool '{name}'"):
                await client.call_tool(name, {})
        with pytest.raises(MCPError, match="no resource 'memgpt://coder/other'"):
            await client.read_resource("memgpt://coder/other")
        shown = await text_of(client, "memgpt://coder/prefetch/Who%20breeds%20zebras%3F")
        assert shown == "Nothing is remembered of this."
    blocks = Run("show", "coder", "--json").json["blocks"]
    assert [one["version"] for one in blocks] == [1, 1]


async def test_without_the_embedder_that_made_the_vectors_words_are_searched(
    caplog: pytest.LogCaptureFixture,
) -> None:
    make_coder()
    async with Client(server_of(offered(embedder=None))) as client:
        _, shown = await said(client, "conversation_search", query="peppermint")
        assert "I only drink peppermint tea." in shown
        _, shown = await said(
            client, "conversation_search_date", start_date="2026-05-08", end_date="2026-05-08"
        )
        assert shown.count("2026-05-08") >= 3
    assert not caplog.records


def test_what_is_written_to_a_shared_archive_tells_who_wrote_it() -> None:
    make_coder()
    engine = open_coder()
    engine.attach("team", writable=True)
    engine.close()
    memory = offered()
    [insert] = [one for one in memory.tools() if one.name == "archival_memory_insert"]
    assert insert.arguments["properties"]["archive"]["enum"] == ["team"]
    done, _ = memory.call(
        "archival_memory_insert", {"content": "We meet at nine.", "archive": "team"}, "ide"
    )
    assert done
    found = Run("search", "coder", "meet", "--in", "archival", "--json").json[0]
    assert (found["who"], found["tags"]) == ("team", ["by MCP client ide"])


def test_serve_says_what_is_wrong() -> None:
    done = Run("serve", "nobody")
    assert done.code == 1 and "there is no agent 'nobody'" in done.said and not done.out

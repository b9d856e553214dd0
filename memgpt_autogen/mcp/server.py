"""The MCP server: a memory's functions as tools, and what it holds as resources, over stdio.

https://modelcontextprotocol.io/specification
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote, unquote

import anyio
import anyio.to_thread
import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError

import memgpt_autogen
from memgpt_autogen.errors import MemGPTError
from memgpt_autogen.frames import name as shown_name
from memgpt_autogen.mcp.memory import NAMES, OfferedMemory, Tool

T = TypeVar("T")

_TEXT = "text/plain"
_NOTHING = "Nothing is remembered of this."
_TOLD = """\
The memory of {agent}, an agent that goes on using it: what you note it knows, and what it notes \
you know. What should outlast this conversation goes into a core memory block, and what is long to \
archival_memory_insert; search before you say that you do not know.

As the memory is now (later: the resource {core}):

{head}"""


def serve(memory: OfferedMemory) -> None:
    """Answer the MCP client at the other end of standard input and output until it goes.

    Raises:
        MemGPTError: the memory cannot be read.
    """
    anyio.run(_serve, memory)


async def _serve(memory: OfferedMemory) -> None:
    server = server_of(memory)
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())


def server_of(memory: OfferedMemory) -> Server[Any]:
    """The server of one memory, for any transport of the SDK's.

    Raises:
        MemGPTError: the memory cannot be read.
    """
    offer = _Offer(memory)
    return Server(
        "memgpt-autogen",
        version=memgpt_autogen.__version__,
        title=f"Memory of {memory.agent}",
        instructions=_TOLD.format(agent=memory.agent, core=offer.core, head=memory.core_memory()),
        on_list_tools=offer.list_tools,
        on_call_tool=offer.call_tool,
        on_list_resources=offer.list_resources,
        on_list_resource_templates=offer.list_resource_templates,
        on_read_resource=offer.read_resource,
    )


class _Offer:
    """What the protocol asks of a memory; one at a time, in a thread."""

    def __init__(self, memory: OfferedMemory) -> None:
        self._memory = memory
        self._one = anyio.Semaphore(1)
        start = f"memgpt://{quote(memory.agent, safe='')}"
        self.core, self._prefetch = f"{start}/core_memory", f"{start}/prefetch/"

    async def list_tools(self, _: Any, __: Any) -> types.ListToolsResult:
        return types.ListToolsResult(
            tools=[_tool(one) for one in await self._run(self._memory.tools)]
        )

    async def call_tool(
        self, context: Any, asked: types.CallToolRequestParams
    ) -> types.CallToolResult:
        if asked.name not in NAMES:
            raise MCPError(types.INVALID_PARAMS, f"there is no tool {asked.name!r}")
        call = partial(self._memory.call, asked.name, asked.arguments or {}, _client(context))
        done, text = await self._run(call)
        return types.CallToolResult(content=[types.TextContent(text=text)], is_error=not done)

    async def list_resources(self, _: Any, __: Any) -> types.ListResourcesResult:
        core = types.Resource(
            name="core_memory",
            title=f"Core memory of {self._memory.agent}",
            uri=self.core,
            description="The blocks that the agent always sees, and how much lies outside.",
            mime_type=_TEXT,
        )
        return types.ListResourcesResult(resources=[core])

    async def list_resource_templates(self, _: Any, __: Any) -> types.ListResourceTemplatesResult:
        prefetch = types.ResourceTemplate(
            name="prefetch",
            title=f"What {self._memory.agent} remembers of a query",
            uri_template=f"{self._prefetch}{{query}}",
            description="The messages and passages that are likely to answer a question.",
            mime_type=_TEXT,
        )
        return types.ListResourceTemplatesResult(resource_templates=[prefetch])

    async def read_resource(
        self, _: Any, asked: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        uri = str(asked.uri)
        if uri == self.core:
            text = await self._run(self._memory.core_memory)
        elif uri.startswith(self._prefetch):
            query = unquote(uri.removeprefix(self._prefetch))
            text = await self._run(partial(self._memory.remembered, query)) or _NOTHING
        else:
            raise MCPError(types.INVALID_PARAMS, f"there is no resource {uri!r}")
        found = types.TextResourceContents(uri=uri, text=text, mime_type=_TEXT)
        return types.ReadResourceResult(contents=[found])

    async def _run(self, work: Callable[[], T]) -> T:
        """The result of what waits for files and embedders."""
        async with self._one:
            try:
                return await anyio.to_thread.run_sync(work)
            except MemGPTError as problem:
                raise MCPError(types.INTERNAL_ERROR, str(problem)) from problem


def _tool(tool: Tool) -> types.Tool:
    return types.Tool(
        name=tool.name,
        description=tool.description,
        input_schema=tool.arguments,
        annotations=types.ToolAnnotations(
            read_only_hint=not tool.edits,
            destructive_hint=tool.name == "core_memory_replace",
            open_world_hint=False,
        ),
    )


def _client(context: Any) -> str:
    """The client's name, as far as it says so."""
    about = context.session.client_params
    return shown_name(about.client_info.name) if about is not None else ""

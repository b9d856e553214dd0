"""`serve`: an agent's memory for MCP clients."""

from __future__ import annotations

import logging
from importlib.util import find_spec

from memgpt_autogen.cli import late
from memgpt_autogen.cli.options import Agent, Memory, embedder_for, location
from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.installation import extra


def serve(agent: Agent, memory: Memory = None) -> None:
    """Offer an agent's memory to an MCP client, over standard input and output.

    The client, such as a desktop assistant, starts this command. It searches
    and edits what the agent remembers with the agent's own functions, also
    while the agent runs elsewhere. Needs the extra \\[mcp].

    \b
    [dim]Example, for a client's configuration[/]
      {"mcpServers": {"coder": {"command": "memgpt-autogen",
        "args": ["serve", "coder", "--memory", "/home/me/.memgpt"]}}}
    """
    if find_spec("mcp_types") is None:
        raise ConfigurationError(f"to serve a memory over MCP: {extra('mcp')}")
    logging.basicConfig(level=logging.WARNING)  # on standard error
    place = location(memory)
    offered = late.offered.OfferedMemory(place, agent, embedder_for(place, agent))
    late.mcp_server.serve(offered)

"""autogen-agentchat's AssistantAgent with autogen-ext's ChromaDBVectorMemory, measured.

It runs in an environment of its own (`agentchat_venv.sh`), because these packages and
this package's AutoGen do not go together. The memory searches by itself at each turn;
adding to it is the program's business: message and answer are added after the turn.
"""

from __future__ import annotations

import asyncio
import json
import sys
import warnings
from typing import Any

from autogen_agentchat.agents import AssistantAgent
from autogen_core.memory import MemoryContent, MemoryMimeType
from autogen_ext.memory.chromadb import (
    ChromaDBVectorMemory,
    PersistentChromaDBVectorMemoryConfig,
)
from autogen_ext.models.openai import OpenAIChatCompletionClient
from embed import share
from meter import serve


class Remembering:
    """The agent with its memory."""

    def __init__(self, given: dict[str, Any]) -> None:
        entry = given["llm_config"]["config_list"][0]
        self._loop = asyncio.new_event_loop()
        self._memory = ChromaDBVectorMemory(
            PersistentChromaDBVectorMemoryConfig(persistence_path=given["folder"])
        )
        self._agent = AssistantAgent(
            "assistant",
            model_client=OpenAIChatCompletionClient(
                model=entry["model"], base_url=entry["base_url"], api_key=entry["api_key"]
            ),
            memory=[self._memory],
        )

    def turn(self, message: str) -> str:
        return self._loop.run_until_complete(self._turn(message))

    def close(self) -> None:
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    async def _turn(self, message: str) -> str:
        result = await self._agent.run(task=message)
        answer = str(result.messages[-1].content)
        for text in (message, answer):
            await self._memory.add(MemoryContent(content=text, mime_type=MemoryMimeType.TEXT))
        return answer


if __name__ == "__main__":
    wanted = json.loads(sys.argv[2])
    share(wanted)
    warnings.simplefilter("ignore")  # gpt-4o answers under its own name, not a dated one
    remembering = Remembering(wanted)
    serve(remembering)
    remembering.close()

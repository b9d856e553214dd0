"""What other processes do with a memory, while somebody has it open or before they are killed."""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from memgpt_autogen import MemGPTAgent, load_source
from tests.durability.embedder import spread
from tests.durability.worker import Config


def ask(agent: MemGPTAgent, text: str) -> Any:
    return agent.generate_reply([{"role": "user", "name": "Dana", "content": text}])


def found(memory: str, name: str, query: str) -> list[str]:
    """What an agent of that name finds in what was attached to it before."""
    with MemGPTAgent(name, llm_config=False, memory=memory, embedder=spread) as agent:
        return [passage.text for passage in agent.archival.search(query).items]


def attach_and_find(memory: str, name: str, source: str, query: str) -> list[str]:
    with MemGPTAgent(name, llm_config=False, memory=memory, embedder=spread) as agent:
        agent.attach(source)
        return [passage.text for passage in agent.archival.search(query).items]


def add_to_archive(memory: str, name: str, archive: str, text: str) -> None:
    with MemGPTAgent(name, llm_config=False, memory=memory, embedder=spread) as agent:
        agent.attach(archive, writable=True)
        agent.archival.insert(text, archive=archive)


def load(memory: str, source: str, path: str) -> int:
    return load_source(source, path, memory=memory, embedder=spread).passages


LAST_DEEDS: dict[str, Callable[[MemGPTAgent], object]] = {
    "set": lambda agent: agent.core_memory.set("human", "Dana is allergic to nuts."),
    "append": lambda agent: agent.core_memory.append("human", "Dana is allergic to nuts."),
    "replace": lambda agent: agent.core_memory.replace("persona", "calm", "patient"),
    "turn": lambda agent: ask(agent, "I am allergic to nuts."),
    "recall": lambda agent: agent.recall.append("Dana sails.", speaker="Dana"),
    "archival": lambda agent: agent.archival.insert("Dana lives in Bergen."),
    "share": lambda agent: agent.attach_block("plan", "Ship on Friday."),
    "attach": lambda agent: agent.attach("team", writable=True),
    "delete": lambda agent: agent.archival.delete(agent.archival.insert("of no use")),
}


def killed_after(memory: str, config: Config, deed: str) -> None:
    """One deed of a program; the call returns, and the process is killed."""
    agent = MemGPTAgent(
        "mem", "", config, memory=memory, embedder=spread, persona="I am calm.", human=""
    )
    LAST_DEEDS[deed](agent)
    os.kill(os.getpid(), signal.SIGKILL)


def many_agents(memory: str, count: int) -> dict[str, Any]:
    """So many agents open in one process; each is used, and used again.

    Returns:
        the `descriptors` and `threads` at the end, the `seconds`, and how many agents
        `remember` what they were told.
    """
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
    started = time.monotonic()
    agents = [
        MemGPTAgent(f"customer{number}", llm_config=False, memory=memory, embedder=spread)
        for number in range(count)
    ]
    for agent in agents:
        agent.recall.append(f"Hello, I am {agent.name}.", speaker="Dana")
    remember = sum(
        agent.recall.search(f"Hello, I am {agent.name}.").items[0].text
        == f"Hello, I am {agent.name}."
        for agent in agents
    )
    kept = {
        "descriptors": len(list(Path("/dev/fd").iterdir())),
        "threads": len(list(Path("/proc/self/task").iterdir())),
        "seconds": time.monotonic() - started,
        "remember": remember,
    }
    for agent in agents:
        agent.close()
    return kept

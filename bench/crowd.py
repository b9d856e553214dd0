"""Many agents in one process: what does each hold while it is idle?

Two hundred agents are made in a process that may hold 1,024 descriptors, each takes one
turn, then all are left alone. Descriptors, threads and memory are those of the process
less what it had after its first agent, divided by the agents. Then every tenth takes
another turn and searches for what it was told first. Beside it the same with
AssistantAgent, whose figures are those of the OpenAI client. A child process is such a
crowd; where it breaks, the number of agents that it came to is the result.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from autogen import AssistantAgent, ConversableAgent
from autogen.io import IOStream
from harness import HERE, WINDOW, ModelProcess, Quiet, grid, machine, write_results
from rich.console import Console
from texts import message

from memgpt_autogen import MemGPTAgent

AGENTS = 200
DESCRIPTORS = 1024
IDLE = 3.0  # seconds until what an agent does behind its answer is done


def held() -> dict[str, float]:
    """What this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "descriptors": len(list(Path("/proc/self/fd").iterdir())) - 1,  # one is the listing itself
        "threads": len(list(Path("/proc/self/task").iterdir())),
        "megabytes": pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
    }


def told(agent: ConversableAgent, number: int) -> bool:
    """Whether the agent answers."""
    heard = {"role": "user", "name": "user", "content": f"I am agent {number}. {message(number)}"}
    return bool(agent.generate_reply([heard]))


def crowd(kind: str, config: dict[str, Any], folder: str, count: int) -> None:
    """Make the agents; a line of JSON for each, then one for the whole."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    agents: list[ConversableAgent] = []
    for number in range(count):
        agents.append(
            MemGPTAgent(f"agent{number}", llm_config=config, memory=folder, context_window=WINDOW)
            if kind == "MemGPTAgent"
            else AssistantAgent(f"agent{number}", llm_config=config)
        )
        if not told(agents[-1], number):
            raise SystemExit(f"agent {number} said nothing")
        if number == 0:
            time.sleep(IDLE)
            first = held()
        print(json.dumps({"agents": number + 1}), flush=True)
    time.sleep(IDLE)
    idle = held()
    found = []
    for number, agent in list(enumerate(agents))[::10]:
        answered = told(agent, number + count)
        if isinstance(agent, MemGPTAgent):
            best = agent.recall.search(f"I am agent {number}", limit=3, by="words").items
            answered = answered and any(f"I am agent {number}." in one.text for one in best)
        found.append(answered)
    after = {key: (idle[key] - first[key]) / (count - 1) for key in idle}
    print(json.dumps({"agents": count, "idle": idle, "each": after, "again": all(found)}))


def measured(kind: str, count: int) -> dict[str, Any]:
    """What a crowd of one kind came to."""
    script = "managed" if kind == "MemGPTAgent" else "plain"
    window = WINDOW if kind == "MemGPTAgent" else None
    with (
        ModelProcess({kind: (script, window)}) as model,
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
    ):
        given = json.dumps([kind, model.configs[kind], folder, count])
        child = subprocess.run(
            [sys.executable, str(HERE / "crowd.py"), "--child", given],
            check=False,
            capture_output=True,
            text=True,
        )
    lines = child.stdout.splitlines()
    found: dict[str, Any] = json.loads(lines[-1]) if lines else {"agents": 0}
    if child.returncode:
        found["broke"] = (child.stderr.strip().splitlines() or [str(child.returncode)])[-1][:200]
    return found


def row(kind: str, found: dict[str, Any]) -> list[str]:
    each = found.get("each", {})
    figures = [f"{each[key]:.2f}" if key in each else "–" for key in ("descriptors", "threads")]
    memory = f"{each['megabytes']:.2f}" if "megabytes" in each else "–"
    whole = f"{found['idle']['descriptors']:.0f}" if "idle" in found else "–"
    return [kind, str(found["agents"]), *figures, memory, whole, found.get("broke", "")[:60]]


def main(
    agents: Annotated[int, typer.Option(min=2, help="Agents in the process.")] = AGENTS,
    quick: Annotated[bool, typer.Option("--quick", help="Twenty agents.")] = False,
    child: Annotated[str, typer.Option(hidden=True)] = "",
) -> None:
    """Many agents in one process: what each holds while it is idle."""
    if child:
        with IOStream.set_default(Quiet()):
            crowd(*json.loads(child))
        return
    where = machine()
    count = 20 if quick else agents
    found = {kind: measured(kind, count) for kind in ("MemGPTAgent", "AssistantAgent")}
    columns = ["", "agents", "descriptors", "threads", "MB", "descriptors of all", "broke by"]
    title = f"{count} agents in one process: what each idle one holds"
    rows = [row(kind, one) for kind, one in found.items()]
    table = {"title": title, "columns": columns, "rows": rows}
    Console(width=min(Console().width, 120)).print(grid(table))
    write_results("crowd", where, {"wanted": count, "quick": quick, **found, "tables": [table]})


if __name__ == "__main__":
    typer.run(main)

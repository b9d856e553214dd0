"""What is killed: a process that works with a memory and writes down each deed."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autogen import UserProxyAgent

from memgpt_autogen import MemGPTAgent, load_source, reindex
from tests.durability.embedder import EMBEDDERS
from tests.durability.ledger import HUMAN, Ledger, Put

AGENT = "mem"
SOURCE = "manual"
PADDING = "and some words about it " * 6
MOST = 100  # deeds of one kind before the process ends by itself

Config = dict[str, Any]


def plain(text: str) -> str:
    """A text without its line ends, which a reader of documents may move."""
    return " ".join(text.split())


def embedder_in_use(ledger: Ledger) -> str:
    """The embedder of the last reindexing that was acknowledged."""
    names = [one.note["embedder"] for one in ledger.deeds() if one.kind == "reindex" and one.done]
    return str(names[-1]) if names else "spread"


def open_agent(
    memory: Path, config: Config | bool, embedder: str, name: str = AGENT
) -> MemGPTAgent:
    """The agent, opened and read from."""
    agent = MemGPTAgent(
        name, "", config, memory=memory, context_window=4096, embedder=EMBEDDERS[embedder]
    )
    len(agent.recall)
    return agent


def chat(agent: MemGPTAgent, ledger: Ledger) -> str:
    """One turn of the chat with Ann, which goes on with the message that was not answered."""
    told = [one for one in ledger.deeds() if one.kind == "chat"]
    history: list[dict[str, Any]] = []
    for one in told:
        if one.done:
            history.append(heard(one.puts[0][1]))
            history.append({"role": "assistant", "name": AGENT, "content": one.note["reply"]})
    number = ledger.begin("open turn")
    ledger.done(number)
    text = f"fact-{number:05d} {PADDING}".strip()
    if told and not told[-1].done:
        text = told[-1].puts[0][1]
    deed = ledger.begin("chat", [("recall", text)])
    ann = UserProxyAgent("Ann", human_input_mode="NEVER", code_execution_config=False)
    reply = str(agent.generate_reply([*history, heard(text)], ann))
    ledger.done(deed, reply=reply)
    return reply


def heard(text: str) -> dict[str, Any]:
    return {"role": "user", "name": "Ann", "content": text}


class Worker:
    """Does deeds of every kind with one memory, `<chain>/memory`.

    Args:
        chain: the folder of one memory that is killed again and again.
    """

    def __init__(self, chain: Path, config: Config, seed: int) -> None:
        self.ledger = Ledger(chain / "ledger.jsonl")
        self._chain = chain
        self._memory = chain / "memory"
        self._config = config
        self._chance = random.Random(seed)
        self._agent: MemGPTAgent | None = None
        self.deeds: dict[str, Callable[[], None]] = {
            "open": self.open,
            "chat": lambda: void(chat(self.agent, self.ledger)),
            "edit": self.edit,
            "append": lambda: void(self.append()),
            "insert": self.insert,
            "load": self.load,
            "restore": self.restore,
            "forget": self.forget,
            "reindex": self.reindex,
            "close": self.close,
        }

    @property
    def agent(self) -> MemGPTAgent:
        if self._agent is None:
            self.open()
        assert self._agent is not None
        return self._agent

    def run(self, target: str) -> None:
        """A few deeds of any kind, then one kind again and again."""
        self.open()
        for name in self._chance.choices(["chat", "edit", "append", "insert"], k=3):
            self.deeds[name]()
        if target == "open":
            self.close()
        self.ledger.mark()
        for _ in range(MOST):
            self.deeds[target]()
            if target == "open":
                self.close()

    def open(self) -> None:
        number = self.ledger.begin("open")
        self._agent = open_agent(self._memory, self._config, embedder_in_use(self.ledger))
        self.ledger.done(number)

    def close(self) -> None:
        agent = self.agent
        number = self.ledger.begin("close")
        agent.close()
        self._agent = None
        self.ledger.done(number)

    def edit(self) -> None:
        agent, text = self.agent, f"set-{self._number()}"
        number = self.ledger.begin("edit", [(HUMAN, text)])
        agent.core_memory.set("human", text)
        self.ledger.done(number)

    def append(self, speaker: str = "Ben") -> Put:
        agent, text = self.agent, f"said-{self._number()} {PADDING}".strip()
        number = self.ledger.begin("append", [("recall", text)])
        agent.recall.append(text, speaker=speaker)
        self.ledger.done(number)
        return ("recall", text)

    def insert(self) -> None:
        agent, text = self.agent, f"kept-{self._number()} {PADDING}".strip()
        number = self.ledger.begin("insert", [("archival", text)])
        agent.archival.insert(text, tags=["kept"])
        self.ledger.done(number)

    def load(self) -> None:
        folder = self._chain / "documents" / self._number()
        folder.mkdir(parents=True)
        texts = [f"page-{folder.name}-{letter} {PADDING}".strip() for letter in "abc"]
        for text in texts:
            (folder / f"{text.split()[0]}.md").write_text(text + "\n", "utf-8")
        number = self.ledger.begin("load", [(SOURCE, text) for text in texts])
        load_source(SOURCE, folder, memory=self._memory, embedder=EMBEDDERS["spread"])
        self.ledger.done(number)

    def restore(self) -> None:
        place = self._chain / f"restored-{self._number()}"
        file = place.with_suffix(".json")
        agent = self.agent
        puts = [(f"{place.name} recall", plain(m.text)) for m in agent.recall.everything()]
        puts += [(f"{place.name} archival", plain(p.text)) for p in agent.archival.everything()]
        agent.checkpoint(file)
        once = {put for put in puts if puts.count(put) == 1}  # alerts are told more than once
        number = self.ledger.begin("restore", sorted(once), place=str(place), file=str(file))
        restored = MemGPTAgent.from_checkpoint(
            file, llm_config=False, memory=place, embedder=EMBEDDERS["spread"]
        )
        len(restored.recall)
        self.ledger.done(number)
        restored.close()

    def forget(self) -> None:
        speaker = f"Carl{self._number()}"
        said = [self.append(speaker) for _ in range(3)]
        agent = self.agent
        number = self.ledger.begin("forget", drops=said)
        agent.forget(speaker=speaker)
        self.ledger.done(number)

    def reindex(self) -> None:
        if self._agent is not None:
            self.close()
        new = "spread" if embedder_in_use(self.ledger) == "spread_anew" else "spread_anew"
        number = self.ledger.begin("reindex", embedder=new)
        embed_anew(self._memory, new)
        self.ledger.done(number)

    def _number(self) -> str:
        """A number that nothing else in this chain has."""
        number = self.ledger.begin("number")
        self.ledger.done(number)
        return f"{number:05d}"


def embed_anew(memory: Path, embedder: str) -> None:
    """Embed the agent's memory with another embedder."""
    reindex(AGENT, memory=memory, embedder=EMBEDDERS[embedder])


def void(value: object) -> None:
    """Leave a value unused."""


def work(chain: str, config: Config, seed: int, target: str) -> None:
    """Runs in a child until it is killed."""
    Worker(Path(chain), config, seed).run(target)

"""Parts that are missing, embedders that are down, and who may read the files."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from memgpt_autogen import MemGPTAgent, MemGPTError, load_source
from memgpt_autogen.testing import ScriptedModel, send
from tests.durability.embedder import spread

pytestmark = pytest.mark.autogen


def open_agent(memory: Path, name: str = "mem", **kwargs: Any) -> MemGPTAgent:
    return MemGPTAgent(name, llm_config=False, memory=memory, embedder=spread, **kwargs)


@contextlib.contextmanager
def told(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """The warnings that a program is given, of either kind."""
    texts: list[str] = []
    with warnings.catch_warnings(record=True) as caught, caplog.at_level("WARNING"):
        warnings.simplefilter("always")
        before = len(caplog.records)
        yield texts
        texts += [record.getMessage() for record in caplog.records[before:]]
        texts += [
            str(one.message)
            for one in caught
            if issubclass(one.category, UserWarning | RuntimeWarning)
        ]


# ------------------------------------------------------------------ an embedder that is down


class Fickle:
    """An embedder that fails while it is told to."""

    def __init__(self, failure: Callable[[Sequence[str]], Any]) -> None:
        self.down = False
        self._failure = failure

    def __call__(self, texts: Sequence[str]) -> Any:
        return self._failure(texts) if self.down else spread(texts)


def _raise(problem: Exception) -> Callable[[Sequence[str]], Any]:
    def fail(texts: Sequence[str]) -> Any:
        raise problem

    return fail


FAILURES: dict[str, Callable[[Sequence[str]], Any]] = {
    "raises": _raise(RuntimeError("the embedding service is down")),
    "is cut off": _raise(ConnectionResetError("reset by peer")),
    "times out": _raise(TimeoutError("no answer")),
    "gives too few": lambda texts: spread(texts)[:-1],
    "gives no numbers": lambda texts: [[float("nan")] * 16 for _ in texts],
    "gives another size": lambda texts: [[1.0, 0.0]] * len(texts),
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("down", [range(4), range(1, 8), range(5, 9)], ids=str)
def test_an_embedder_that_is_down_silences_nobody(
    failure: str, down: range, tmp_path: Path
) -> None:
    """Each turn is answered, or refused before the model is asked."""
    embedder = Fickle(FAILURES[failure])
    with ScriptedModel(lambda request: send("Noted.")) as model:
        with MemGPTAgent(
            "mem", "", model.llm_config, memory=tmp_path / "memory", embedder=embedder
        ) as agent:
            answered = []
            for number in range(10):
                embedder.down = number in down
                asked, text = len(model.requests), f"Message {number} is about plums."
                try:
                    reply = agent.generate_reply(
                        [{"role": "user", "name": "Dana", "content": text}]
                    )
                except MemGPTError:
                    assert len(model.requests) == asked, "paid for, and not heard"
                else:
                    assert reply == "Noted."
                    answered.append(text)
                time.sleep(0.02)  # lets what is done behind the answer fail
            said = [m.text for m in agent.recall.everything() if m.speaker == "Dana"]
            assert set(answered) <= set(said) and len(said) == len(set(said))
            assert answered[-1] == "Message 9 is about plums."
            for text in answered:
                assert text in meant(agent, text)


def meant(agent: MemGPTAgent, text: str) -> list[str]:
    """What searching by meaning finds, once what waited is embedded."""
    end = time.monotonic() + 10
    while True:
        page = agent.recall.search(text, limit=20, by="meaning")
        found = [message.text for message in page.items]
        if text in found or time.monotonic() > end:
            return found
        time.sleep(0.05)


# ------------------------------------------------------------------ Chroma's folder is missing


def _fill(memory: Path) -> None:
    page = memory.parent / "manual.md"
    page.write_text("The valve is behind the blue panel.")
    load_source("manual", page, memory=memory, embedder=spread)
    with open_agent(memory) as agent:
        agent.attach("manual")
        agent.attach("team", writable=True)
        agent.archival.insert("The staging server has 8 GB.", archive="team")
        agent.archival.insert("Dana lives in Bergen.")
        for number in range(20):
            agent.recall.append(f"Fact {number} about the heron.", speaker="Dana")


def _empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


@pytest.mark.parametrize("where", ["agents/mem*", "sources/manual*", "sources/team*", "*/*"])
@pytest.mark.parametrize("deed", [shutil.rmtree, _empty], ids=["removed", "emptied"])
def test_a_missing_chroma_folder_takes_nothing_with_it(
    deed: Callable[[Path], None], where: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    memory, copy = tmp_path / "memory", tmp_path / "copy"
    _fill(memory)
    shutil.copytree(memory, copy)
    for folder in memory.glob(f"{where}/chroma"):
        deed(folder)
    with told(caplog) as warned:
        try:
            with open_agent(memory) as agent:
                assert len(list(agent.recall.everything())) == 20
                assert len(agent.archival.search("").items) == 3
                assert "Fact 7 about the heron." in meant(agent, "Fact 7 about the heron.")
        except MemGPTError:
            warned.append("refused")
            for folder in copy.glob(f"{where}/chroma"):  # the backup, put back
                back = memory / folder.relative_to(copy)
                shutil.rmtree(back, ignore_errors=True)
                shutil.copytree(folder, back)
    assert warned, "nobody was told"
    with open_agent(memory) as agent:
        assert len(list(agent.recall.everything())) == 20
        assert len(agent.archival.search("").items) == 3


# ------------------------------------------------------------------ a checkpoint, elsewhere

SHARES: dict[str, Callable[[MemGPTAgent], object]] = {
    "plan": lambda agent: agent.attach_block("plan", "Ship on Friday."),
    "rules": lambda agent: agent.attach_block("rules", "Be kind.", read_only=True),
    "team": lambda agent: (
        agent.attach("team", writable=True),
        agent.archival.insert("The staging server has 8 GB.", archive="team"),
    ),
    "manual": lambda agent: agent.attach("manual"),
}


def _holds(agent: MemGPTAgent, shared: str) -> bool:
    if shared in ("plan", "rules"):
        texts = [block.value for block in agent.core_memory if block.name == shared]
        return texts in (["Ship on Friday."], ["Be kind."])
    return any(passage.source == shared for passage in agent.archival.search("").items)


@pytest.mark.parametrize("elsewhere", [True, False], ids=["elsewhere", "in its place"])
@pytest.mark.parametrize("shared", [[name] for name in SHARES] + [list(SHARES)], ids="+".join)
def test_what_is_shared_comes_with_a_checkpoint_or_is_named(
    shared: list[str], elsewhere: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    memory, file = tmp_path / "memory", tmp_path / "mem.json"
    page = tmp_path / "manual.md"
    page.write_text("The valve is behind the blue panel.")
    load_source("manual", page, memory=memory, embedder=spread)
    with open_agent(memory) as agent:
        for name in shared:
            SHARES[name](agent)
        agent.checkpoint(file)
    if elsewhere:
        memory = tmp_path / "elsewhere"
    else:
        [home] = memory.glob("agents/mem*")
        shutil.rmtree(home)
    whole: list[str] = []
    with told(caplog) as warned:
        try:
            with MemGPTAgent.from_checkpoint(
                file, llm_config=False, memory=memory, embedder=spread
            ) as restored:
                whole = [name for name in shared if _holds(restored, name)]
        except MemGPTError as problem:
            warned.append(str(problem))
    assert elsewhere or whole == shared
    for name in set(shared) - set(whole):
        assert any(name in text for text in warned), f"{name} is made anew, or gone, silently"


# ------------------------------------------------------------------ who may read the files


def _exposed(root: Path) -> list[str]:
    """What others may get at: each folder on the way, and the file itself."""

    def is_open(path: Path) -> bool:
        way = [one for one in (path, *path.parents) if one.is_relative_to(root)]
        return all(one.stat().st_mode & 0o077 for one in way)

    files = [path for path in root.rglob("*") if path.is_file() and is_open(path)]
    return [f"{stat.filemode(path.stat().st_mode)} {path.relative_to(root)}" for path in files]


@pytest.fixture(params=[0o022, 0o002, 0o000], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    old = os.umask(request.param)
    yield
    os.umask(old)


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
@pytest.mark.parametrize("made", [False, True], ids=["by the agent", "before"])
def test_only_the_owner_may_enter_the_memory(made: bool, umask: None, tmp_path: Path) -> None:
    memory, outside = tmp_path / "there" / "memory", tmp_path / "there" / "mem.json"
    outside.parent.mkdir()
    if made:
        memory.mkdir()
    _fill(memory)
    with open_agent(memory) as agent:
        agent.attach_block("plan", "Ship on Friday.")
        assert not _exposed(memory)  # also what is there only while it is open
        agent.forget(speaker="Dana")
        agent.checkpoint(outside)
    assert not _exposed(memory)
    assert not outside.stat().st_mode & 0o077

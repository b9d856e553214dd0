"""Checkpoints: written whole, read back the same, refused where they would destroy."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from memgpt_autogen import MemGPTAgent, TimedEvent, import_agent
from memgpt_autogen.errors import ConfigurationError, StateFormatError, StorageError
from memgpt_autogen.storage.embedders.embedder import Embedder, HashingEmbedder
from memgpt_autogen.storage.indexer import Progress
from memgpt_autogen.storage.store import open_store
from memgpt_autogen.testing import ScriptedModel, call, calls, send
from memgpt_autogen.upkeep.agent_files.reader import read_agent_file
from tests.clocks import NOON, Ticking

FROZEN = Path(__file__).parent / "data" / "checkpoint_v1.json"
FROZEN_SHARED = FROZEN.with_name("checkpoint_v1_shared.json")

Make = Callable[..., MemGPTAgent]


class OtherSpace(HashingEmbedder):
    """The same vectors under another name, as those of another model."""

    model_id = "other-space"


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[MemGPTAgent] = []

    def build(
        model: ScriptedModel,
        checkpoint: Path | None = None,
        where: str = "memory",
        embedder: Embedder | None = None,
        **kwargs: Any,
    ) -> MemGPTAgent:
        kwargs = {
            "llm_config": model.llm_config,
            "memory": tmp_path / where,
            "embedder": embedder or HashingEmbedder(),
            "clock": Ticking(),
            **kwargs,
        }
        if checkpoint is None:
            agent = MemGPTAgent("mem", **kwargs)
        else:
            agent = MemGPTAgent.from_checkpoint(checkpoint, **kwargs)
        made.append(agent)
        return agent

    yield build
    for agent in made:
        agent.close()


def ask(agent: MemGPTAgent, text: str, speaker: str = "Alice") -> Any:
    return agent.generate_reply([{"role": "user", "content": text, "name": speaker}])


@pytest.mark.autogen
def test_an_agent_goes_on_in_another_place_with_another_embedder(
    make: Make, tmp_path: Path
) -> None:
    script = [
        calls(
            call("core_memory_append", name="human", content="Likes tea. ☕"),
            call("send_message", message="Noted."),
        ),
        send("Tea."),
    ]
    path = tmp_path / "backup" / "mem.json"
    with ScriptedModel(script) as model:
        first = make(model)
        ask(first, "I like tea.")
        first.archival.insert("Sencha is green tea.", tags=["tea", "日本"])
        gone = first.archival.insert("to be deleted")
        first.archival.delete(gone)
        first.recall.append("a word between", "Bob", NOON - timedelta(days=3))
        first.checkpoint(path)
        assert ask(first, "What?") == "Tea."  # it goes on after the checkpoint

        with ScriptedModel([send("Tea again.")]) as other:
            second = make(other, path, "elsewhere", OtherSpace())
            assert second.name == "mem"
            assert second.core_memory["human"].value == "Likes tea. ☕"
            assert [(m.id, m.text, m.speaker) for m in second.recall.latest(9)] == [
                ("m00000001", "I like tea.", "Alice"),
                ("m00000002", "Noted.", "mem"),
                ("m00000003", "a word between", "Bob"),
            ]
            assert second.recall.latest(1)[0].timestamp == NOON - timedelta(days=3)
            (passage,) = second.archival.latest(9)
            assert (passage.text, passage.tags) == ("Sencha is green tea.", ("tea", "日本"))
            assert second.archival.search("sencha", tags=["日本"]).items[0].id == passage.id
            assert second.recall.search("tea").items[0].text == "I like tea."
            assert second.recall.append("next", "Bob") == "m00000004"
            assert ask(second, "What do I drink?") == "Tea again."
            # the queue goes on where it stopped
            assert other.requests[0].contains("Alice: I like tea.") == 1


@pytest.mark.autogen
def test_ids_stay_what_they_were_where_some_in_between_are_gone(make: Make, tmp_path: Path) -> None:
    with ScriptedModel([]) as model:
        agent = make(model)
        ids = [agent.recall.append(f"word {number}", "Ann") for number in range(4)]
        notes = [agent.archival.insert(f"note {number}") for number in range(4)]
        agent.recall.delete(ids.pop(1))
        agent.archival.delete(notes.pop(1))
        agent.checkpoint(tmp_path / "kept.json")
        other = make(model, tmp_path / "kept.json", where="elsewhere")
        assert [one.id for one in other.recall.everything()] == ids
        assert [one.id for one in other.archival.everything()] == notes


def test_no_key_and_no_configuration_is_written(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    with ScriptedModel([send("hi")]) as model:
        agent = make(model)
        ask(agent, "hello")
        agent.checkpoint(path)
        content = path.read_text("utf-8")
        assert model.api_key not in content
    for word in ("api_key", "base_url", "config_list", "llm_config"):
        assert word not in content
    assert [one.name for one in tmp_path.glob(".c.json*")] == []  # no half file beside it
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.autogen
def test_a_place_that_remembers_something_is_refused(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    with ScriptedModel([send("hi")]) as model:
        agent = make(model)
        ask(agent, "hello")
        agent.checkpoint(path)
        agent.close()
        with pytest.raises(ConfigurationError, match="Give another memory="):
            make(model, path)
        assert [m.text for m in make(model).recall.latest(9)] == ["hello", "hi"]


@pytest.mark.autogen
def test_a_place_where_an_agent_was_opened_and_said_nothing_is_taken(
    make: Make, tmp_path: Path
) -> None:
    with ScriptedModel([]) as model:
        make(model).close()
        make(model).close()
        kwargs: dict[str, Any] = {"embedder": HashingEmbedder(), "memory": tmp_path / "memory"}
        frozen = json.loads(FROZEN.read_text("utf-8"))
        path = tmp_path / "renamed.json"
        path.write_text(json.dumps({**frozen, "agent": "mem"}), "utf-8")
        with MemGPTAgent.from_checkpoint(path, llm_config=model.llm_config, **kwargs) as agent:
            assert len(agent.recall) == len(frozen["messages"])


def test_a_restoration_that_was_killed_left_nothing_and_is_done_by_the_next(
    tmp_path: Path,
) -> None:
    content = json.loads(FROZEN.read_text("utf-8"))
    first = content["messages"][0]
    content["messages"] = [
        {**first, "id": f"m{n:08d}", "text": f"message {n}"} for n in range(1, 1301)
    ]
    path, place = tmp_path / "long.json", tmp_path / "memory"
    path.write_text(json.dumps(content), "utf-8")
    told: list[tuple[int, int]] = []

    def killed(done: int, total: int) -> None:
        if done > 500:
            raise KeyboardInterrupt

    def restore(progress: Progress) -> str:
        return import_agent(path, memory=place, embedder=HashingEmbedder(), progress=progress)

    with pytest.raises(KeyboardInterrupt):
        restore(killed)
    name = restore(lambda done, total: told.append((done, total)))
    assert told[-1] == (1302, 1302)
    with pytest.raises(ConfigurationError, match="already holds the memory"):
        restore(killed)
    store = open_store(str(place), "agents", name, HashingEmbedder())
    try:
        assert (len(store.recall), len(store.archival)) == (1300, 2)
        assert store.state.values()
    finally:
        store.close()


@pytest.mark.autogen
def test_the_frozen_checkpoint_of_version_1_still_loads(make: Make) -> None:
    with ScriptedModel([send("Sencha.")]) as model:
        agent = make(model, FROZEN)
        assert agent.name == "tea_master"
        assert agent.core_memory["persona"].value == "I am terse."
        assert agent.core_memory["human"].value == "Alice likes tea. ☕"
        assert [(m.speaker, m.text) for m in agent.recall.latest(9)] == [
            ("Alice", "I like tea."),
            ("tea_master", "Noted."),
            ("Bob", "Grüße aus 東京"),
        ]
        assert [p.tags for p in agent.archival.latest(9)] == [("tea",), ()]
        assert agent.archival.search("sencha").items[0].text == "Sencha is green tea."
        assert ask(agent, "Which tea?") == "Sencha."
        request = model.requests[0]
        assert request.contains("(summary of earlier messages) Alice and I met.") == 1
        assert request.contains("Alice: I like tea.") == 1
        assert agent.context_overview().counters.evictions == 1


@pytest.mark.autogen
def test_a_checkpoint_of_version_1_with_groups_images_and_what_was_shared_loads(
    make: Make,
) -> None:
    with ScriptedModel([send("8123.")]) as model:
        with pytest.warns(RuntimeWarning, match="'(plan|team)'"):  # they stayed where they were
            agent = make(model, FROZEN_SHARED, context_window=8000)
        assert agent.archival.attached == ()
        assert {block.name: block.value for block in agent.core_memory} == {
            "persona": "I am terse.\n\nI drink tea.",
            "human": "Likes tea. ☕",
            "human:Ann": "",
            "human:Ben": "",
        }
        assert [m.speaker for m in agent.recall.latest(10)][-3:] == ["Teekenner", "Bob", "Ann"]
        assert ask(agent, "Which port?") == "8123."
        queue = model.requests[0].messages
        texts = [str(message["content"]) for message in queue]
        for line in (
            "[2026-05-08 12:03] Ann: I like tea.",
            "[2026-05-08 12:09] Ben: I am Ben.",
            "[2026-05-08 12:00] (system alert) the kettle boils",
        ):
            assert texts.count(line) == 1
        (pictures,) = [m["content"] for m in queue if "See this." in str(m["content"])]
        assert [part["type"] for part in pictures] == ["text", "image_url"]
        assert agent.notify(TimedEvent(timestamp=NOON)) == ()  # still held back


@pytest.mark.autogen
def test_what_is_shared_comes_along_with_the_history_of_blocks(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    with ScriptedModel([]) as model:
        first = make(model)
        first.attach("team", writable=True)
        first.archival.insert("The port is 8123.", archive="team")
        first.attach_block("plan", "Ship on Friday.", limit=300)
        first.core_memory.set("human", "Likes tea.")
        first.core_memory.set("human", "Likes coffee.")
        first.checkpoint(path)
        second = make(model, path, "elsewhere")
        assert second.archival.archives == ("team",)
        assert [p.source for p in second.archival.search("port").items] == ["team"]
        block = second.core_memory["plan"]
        assert (block.value, block.limit, block.shared) == ("Ship on Friday.", 300, True)
        assert second.core_memory.history("human") == first.core_memory.history("human")
        assert second.core_memory.revert("human").value == "Likes tea."


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "is no agent file"),
        ("not json", "is no agent file"),
        ("[1, 2]", "is no agent file"),
        ('{"format": "something else", "version": 1}', "is no agent file"),
        ('{"format": "memgpt-autogen checkpoint", "version": 3}', "install a newer"),
        (
            '{"format": "memgpt-autogen checkpoint", "agent": "a", "version": 1}',
            "damaged: the file: KeyError 'state'",
        ),
        ('{"format": "memgpt-autogen checkpoint", "version": 2}', "damaged: agent"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, content: str, complaint: str) -> None:
    path = tmp_path / "c.json"
    path.write_text(content)
    with pytest.raises(StateFormatError, match=complaint):
        read_agent_file(path)


def test_a_file_that_cannot_be_read_or_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_agent_file(tmp_path / "missing.json")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StateFormatError, match="no agent file"):
        read_agent_file(tmp_path / "binary")


@pytest.mark.autogen
def test_an_unwritable_path_says_so_and_leaves_the_old_file(make: Make, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    with ScriptedModel([]) as model:
        agent = make(model)
        with pytest.raises(StorageError, match="Choose another path"):
            agent.checkpoint(tmp_path / "file" / "c.json")
    assert (tmp_path / "file").read_text() == "old"

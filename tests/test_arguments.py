"""What a program gives is checked where it gives it, and told by its name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from memgpt_autogen import (
    AutoGenTranslator,
    Block,
    ConfigurationError,
    MemGPT,
    MemGPTAgent,
    MemGPTCapability,
    Settings,
    SystemAlert,
    load_source,
    reindex,
)
from memgpt_autogen.arguments import checked
from memgpt_autogen.memory.archival import ArchivalStorage
from memgpt_autogen.memory.core import CoreMemory
from memgpt_autogen.memory.recall import RecallStorage
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder
from tests.clocks import NOON

pytestmark = pytest.mark.autogen

HASHING = HashingEmbedder()
MEMORY: dict[str, Any] = {"memory": ":memory:", "embedder": HASHING}

# What no type checker lets pass is given to these.
Capability, Configured, Labelled = cast("Any", (MemGPTCapability, Settings, Block))

# The public doors, each with an argument of every name that it takes.
DOORS: dict[str, tuple[Callable[[Any], Callable[..., Any]], dict[str, Any]]] = {
    "agent.steps": (lambda agent: agent.steps, {"turns": 1}),
    "agent.notify": (
        lambda agent: agent.notify,
        {"event": SystemAlert("x"), "recipient": None, "urgent": False},
    ),
    "agent.a_notify": (
        lambda agent: agent.a_notify,
        {"event": SystemAlert("x"), "recipient": None, "urgent": False},
    ),
    "agent.resume": (lambda agent: agent.resume, {"recipient": None}),
    "agent.a_resume": (lambda agent: agent.a_resume, {"recipient": None}),
    "agent.schedule": (
        lambda agent: agent.schedule,
        {"event": "x", "every": timedelta(1), "cron": "0 9 * * *", "at": NOON, "name": "y"},
    ),
    "agent.unschedule": (lambda agent: agent.unschedule, {"name": "x"}),
    "agent.attach": (lambda agent: agent.attach, {"source": "x", "writable": True}),
    "agent.detach": (lambda agent: agent.detach, {"source": "x"}),
    "agent.attach_block": (
        lambda agent: agent.attach_block,
        {"name": "x", "value": "y", "limit": 200, "read_only": True},
    ),
    "agent.detach_block": (lambda agent: agent.detach_block, {"name": "x"}),
    "agent.forget": (lambda agent: agent.forget, {"speaker": "Ann"}),
    "agent.checkpoint": (lambda agent: agent.checkpoint, {"path": "x"}),
    "agent.from_checkpoint": (
        lambda agent: agent.from_checkpoint,
        {"path": "x", "memory": "y", "clock": datetime.now, "progress": print},
    ),
    "core.set": (
        lambda agent: agent.core_memory.set,
        {"name": "human", "value": "x", "author": "y", "version": 1},
    ),
    "core.append": (lambda agent: agent.core_memory.append, {"name": "human", "content": "x"}),
    "core.replace": (
        lambda agent: agent.core_memory.replace,
        {"name": "human", "old_content": "x", "new_content": "y"},
    ),
    "core.revert": (lambda agent: agent.core_memory.revert, {"name": "human", "version": 1}),
    "core.version": (lambda agent: agent.core_memory.version, {"name": "human"}),
    "core.add": (lambda agent: agent.core_memory.add, {"block": Block(name="x"), "author": "y"}),
    "core.remove": (lambda agent: agent.core_memory.remove, {"name": "human"}),
    "core.limit": (lambda agent: agent.core_memory.limit, {"name": "human", "limit": 500}),
    "core.history": (lambda agent: agent.core_memory.history, {"name": "human"}),
    "recall.write": (lambda agent: agent.recall.write, {"items": [], "progress": print}),
    "archival.write": (lambda agent: agent.archival.write, {"items": [], "progress": print}),
    "recall.append": (
        lambda agent: agent.recall.append,
        {"text": "x", "speaker": "Ann", "timestamp": NOON, "origin": "y"},
    ),
    "recall.search": (
        lambda agent: agent.recall.search,
        {
            "query": "x",
            "limit": 1,
            "page": 0,
            "start": NOON,
            "end": NOON,
            "speaker": "Ann",
            "by": "words",
        },
    ),
    "recall.around": (lambda agent: agent.recall.around, {"id": "m00000001", "count": 1}),
    "recall.between": (
        lambda agent: agent.recall.between,
        {"start": NOON, "end": NOON, "limit": 1, "page": 0},
    ),
    "recall.everything": (lambda agent: agent.recall.everything, {"speaker": "Ann"}),
    "recall.delete": (lambda agent: agent.recall.delete, {"ids": "m00000001"}),
    "recall.latest": (lambda agent: agent.recall.latest, {"count": 1}),
    "recall.get": (lambda agent: agent.recall.get, {"ids": ["m00000001"]}),
    "archival.attach": (
        lambda agent: agent.archival.attach,
        {"other": object.__new__(ArchivalStorage), "writable": True},
    ),
    "archival.detach": (lambda agent: agent.archival.detach, {"source": "x"}),
    "archival.insert": (
        lambda agent: agent.archival.insert,
        {"text": "x", "tags": ["y"], "timestamp": NOON, "archive": "z"},
    ),
    "archival.passage": (
        lambda agent: agent.archival.passage,
        {"text": "x", "tags": ["y"], "timestamp": NOON},
    ),
    "archival.search": (
        lambda agent: agent.archival.search,
        {"query": "x", "limit": 1, "page": 0, "tags": ["y"], "by": "words"},
    ),
    "archival.delete": (lambda agent: agent.archival.delete, {"ids": ["p00000001"]}),
    "archival.latest": (lambda agent: agent.archival.latest, {"count": 1}),
    "archival.get": (lambda agent: agent.archival.get, {"ids": "p00000001"}),
    "load_source": (
        lambda agent: load_source,
        {
            "name": "x",
            "paths": [__file__],
            "memory": "z",
            "embedder": HASHING,
            "progress": print,
            "clock": datetime.now,
        },
    ),
    "reindex": (
        lambda agent: reindex,
        {"agent": "x", "memory": "y", "embedder": HASHING, "progress": print},
    ),
    "MemGPTAgent": (
        lambda agent: lambda **given: MemGPTAgent("x", llm_config=False, **given),
        {
            **MEMORY,
            "persona": "x",
            "human": "y",
            "context_window": 8192,
            "preset": "memgpt_chat",
            "translator": AutoGenTranslator(),
            "listen_to": ["Ann"],
            "on_message": print,
            "clock": datetime.now,
        },
    ),
    "MemGPTCapability": (lambda agent: MemGPTCapability, {**MEMORY, "listen_to": {"Ann"}}),
    "MemGPT": (
        lambda agent: MemGPT,
        {**MEMORY, "model": "x", "context_window": 8192, "clock": datetime.now},
    ),
    "AutoGenTranslator": (
        lambda agent: AutoGenTranslator,
        {"monologue": "hidden", "calls": "reply"},
    ),
    "Settings": (lambda agent: Settings, Settings().model_dump()),
    "Block": (lambda agent: Block, Block(name="x").model_dump()),
}
# What AutoGen calls, what the model's functions and the queue call, and what takes any object.
INNER = {
    "core.write",
    *("generate_oai_reply", "a_generate_oai_reply", "close"),
    *("update_tool_signature", "update_function_signature"),
    *("edit_append", "edit_replace", "discard", "shown", "share", "refresh", "news", "known"),
    *("take_in", "put", "take_out", "render", "speakers", "places", "reading"),
    *("hand_over", "may_edit", "seen", "changes", "of", "count", "everywhere"),
}
WRONG = [(door, argument) for door, (_, given) in DOORS.items() for argument in given]


@pytest.fixture(scope="module")
def agent() -> Iterator[Any]:
    with MemGPTAgent("mem", llm_config=False, **MEMORY) as made:
        made.recall.append("I am Dana.", "Dana", NOON)
        yield made


@pytest.mark.parametrize(("door", "argument"), WRONG)
def test_every_argument_of_every_door_is_checked(door: str, argument: str, agent: Any) -> None:
    find, given = DOORS[door]
    with pytest.raises(ConfigurationError, match=rf"\b{argument}=.*\bgive ") as told:
        find(agent)(**{**given, argument: object()})
    assert isinstance(told.value, ValueError)


def test_no_door_is_forgotten() -> None:
    known = INNER | DOORS.keys()
    for kind, owner in (
        ("agent", MemGPTAgent),
        ("core", CoreMemory),
        ("recall", RecallStorage),
        ("archival", ArchivalStorage),
    ):
        for name, method in inspect.getmembers(owner, inspect.isroutine):
            ours = str(getattr(inspect.unwrap(method), "__module__", "")).startswith("memgpt")
            if not ours or name.startswith("_") or {name, f"{kind}.{name}"} & known:
                continue
            assert list(inspect.signature(method).parameters) == ["self"], name


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda a: a.recall.search(5), "search(query=5): give a text."),
        (lambda a: a.recall.search("x", True), "search(limit=True): give a whole number."),
        (lambda a: a.recall.search("x", 0), "search(limit=0): give a number of at least 1."),
        (lambda a: a.recall.search("x", page=-1), "search(page=-1): give a number of at least 0."),
        (
            lambda a: a.recall.search("x", by="magic"),
            "search(by='magic'): give 'both', 'words' or 'meaning'.",
        ),
        (
            lambda a: a.recall.search("x", end="soon"),
            "search(end='soon'): give a datetime, a date, or text in ISO 8601 such as"  # noqa: ISC004
            " 2026-05-08T17:04.",
        ),
        (
            lambda a: a.recall.append(None, 5),
            "append(text=None): give a text; append(speaker=5): give a text.",
        ),
        (lambda a: a.recall.append("x", " "), "speaker=' ': name who said it."),
        (lambda a: a.recall.get([5]), "get(ids.0=5): give a text."),
        (lambda a: a.recall.get(5), "get(ids=5): give a text or a list."),
        (lambda a: a.archival.search("x", tags="a"), "search(tags='a'): give a list of texts."),
        (lambda a: a.archival.insert("x", tags=[5]), "insert(tags.0=5): give a text."),
        (lambda a: a.recall.write(["x"]), "items: give a list of Message objects."),
        (lambda a: a.notify("x"), "notify(event='x'): give an Event."),
        (lambda a: a.notify({"text": "x"}), "notify(event=dict): give an Event."),
        (lambda a: a.notify(SystemAlert), "notify(event=SystemAlert): give an Event."),
        (lambda a: Configured(block_limit="x"), "Settings(block_limit='x'): give a whole number."),
        (lambda a: Configured(max_steps=True), "Settings(max_steps=True): give a whole number."),
        (
            lambda a: Configured(pressure_share=70),
            "Settings(pressure_share=70): give a number under 1.0.",
        ),
        (lambda a: Labelled(value=""), "Block(name): give one, for it has no default."),
        (
            lambda a: Labelled(name="x", size=5),
            "Block(size=5): give one of name, value, limit, read_only, shared.",
        ),
        (
            lambda a: Capability(context_window="8k"),
            "context_window='8k': give a whole number.",
        ),
        (lambda a: Capability(memory=5), "memory=5: give a text or a Path or Settings."),
        (
            lambda a: Capability(translator=AutoGenTranslator),
            "translator=AutoGenTranslator: give an object of it.",
        ),
        (
            lambda a: Capability(preset="no"),
            (
                "there is no preset 'no'; the presets are memgpt_chat, memgpt_coder, memgpt_docs,"
                " memgpt_group, memgpt_short, memgpt_small. Or give a text, or a file that ends"
                " with .txt"
            ),
        ),
        (
            lambda a: Capability(**MEMORY).add_to_agent("x"),
            "add_to_agent(agent='x'): give a ConversableAgent.",
        ),
    ],
)
def test_it_says_which_argument_what_was_given_and_what_to_give(
    wrong: Callable[[Any], object], told: str, agent: Any
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        wrong(agent)
    assert str(refused.value) == told


def test_what_may_hold_a_secret_is_not_repeated() -> None:
    with pytest.raises(ConfigurationError) as refused:
        Capability(memory={"api_key": "sk-secret"})
    assert str(refused.value) == "memory=dict: give a text or a Path or Settings."


def test_too_many_and_too_few_arguments_are_pythons_to_tell(agent: Any) -> None:
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'query'"):
        agent.recall.search()
    with pytest.raises(TypeError, match="unexpected keyword argument 'k'"):
        agent.recall.search("x", k=5)


def test_numbers_of_any_size_are_fine(agent: Any) -> None:
    huge = 10**30
    assert agent.recall.search("", page=huge).items == ()
    assert agent.archival.search("", page=huge).items == ()
    assert agent.recall.between(None, None, page=huge).items == ()
    assert len(agent.recall.latest(huge)) == len(agent.recall)
    assert agent.recall.latest(0) == []
    assert agent.recall.around("m00000001", huge) == agent.recall.latest(huge)[1:]


@pytest.mark.parametrize(
    "day", ["2026-05-08", " 2026-05-08 ", "2026-05-08T14:00", date(2026, 5, 8)]
)
def test_a_date_may_be_a_text(day: Any, agent: Any) -> None:
    key = agent.recall.append("Dated.", "Eve", day)
    found = agent.recall.search("", start="2026-05-08", end="2026-05-08", speaker="Eve")
    assert [one.id for one in found.items] == [key]
    assert agent.recall.between("2026-05-09T00:00Z", None).total == 0
    passage = agent.archival.insert("Dated.", timestamp=day)
    assert agent.archival.get(passage)[0].timestamp == found.items[0].timestamp
    agent.recall.delete(key)


def test_an_error_of_pydantic_from_inside_stays_what_it_is() -> None:
    @checked
    def outer(size: int) -> Any:
        return Block.model_validate({"name": size})

    with pytest.raises(ValueError, match="validation error for Block"):
        outer(5)


@pytest.mark.parametrize(
    ("memory", "told"),
    [
        ("", "memory='' is no path"),
        (" ", "memory=' ' is no path"),
        ("a\0b", "is no path"),
        ("~nobody-of-this-name/x", "is no path"),
        ("localhost:8000", r"did you mean http://localhost:8000\?"),
        ("chroma.example.com:8000", r"did you mean http://chroma.example.com:8000\?"),
        ("ftp://x", "begins with http:// or https://"),
        ("http://", "names no host"),
        ("file", r"file is a file: name another"),
        (Path("file") / "below", r"file is a file: name another"),
    ],
)
def test_a_memory_that_cannot_be_is_refused_with_the_cure(
    memory: str | Path, told: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("x")
    settings = Settings(location=str(memory))
    for use in (
        lambda: MemGPTAgent("mem", llm_config=False, memory=memory, embedder=HASHING),
        lambda: MemGPTCapability(memory=settings),
        lambda: load_source("x", tmp_path / "file", memory=memory),
        lambda: reindex("x", memory=memory, embedder=HASHING),
    ):
        with pytest.raises(ConfigurationError, match=told):
            use()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "home"]


def test_paths_begin_at_home_where_they_say_so(tmp_path: Path) -> None:
    agent = MemGPTAgent("mem", llm_config=False, memory="~/mem", embedder=HASHING)
    with agent:
        agent.recall.append("I am Dana.", "Dana", NOON)
        agent.checkpoint("~/mem.json")
    assert (tmp_path / "home" / "mem" / "agents" / "mem").is_dir()
    again = MemGPTAgent.from_checkpoint(
        "~/mem.json", llm_config=False, memory="~/again", embedder=HASHING
    )
    with again:
        assert again.recall.latest(1)[0].text == "I am Dana."
    (tmp_path / "home" / "note.txt").write_text("A note.")
    assert load_source("x", "~/note.txt", memory="~/mem", embedder=HASHING).passages == 1
    assert reindex("mem", memory="~/mem", embedder=HASHING) == 1


@pytest.mark.parametrize("path", ["", "a\0b", "~nobody-of-this-name/x", "."])
def test_a_file_that_cannot_be_is_refused(path: str, agent: Any) -> None:
    with pytest.raises(ConfigurationError):
        agent.checkpoint(path)
    with pytest.raises(ConfigurationError):
        MemGPTAgent.from_checkpoint(path)


def test_an_agent_that_is_not_there_is_not_embedded_anew(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no agent 'mem'.*there are: none"):
        reindex("mem", memory=tmp_path / "m", embedder=HASHING)
    assert not (tmp_path / "m").exists()

"""Imported chats: ChatGPT's export and AutoGen's histories, each message once."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from autogen import AssistantAgent

from memgpt_autogen import MemGPTAgent, Message, import_chats
from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.memory.recall import RecallStorage
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder
from memgpt_autogen.storage.store import open_store
from memgpt_autogen.upkeep.forgetting.forget import forget
from tests.clocks import NOON
from tests.files import files_with
from tests.terminal import Run, make_coder, open_coder

BEGAN = 1_700_000_000.5


@pytest.fixture
def recall() -> Iterator[RecallStorage]:
    with closing(open_store(":memory:", "agents", "mem", HashingEmbedder())) as store:
        yield RecallStorage(store.recall, clock=lambda: NOON)


def said(recall: RecallStorage) -> list[tuple[str, str]]:
    return [(message.speaker, message.text) for message in recall.everything()]


def node(
    name: str, parent: str | None, role: str = "", text: Any = "", **message: Any
) -> tuple[str, Any]:
    """A node of ChatGPT's tree; without a role, one without a message."""
    parts = text if isinstance(text, list) else [text]
    content = {"content_type": message.pop("kind", "text"), "parts": parts}
    whole = {"author": {"role": role}, "content": content, "weight": 1.0, **message}
    return name, {"id": name, "parent": parent, "message": whole if role else None}


def conversation(*nodes: Any, id: str = "0a1b2c3d-4e5f-6789", **fields: Any) -> dict[str, Any]:
    return {
        "title": "Tea at home",
        "create_time": BEGAN,
        "mapping": dict(nodes),
        "current_node": nodes[-1][0] if nodes else None,
        "conversation_id": id,
        **fields,
    }


def export_file(path: Path, *conversations: Any) -> Path:
    path.write_text(json.dumps(conversations), "utf-8")
    return path


TREE = (
    node("root", None),
    node("system", "root", "system", "Be kind."),
    node("about", "system", "user", "", kind="user_editable_context"),
    node("q1", "about", "user", "Which tea?", create_time=BEGAN + 60),
    node("wrong", "q1", "assistant", "Coffee.", create_time=BEGAN + 61),  # regenerated
    node("think", "q1", "assistant", "", kind="thoughts"),
    node("call", "think", "assistant", "search('tea')", kind="code", recipient="browser"),
    node("result", "call", "tool", "ten hits"),
    node("a1", "result", "assistant", "Sencha.", create_time=BEGAN + 90),
    node("hidden", "a1", "user", "x", metadata={"is_visually_hidden_from_conversation": True}),
    node(
        "q2",
        "hidden",
        "user",
        [
            {"content_type": "image_asset_pointer", "asset_pointer": "file-service://1"},
            {"content_type": "audio_transcription", "text": "and this?"},
            "See the cup.",
            {"content_type": "audio_asset_pointer"},
            None,
        ],
        kind="multimodal_text",
        create_time=None,
    ),
    node("empty", "q2", "assistant", ""),
)


def test_a_conversation_is_taken_as_it_was_seen_last(tmp_path: Path, recall: RecallStorage) -> None:
    path = export_file(tmp_path / "conversations.json", conversation(*TREE))
    found = import_chats(path, recall, you="Dana")
    assert said(recall) == [
        ("Dana", "Which tea?"),
        ("ChatGPT", "Sencha."),
        ("Dana", "(image)\nand this?\nSee the cup."),
    ]
    first, second, third = recall.everything()
    assert first.origin == "Tea at home (ChatGPT 0a1b2c3d-4e5)"
    assert first.timestamp == datetime.fromtimestamp(BEGAN + 60, timezone.utc)
    assert third.timestamp == second.timestamp  # it has no time of its own
    assert (found.chats, found.imported, found.known) == (1, 3, 0)
    assert found.skipped == {
        "calls of tools": 1,
        "hidden from the conversation": 1,
        "instructions": 2,
        "results of tools": 1,
        "thoughts": 1,
        "without text": 1,
    }
    assert recall.search("sencha").items[0].text == "Sencha."


def test_importing_again_adds_what_is_new_also_under_a_new_title(
    tmp_path: Path, recall: RecallStorage
) -> None:
    path = tmp_path / "conversations.json"
    export_file(path, conversation(*TREE))
    import_chats(path, recall)
    before = said(recall)
    assert import_chats(path, recall).known == 3
    assert said(recall) == before
    more = node("q3", "empty", "user", "Which tea?")  # the same words again are another message
    export_file(path, conversation(*TREE, more, title="Of tea"), conversation(*TREE, id="other"))
    found = import_chats(path, recall)
    assert (found.chats, found.imported, found.known) == (2, 4, 3)
    assert len({message.origin for message in recall.everything()}) == 2


def test_trees_that_are_odd_are_read_as_far_as_they_can_be(
    tmp_path: Path, recall: RecallStorage
) -> None:
    ring = (node("a", "b", "user", "round"), node("b", "a", "assistant", "and round"))
    leaf = (
        node("a", None, "user", "early", create_time=BEGAN),
        node("b", "a", "assistant", "old", create_time=BEGAN + 1),
        node("c", "a", "assistant", "new", create_time=BEGAN + 2),
    )
    broken = conversation(("a", {"parent": None, "message": {"author": None}}), id="broken")
    path = export_file(
        tmp_path / "conversations.json",
        conversation(*ring, id="ring"),
        conversation(*leaf, id="leaf", current_node=None, title=None, create_time=None),
        conversation(id="nothing"),
        broken,
        "no conversation",
    )
    found = import_chats(path, recall, assistant="Bot")
    texts = [text for _, text in said(recall)]
    assert sorted(texts[:2]) == ["and round", "round"]
    assert said(recall)[2:] == [("user", "early"), ("Bot", "new")]
    assert found.skipped == {"chats that cannot be read": 2}
    assert found.chats == 5


def test_a_whole_export_is_read_from_its_zip_file_or_folder(
    tmp_path: Path, recall: RecallStorage
) -> None:
    for number in (0, 1):
        one = conversation(node("a", None, "user", f"part {number}"), id=f"{number}")
        export_file(tmp_path / f"conversations-00{number}.json", one)
    (tmp_path / "user.json").write_text("{}")
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        for file in tmp_path.glob("*.json"):
            archive.write(file, f"export/{file.name}")
    assert import_chats(tmp_path / "export.zip", recall).imported == 2
    assert import_chats(tmp_path, recall).known == 2
    assert [text for _, text in said(recall)] == ["part 0", "part 1"]


# ------------------------------------------------------------------ AutoGen's

HISTORY: list[dict[str, Any]] = [
    {"content": "Be brief.", "role": "system"},
    {"content": "Print 1 to 10.", "role": "user", "name": "Ann"},
    {"content": "", "role": "assistant", "name": "coder", "tool_calls": [{"id": "1"}]},
    {"content": "ok", "role": "tool", "name": "Ann", "tool_responses": [{"content": "ok"}]},
    {"content": "None", "role": "assistant", "name": "coder", "function_call": {"name": "run"}},
    {"content": [{"type": "text", "text": "Like so?"}, {"type": "image_url"}], "role": "user"},
    {"content": "print(*range(1, 11))", "role": "assistant", "timestamp": "2026-05-08T09:00:00Z"},
    {"content": None, "role": "user"},
]


class Partner(NamedTuple):
    """What is known of an AutoGen agent here."""

    name: str


HEARD = [
    ("Ann", "Print 1 to 10."),
    ("Dana", "Like so?\n(image)"),
    ("coder", "print(*range(1, 11))"),
]


@pytest.mark.parametrize(
    "given",
    [
        HISTORY,
        {"messages": HISTORY},
        {"chat_history": HISTORY, "summary": "done", "cost": {}},
        SimpleNamespace(messages=HISTORY),  # a GroupChat
        SimpleNamespace(chat_history=HISTORY, summary="done"),  # a ChatResult
        {Partner("Ann"): HISTORY},  # an agent's chat_messages
        SimpleNamespace(chat_messages={Partner("Ann"): HISTORY}),
        [HISTORY],
    ],
)
def test_histories_of_every_form_are_read(given: Any, recall: RecallStorage) -> None:
    about: dict[str, Any] = {"you": "Dana", "assistant": "coder", "clock": lambda: NOON}
    found = import_chats(given, recall, **about)
    assert said(recall) == HEARD
    assert [m.timestamp for m in recall.everything()] == [NOON, NOON, NOON - timedelta(hours=3)]
    assert (found.chats, found.imported) == (1, 3)
    assert found.skipped == {
        "calls of tools": 2,
        "instructions": 1,
        "results of tools": 1,
        "without text": 1,
    }
    assert import_chats(given, recall, **about).known == 3
    assert said(recall) == HEARD


def test_a_saved_history_has_the_name_and_the_time_of_its_file(
    tmp_path: Path, recall: RecallStorage
) -> None:
    path = tmp_path / "standup.json"
    path.write_text(json.dumps({"Ann": HISTORY, "Bob": HISTORY}), "utf-8")
    found = import_chats(path, recall)
    assert (found.chats, found.imported) == (2, 6)
    first = next(recall.everything())
    assert first.origin == "standup: Ann"
    assert first.timestamp.timestamp() == pytest.approx(path.stat().st_mtime, abs=1)
    import_chats(path, recall, origin="Ann", timestamp="2026-01-01")
    assert recall.latest(1)[0].origin == "Ann"
    assert recall.latest(2)[0].timestamp.year == 2026


@pytest.mark.autogen
def test_a_live_chat_of_one_agent_is_imported_into_another(tmp_path: Path) -> None:
    quick: dict[str, Any] = {"embedder": HashingEmbedder(), "memory": tmp_path, "llm_config": False}
    others = [
        AssistantAgent(name, llm_config=False, default_auto_reply=f"{name} says hi")
        for name in "ab"
    ]
    ended = others[0].initiate_chat(others[1], message="hello", max_turns=2, silent=True)
    with MemGPTAgent("mem", **quick) as agent:
        assert import_chats(ended, agent).imported == 4
        assert import_chats(others[1].chat_messages, agent, origin="import").known == 4
        assert [one.speaker for one in agent.recall.everything()] == ["a", "b", "a", "b"]
        assert len(agent.queue) == 0


def test_many_are_told_of_as_they_are_stored_and_go_on_where_they_were_cut(
    recall: RecallStorage,
) -> None:
    many = [{"content": f"message {n}", "role": "user"} for n in range(600)]
    told: list[tuple[int, int]] = []

    def cut(done: int, total: int) -> None:
        told.append((done, total))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_chats(many, recall, progress=cut)
    assert told == [(256, 600)]
    found = import_chats(many, recall)
    assert (found.imported, found.known) == (344, 256)
    assert [text for _, text in said(recall)] == [f"message {n}" for n in range(600)]


# ------------------------------------------------------------------ what is no chat


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("not json", "it is no JSON"),
        ("[]", "neither ChatGPT's conversations nor AutoGen's"),
        ('{"a": 1}', "neither ChatGPT's conversations nor AutoGen's"),
        ('[{"title": "x"}]', "Give ChatGPT's data export"),
        ("[" * 100_000, "it is no JSON"),
    ],
)
def test_a_file_of_another_kind_is_refused(
    tmp_path: Path, recall: RecallStorage, text: str, complaint: str
) -> None:
    path = tmp_path / "conversations.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=complaint):
        import_chats(path, recall)


def test_what_is_not_there_is_refused(tmp_path: Path, recall: RecallStorage) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        import_chats(tmp_path / "missing.json", recall)
    with pytest.raises(ConfigurationError, match="it is a folder or a ZIP file without"):
        import_chats(tmp_path, recall)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("chat.html", "")
    with pytest.raises(ConfigurationError, match="a folder or a ZIP file without"):
        import_chats(tmp_path / "x.zip", recall)
    with pytest.raises(ConfigurationError, match="into=str: give an agent"):
        import_chats(HISTORY, "mem")
    assert recall.write([Message(speaker="Ann", text="hi")]) == ["m00000001"]


# --- in the terminal, and forgotten --------------------------------------------------------


def test_the_terminal_says_what_came(tmp_path: Path) -> None:
    make_coder()
    file = export_file(tmp_path / "conversations.json", conversation(*TREE))
    engine = open_coder()
    engine.own()  # another program may run the agent meanwhile
    again = ("import", file, "--into", "coder", "--you", "Dana")
    try:
        done = Run(*again)
    finally:
        engine.close()
    assert done.code == 0 and "1 chat: 3 messages imported.\n" in done.out
    assert "1  results of tools, not imported" in done.out
    found = Run("search", "coder", "sencha", "--in", "recall", "--json").json
    assert found[0]["who"] == "ChatGPT"
    assert "0 messages imported, 3 were there already" in Run(*again).out
    done = Run("import", file)
    assert done.code == 1 and "say into whose memory: --into" in done.said
    assert "no agent 'bob'" in Run("import", file, "--into", "bob").said
    notes = tmp_path / "notes.txt"
    notes.write_text("No chats.")
    assert "holds no chats" in Run("import", notes, "--into", "coder").said


def test_titles_of_a_speakers_conversations_are_forgotten(tmp_path: Path) -> None:
    """ChatGPT makes them of what was said."""
    make_coder()
    engine = open_coder()
    tea = export_file(tmp_path / "tea.json", conversation(*TREE))
    bees = export_file(
        tmp_path / "bees.json",
        conversation(node("q", None, "user", "How do bees sleep?"), id="bees", title="Bees"),
    )
    about_her = export_file(
        tmp_path / "her.json",
        conversation(node("q", None, "user", "What to give her?"), id="her", title="For Dana"),
    )
    try:
        recall = engine.workspace.recall
        import_chats(tea, recall, you="Dana")
        for file in (bees, about_her):
            import_chats(file, recall, you="Olaf")
        assert "Tea at home (ChatGPT 0a1b2c3d-4e5)" in recall.records.origins()
        receipt = forget("Dana", engine)
        left = recall.records.origins()
        assert not any("Tea" in one or "Dana" in one for one in left)
        assert "Bees (ChatGPT bees)" in left
        assert not [one for one in receipt.left if one.tier == "chats"]
        assert engine.store.directory is not None
        assert files_with(engine.store.directory, "Tea at home", "For Dana") == []
        import_chats(tea, recall, you="Olaf")  # it is known again by its mark
        assert not any("Tea" in one for one in recall.records.origins())
    finally:
        engine.close()

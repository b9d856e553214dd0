"""Undoing an exchange: queue, recall, archival and blocks go back, and forward again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from memgpt_autogen import ConfigurationError, Login, MemGPT
from memgpt_autogen.client.session import Session
from memgpt_autogen.engine.engine import Engine
from memgpt_autogen.events import Notice
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder
from memgpt_autogen.testing import ChatRequest, ScriptedModel, Step, call, calls, send
from memgpt_autogen.upkeep.undo import redo, rewrite, undo
from tests.clocks import Ticking

QUICK: dict[str, Any] = {"embedder": HashingEmbedder()}


def learning(request: ChatRequest) -> Step:
    """Stores each message in a block and as a passage, and answers."""
    said = request.last_text.rsplit(": ", 1)[-1].split("\n")[0]
    return calls(
        call("core_memory_append", name="human", content=said),
        call("archival_memory_insert", content=f"note on {said}"),
        call("send_message", message=f"heard {said}"),
    )


@contextmanager
def session_of(script: Any, memory: Path | str = ":memory:") -> Iterator[tuple[Session, Any]]:
    with ScriptedModel(script) as model:
        given: dict[str, Any] = {"llm_config": model.llm_config, "clock": Ticking(), **QUICK}
        with MemGPT(memory=memory, **given) as client:
            yield client.session(client.create_agent("sam", human="Ann.")), model


def looks(engine: Engine) -> tuple[Any, ...]:
    """All that an exchange changes and undoing it restores."""
    work, context = engine.workspace, engine.queue.context
    return (
        [one.model_dump() for one in context.entries],
        [(one.id, one.text) for one in work.recall.everything()],
        [(one.id, one.text) for one in work.archival.everything()],
        {one.name: one.value for one in work.core},
        dict(engine.queue.state.turns),
    )


def test_each_exchange_can_be_undone_and_redone(tmp_path: Path) -> None:
    with session_of(learning, tmp_path) as (session, _):
        before = []
        for number in range(3):
            with session.held() as engine:
                before.append(looks(engine))
            session.say(f"fact {number}", "Ann")
        with session.held() as engine:
            end = looks(engine)
            undone = []
            for expected in reversed(before):
                undone.append(undo(engine))
                assert looks(engine) == expected
            assert [one.text for one in undone[0].said] == ["fact 2"] if undone[0] else False
            assert undo(engine) is None
            assert engine.workspace.core.version("human") == 7  # 3 edits, 3 undone: all are kept
            for one in reversed(undone):
                assert one is not None
                assert redo(engine, one) == ()
            assert looks(engine) == end
        session.close()
        with session.held() as engine:  # and so it was written
            assert looks(engine) == end


def test_what_was_undone_is_neither_shown_nor_found() -> None:
    with session_of(learning) as (session, model):
        session.say("the first", "Ann")
        session.say("the secret", "Ann")
        with session.held() as engine:
            undone = undo(engine)
            assert engine.workspace.recall.search("secret", by="words").items == ()
            assert engine.workspace.archival.search("secret").total <= 1  # the other, by meaning
        session.say("the third", "Ann")
        assert model.requests[-1].contains("secret") == 0
        assert model.requests[-1].contains("Ann: the first") == 1
        with session.held() as engine:
            assert undone is not None
            with pytest.raises(ConfigurationError, match="said since"):
                redo(engine, undone)


def test_a_block_that_was_edited_since_is_left() -> None:
    with session_of(learning) as (session, _):
        session.say("a fact", "Ann")
        with session.held() as engine:
            engine.workspace.core.set("human", "Edited.")
            undone = undo(engine)
            assert undone is not None
            assert undone.left == ("the block 'human' was edited since",)
            assert engine.workspace.core["human"].value == "Edited."


def test_a_turn_over_several_steps_and_an_edit_that_changed_nothing() -> None:
    twice = call("core_memory_append", name="human", content="Likes tea.")
    again = call("core_memory_append", name="human", content="Likes tea.", request_heartbeat=True)
    with session_of([calls(twice, again), send("Noted.")]) as (session, _):
        with session.held() as engine:
            before = looks(engine)
        session.say("I like tea.", "Ann")
        with session.held() as engine:
            undone = undo(engine)
            assert undone is not None
            assert undone.left == ()
            assert looks(engine) == before


def test_an_opening_is_an_exchange_too_but_what_came_after_stays() -> None:
    with session_of([send("Welcome back."), send("Hm.")]) as (session, _):
        session.turn([Login("Ann")])
        session.say("hello", "Ann")
        with session.held() as engine:
            engine.queue.take_in([Login("Bob")])
            first = undo(engine)
            assert first is not None
            assert [one.kind for one in first.entries] == ["message", "step"]
            assert undo(engine) is not None
            left = [one.body() for one in engine.queue.context.entries if isinstance(one, Notice)]
            assert len(left) == len(engine.queue.context.entries)
            assert left[-1].startswith("(login) Bob is online")
            assert not any("Welcome" in text or "(login) Ann" in text for text in left)
            assert len(engine.workspace.recall) == 0


def test_the_latest_message_is_rewritten_wherever_it_stands() -> None:
    with session_of([send("Hello Anne."), send("ok")]) as (session, model):
        with session.held() as engine:
            with pytest.raises(ConfigurationError, match="no message"):
                rewrite(engine, "x")
        session.say("I am Ann.", "Ann")
        with session.held() as engine:
            assert rewrite(engine, "Hello Ann.") == "Hello Anne."
            assert [one.text for one in engine.workspace.recall.everything()] == [
                "I am Ann.", "Hello Ann.",
            ]  # fmt: skip
        session.say("thanks", "Ann")
        assert model.requests[-1].contains("Hello Ann.") == 1
        assert model.requests[-1].contains("Hello Anne.") == 0

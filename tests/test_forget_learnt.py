"""Forgetting: what was learnt from a speaker goes too, and what is left is listed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from memgpt_autogen import MemGPTAgent, Settings
from memgpt_autogen.errors import StorageError
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder
from memgpt_autogen.testing import ChatRequest, ScriptedModel, call, calls, say, send
from memgpt_autogen.upkeep.forgetting.distinctive import forms
from memgpt_autogen.upkeep.forgetting.forget import Receipt
from memgpt_autogen.upkeep.forgetting.remains import files_with
from tests.clocks import NOON, Ticking
from tests.files import files_with as files_that_hold
from tests.groupchat import manager_of, speaker
from tests.playing import playing, user

pytestmark = pytest.mark.autogen

IBAN = "DE02120300000000202051"


@contextmanager
def agent_with(script: Any, place: Any, **kwargs: Any) -> Iterator[tuple[Any, ScriptedModel]]:
    settings: Any = kwargs.pop("settings", place)
    with playing(script, settings, embedder=HashingEmbedder(), clock=Ticking(), **kwargs) as made:
        yield made


def tell(agent: Any, *said: tuple[str, str]) -> None:
    for name, text in said:
        user(name).initiate_chat(agent, message=text, max_turns=1, silent=True)


def left(receipt: Receipt) -> dict[tuple[str, str], tuple[str, ...]]:
    return {(one.tier, one.place): one.parts for one in receipt.left}


def test_what_was_learnt_from_an_identifier_goes(tmp_path: Path) -> None:
    turn = calls(
        call("core_memory_append", name="persona", content=f"I know {IBAN}."),
        call("archival_memory_insert", content="Refunds go to de02 1203 0000 0000 2020 51."),
        call("archival_memory_insert", content="Refunds take three days."),
        call("send_message", message="Noted: DE02-1203-0000-0000-2020-51."),
    )
    with agent_with([turn, say("Which?"), say("I see.")], tmp_path) as (agent, _):
        tell(
            agent,
            ("Dana", f"My account is {IBAN}, use it."),
            ("Bob", "What is the weather like?"),
            ("Bob", "That of DE02 1203 0000 0000 2020 51, I mean."),
        )
        receipt = agent.forget("Dana")
        assert receipt.complete
        assert (receipt.recall_messages, receipt.recall_quotations) == (1, 2)
        assert (receipt.core_memory_lines, receipt.archival_passages) == (1, 1)
        assert agent.core_memory["persona"].value == "I am mem."
        assert [one.text for one in agent.archival.everything()] == ["Refunds take three days."]
        assert [one.text for one in agent.recall.everything()] == [
            *("What is the weather like?", "Which?", "I see."),
        ]
    assert files_that_hold(tmp_path, IBAN, IBAN.lower(), "202051", "Dana") == []


def test_what_may_be_anybodys_is_left_and_listed(tmp_path: Path) -> None:
    turn = calls(
        call("archival_memory_insert", content="A sister: Zerlina, PIN 4711."),
        call("core_memory_append", name="persona", content="I like quokkas."),
        call("send_message", message="Is Zerlina in London?"),
    )
    with agent_with([turn, say("Fine."), say("Yes, Bill.")], tmp_path) as (agent, _):
        agent.core_memory.add(block := agent.core_memory["human"].model_copy(update={"name": "x"}))
        agent.core_memory.set(block.name, "Ask Dana.")
        tell(agent, ("Dana", "my sister zerlina has a quokka, and 4711 is the pin of bill"))
        agent.core_memory.remove("x")
        tell(agent, ("Bob", "Dana is kind."), ("Bob", "Is it?"))
        receipt = agent.forget("Dana")
        assert left(receipt) == {
            ("archival", "p00000001"): ("4711", "pin", "sister zerlina", "zerlina"),
            ("core memory", "persona"): ("quokka",),
            ("history", "persona 2"): ("quokka",),
            ("recall", "m00000002"): ("zerlina",),
            ("recall", "m00000003"): ("Dana",),
            ("recall", "m00000006"): ("bill",),
            ("queue", "1"): ("Dana",),
            ("queue", "4"): ("bill",),
        }
        assert not receipt.complete


def test_what_was_there_before_is_not_the_speakers(tmp_path: Path) -> None:
    """Said by others or the agent, noted or stored: it stays, and is no remnant."""
    script = [say("The support line is 0800 123 4567."), say("Right."), say("Yes: X1-Y2-Z3.")]
    with agent_with(script, tmp_path, persona="I sell the KL-4500-B.") as (agent, _):
        agent.archival.insert("The spare part is AB-77-CD-88.")
        tell(
            agent,
            ("Bob", f"Thank you very much indeed, the account is {IBAN}."),
            ("Dana", f"Thank you very much indeed, the account is {IBAN}."),
            ("Dana", "So 08001234567 for the KL4500B and AB77CD88, and mine is X1Y2Z3."),
        )
        receipt = agent.forget("Dana")
        assert receipt.complete, receipt
        assert (receipt.recall_messages, receipt.recall_quotations) == (2, 1)
        assert agent.core_memory["persona"].value == "I sell the KL-4500-B."
        assert len(agent.archival) == 1
        assert [one.speaker for one in agent.recall.everything()] == ["Bob", "mem", "mem"]


def test_words_that_others_use_as_well_are_nobodys(tmp_path: Path) -> None:
    with agent_with([say("Kubernetes?"), *[say("Indeed, in Berlin.")] * 8], tmp_path) as (agent, _):
        tell(agent, ("Dana", "I moved from Berlin to kubernetes, port 8443."))
        for _ in range(8):
            tell(agent, ("Bob", "So did we: Berlin, kubernetes, 8443."))
        assert agent.forget("Dana").complete


def test_the_block_of_the_only_partner_goes_and_comes_back_for_the_next(tmp_path: Path) -> None:
    note = call("core_memory_append", name="human", content="Likes tea.")
    script = [calls(note, call("send_message", message="ok")), say("ok"), say("ok")]
    with agent_with(script, tmp_path, human="A guest.") as (agent, _):
        tell(agent, ("Dana", "tea for me"))
        assert agent.forget("Dana").core_memory_lines == 2
        assert agent.core_memory["human"].value == ""
        assert agent.core_memory.history("human") == []
        agent.core_memory.set("human", "Likes cake.")
        tell(agent, ("Bob", "cake for me"))
        assert agent.core_memory["human"].value == "Likes cake."  # now it is about Bob
        tell(agent, ("Eve", "hello"))
        assert agent.core_memory["human:Bob"].value == "Likes cake."
        agent.core_memory.set("human", "All are kind.")
        receipt = agent.forget("Bob")
        assert receipt.core_memory_lines == 1
        assert [block.name for block in agent.core_memory] == ["persona", "human", "human:Eve"]
        assert agent.core_memory["human"].value == "All are kind."
    assert files_that_hold(tmp_path, "Likes cake", "Bob", "Dana") == []


def test_a_chat_that_is_still_there_is_not_taken_in_again_and_not_known_by_name(
    tmp_path: Path,
) -> None:
    dana = user("Dana")
    with agent_with([say("ok")], tmp_path) as (agent, _):
        dana.initiate_chat(agent, message=f"It is {IBAN}.", max_turns=1, silent=True)
        history = list(agent.chat_messages[dana])
        assert agent.forget("Dana").complete
        agent.close()
        assert files_that_hold(tmp_path, "Dana") == []
    with agent_with([say("hello")], tmp_path) as (agent, model):
        agent.chat_messages[dana].extend(history)
        dana.send("hi again", agent, request_reply=False, silent=True)
        assert agent.generate_reply(sender=dana) == "hello"
        assert model.requests[0].contains("202051") == 0
        assert agent.recall.speakers() == {"Dana": 1, "mem": 2}
        assert agent.forget("Dana").recall_messages == 1


def test_a_member_of_a_group(tmp_path: Path) -> None:
    script = [say(f"So it is {IBAN}, Dana?")]
    with agent_with(script, tmp_path) as (agent, _):
        dana, bob = speaker("Dana", lambda n: ""), speaker("Bob", lambda n: "I am Bob.")
        manager = manager_of([dana, bob, agent], max_round=3)
        dana.initiate_chat(manager, message=f"It is {IBAN}.", silent=True)
        receipt = agent.forget("Dana")
        assert receipt.complete and receipt.recall_quotations == 1
        assert [one.text for one in agent.recall.everything()] == ["I am Bob."]


def test_a_partner_who_is_kept_apart(tmp_path: Path) -> None:
    def rule(request: ChatRequest) -> Any:
        if request.last["role"] != "user":
            return send("Stored.")
        return call("archival_memory_insert", content="What they said.", request_heartbeat=True)

    apart = Settings(location=str(tmp_path), separate_partners=True)
    with agent_with(rule, apart) as (agent, model):
        tell(agent, ("Bob", "I am Bob."), ("Dana", f"It is {IBAN}."), ("Bob", "Still me."))
        receipt = agent.forget("Dana")
        assert receipt.complete, receipt
        assert (receipt.queue_entries, receipt.archival_passages) == (4, 1)
        tell(agent, ("Dana", "I am back."), ("Bob", "And I."))
        assert model.requests[-4].contains("What they said.") == 0
        assert model.requests[-1].contains("Bob: I am Bob.") == 1
        agent.forget("Bob")  # the one whose queue is in use
        tell(agent, ("Bob", "New here."))
        assert model.requests[-2].contains("I am Bob.") == 0
        agent.forget("Bob")
        agent.forget("Dana")
    assert files_that_hold(tmp_path, "202051", "I am Bob", "Dana", "Bob") == []


class Killed(BaseException):
    """Ends a call where a kill would."""


def killed(*_: Any) -> None:
    raise Killed


def test_what_is_shared_is_overwritten_at_the_next_opening_after_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn = calls(
        call("archival_memory_insert", content=f"Refunds: {IBAN}", archive="team"),
        call("core_memory_append", name="plan", content=f"Pay to {IBAN}."),
        call("send_message", message="ok"),
    )
    with agent_with([turn], tmp_path) as (agent, _):
        agent.attach("team", writable=True)
        agent.attach_block("plan", "Be kind.")
        tell(agent, ("Dana", f"It is {IBAN}."))
        engine = agent._memgpt_capability.open()
        monkeypatch.setattr(engine.shared, "purge", killed)
        with pytest.raises(Killed):
            agent.forget("Dana")
        monkeypatch.undo()
        assert engine.shared.is_purging and engine.sources.writable()[0].is_purging
        agent.close()
    held = {file.split(":")[0] for file in files_that_hold(tmp_path, IBAN)}
    assert held == {"journal.sqlite3"}
    with agent_with([], tmp_path) as (agent, _):
        assert agent.core_memory["plan"].value == "Be kind."
        assert len(agent.archival.search("").items) == 0
        assert not agent._memgpt_capability.open().shared.is_purging
    assert files_that_hold(tmp_path, IBAN, "202051") == []


def test_a_call_that_failed_is_finished_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any) -> None:
        raise StorageError("busy")

    with agent_with([say("ok")], tmp_path) as (agent, _):
        tell(agent, ("Dana", f"It is {IBAN}."))
        monkeypatch.setattr(agent._memgpt_capability.open().store.journal, "purge", refused)
        with pytest.raises(StorageError):
            agent.forget("Dana")
        monkeypatch.undo()
        assert agent.forget("Dana").complete
    assert files_that_hold(tmp_path, "202051") == []


def test_read_only_blocks_and_sources_are_searched(tmp_path: Path) -> None:
    with agent_with([say("ok")], tmp_path / "one") as (agent, _):
        writer = MemGPTAgent("writer", llm_config=False, memory=tmp_path / "one", clock=Ticking(),
                             embedder=HashingEmbedder())  # fmt: skip
        writer.attach("team", writable=True)
        writer.archival.insert(f"An older one: {IBAN}", archive="team", timestamp=NOON)
        agent.attach("team")
        writer.attach_block("plan")
        agent.attach_block("plan", read_only=True)
        tell(agent, ("Dana", "It is 47114711, and 08154711 too."))
        writer.archival.insert("Pay to 4711-4711.", archive="team", timestamp=None)
        for _ in range(20):
            writer._memgpt_capability._clock()  # later than Dana
        writer.archival.insert("Pay to 4711 4711.", archive="team")
        writer.core_memory.set("plan", "Pay 08154711.")
        receipt = agent.forget("Dana")
        assert left(receipt)["core memory", "plan"] == ("08154711",)
        assert "47114711" in left(receipt)["archival", "team p00000003"]
        writer.close()


PLACES = st.sampled_from(["answer", "persona", "archival", "nowhere"])
STYLES = st.sampled_from(["{}", "{} {}", "{}-{}", "({}.{})"])
NUMBERS = st.integers(10**8, 10**12 - 1).filter(lambda n: len(str(n).strip("0")) > 5).map(str)


@settings(max_examples=8, phases=[Phase.generate])
@given(
    known=st.lists(NUMBERS, min_size=4, max_size=4, unique=True),
    chat=st.lists(
        st.tuples(
            st.sampled_from(["Ann", "Bob", "Cid"]), st.integers(0, 3), STYLES, PLACES, STYLES
        ),
        min_size=3,
        max_size=10,
    ),
)
def test_no_identifier_of_a_forgotten_speaker_stays_anywhere(
    known: list[str], chat: list[tuple[str, int, str, str, str]]
) -> None:
    """Against a list of who said what: first said by Ann goes, first said by others stays."""

    def spelled(number: str, style: str) -> str:
        return style.format(*((number,) if style == "{}" else (number[:4], number[4:])))

    now: list[str] = []

    def rule(request: ChatRequest) -> Any:
        text, place = now
        if request.last["role"] == "tool" or place == "nowhere":
            return send("Very well.")
        if place == "answer":
            return send(f"You said {text}.")
        if place == "persona":
            note = call("core_memory_append", name="persona", content=f"They told {text}.")
        else:
            note = call("archival_memory_insert", content=f"They told {text}.")
        return calls(note, call("send_message", message="Noted."))

    first: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        with agent_with(rule, folder) as (agent, _):
            for name, which, style, place, restyled in [("Ann", 0, "{}", "answer", "{}"), *chat]:
                number = known[which]
                first.setdefault(number, name)
                now[:] = [spelled(number, restyled), place]
                tell(agent, (name, f"so it is {spelled(number, style)} then"))
            receipt = agent.forget("Ann")
            texts = [
                *(block.value for block in agent.core_memory),
                *(one.text for one in agent.recall.everything()),
                *(one.text for one in agent.archival.everything()),
                *(str(entry) for entry in agent._memgpt_capability.open().queue.context.entries),
            ]
            held = {number for number in first for text in texts if number in forms(text)}
        listed = {part for one in receipt.left for part in one.parts}
        hers = {number for number, name in first.items() if name == "Ann"}
        assert held & hers <= listed and receipt.complete == (not receipt.left)
        for number in hers:
            written = [spelled(number, style) for style in ("{}", "{} {}", "{}-{}", "{}.{}")]
            assert not files_that_hold(Path(folder), *written) or number in listed
        others = {one[1] for one in chat if one[0] != "Ann"}
        assert {known[which] for which in others} - hers <= held


def test_files_are_searched_for_many_texts_at_once(tmp_path: Path) -> None:
    probes = {f"this is text number {n} of many".encode() for n in range(3000)}
    noise = b"".join(f"this is text numbed {n} of many; ".encode() for n in range(20000))
    (tmp_path / "none").write_bytes(noise)
    for shift in range(8):
        piece = b"THIS is text number 1234 of many"
        (tmp_path / f"at{shift}").write_bytes(noise[: 1000 + shift] + piece + noise[:50])
    split = (1 << 22) - 10
    (tmp_path / "over").write_bytes(b"x" * split + b"this is text number 7 of many")
    (tmp_path / "short").write_bytes(b"call 1234567 now")
    found = {path.name: text for path, text in files_with(tmp_path, probes | {b"1234567"})}
    assert found == {
        **{f"at{shift}": "this is text number 1234 of many" for shift in range(8)},
        "over": "this is text number 7 of many",
        "short": "1234567",
    }

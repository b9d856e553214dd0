"""The inspector: who is answered, what is shown of hostile texts, edits, conflicts, forgetting."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from importlib import resources
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import memgpt_autogen
from memgpt_autogen.cli.config import Config, save_config
from memgpt_autogen.events import MessageEvent
from memgpt_autogen.inspector.text import diff, shown
from memgpt_autogen.inspector.timeline import place_of, timeline
from memgpt_autogen.memory.blocks import Block
from memgpt_autogen.steps import FunctionCall, FunctionResult, Step, Usage
from memgpt_autogen.storage.journal.journal import Journal
from memgpt_autogen.storage.journal.record_table import RecordTable
from memgpt_autogen.storage.journal.where import Where
from memgpt_autogen.storage.record import RECALL, Record
from memgpt_autogen.upkeep.forgetting.erasure import preview
from memgpt_autogen.upkeep.forgetting.forget import forget
from memgpt_autogen.upkeep.reading.memory import open_memory
from tests.inspecting import ORIGIN, PORT, Window
from tests.terminal import NOON, Run, in_use, make_coder, open_coder

OVERRIDE = "\u202e"
HOSTILE = (
    f"<script>alert(1)</script>{OVERRIDE}gnp.exe \"'><img src=x onerror=alert(2)>"
    " {{ 7*7 }} \U000e0041\U000e0042 👩‍🚀🏴󠁧󠁢󠁥󠁮󠁧󠁿 \x1b[31m"
)


@pytest.fixture(autouse=True)
def quick(own_world: None) -> None:
    save_config(Config(embedder="hashing"))


@pytest.fixture
def window() -> Iterator[Window]:
    make_coder()
    with Window() as opened:
        yield opened


@pytest.fixture
def empty() -> Iterator[Window]:
    """Where there are no agents: who is answered depends on none."""
    with Window() as opened:
        yield opened


# --- who is answered ---------------------------------------------------------------------


def test_only_the_address_with_its_token_is_answered(window: Window) -> None:
    token = window.guard.token
    assert window.get("").status == 200
    for path in (
        "/",
        "/core?agent=coder",
        f"/{token[:-1]}/",
        f"/x{token}/",
        "/start/",
        "/inspector.css",
    ):
        answer = window.client.get(f"{ORIGIN}{path}")
        assert answer.status_code == 404 and token not in answer.text
        assert "coder" not in answer.text
    for page in ("", "core?agent=coder", "nothing"):
        assert token not in window.client.get(f"{window.guard.address}{page}").text


def test_the_ticket_that_a_browser_is_started_with_opens_the_address_once(empty: Window) -> None:
    assert empty.guard.token not in empty.guard.start
    first, second = (empty.client.get(empty.guard.start, follow_redirects=False) for _ in range(2))
    assert first.headers["location"] == empty.guard.address and second.status_code == 404


@pytest.mark.parametrize(
    "host",
    ["evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:80", f"[::1]:{PORT}", ""],
)
def test_a_name_that_was_pointed_at_this_machine_is_refused(empty: Window, host: str) -> None:
    answer = empty.client.get(empty.guard.address, headers={"Host": host})
    assert answer.status_code == 403 and "Agents" not in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"},
        {"Origin": f"http://127.0.0.1:{PORT + 1}"},
        {"Origin": f"https://127.0.0.1:{PORT}"},
        {"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {},
    ],
)
def test_nothing_is_changed_for_another_origin(empty: Window, headers: dict[str, str]) -> None:
    fields = {"agent": "coder", "block": "human", "version": "1", "text": "Owned."}
    for page in ("edit", "revert", "forget"):
        answer = empty.client.post(f"{empty.guard.address}{page}", data=fields, headers=headers)
        assert answer.status_code == 403
    if headers.get("Sec-Fetch-Site", "none") != "none" or "Origin" in headers:
        assert empty.client.get(empty.guard.address, headers=headers).status_code == 403


def test_a_page_runs_no_script_but_its_own_and_is_kept_nowhere(empty: Window) -> None:
    for page in ("", "core?agent=coder", "core?agent=nobody", "nothing", "inspector.js"):
        headers = empty.client.get(f"{empty.guard.address}{page}").headers
        policy = dict(
            part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";")
        )
        assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"


def test_nothing_is_loaded_from_elsewhere(window: Window) -> None:
    for page in ("", "core?agent=coder", "recall?agent=coder", "context?agent=coder"):
        found = window.get(page).elements
        loaded = [about.get("src") or about.get("href") for _, about in found]
        assert not [one for one in loaded if one and re.match(r"[a-z]+:|//", one)]
        assert not [
            name for _, about in found for name in about if name.startswith(("on", "style"))
        ]


# --- what is shown -----------------------------------------------------------------------


def test_texts_are_texts_whatever_they_hold() -> None:
    engine = open_coder()
    engine.workspace.recall.append(HOSTILE, HOSTILE.replace("\n", " "))
    engine.workspace.archival.insert(HOSTILE, tags=[HOSTILE])
    engine.workspace.core.add(Block(name="notes", value=HOSTILE, limit=500))
    engine.workspace.core.set("notes", f"{HOSTILE}!")
    event = MessageEvent(timestamp=NOON, speaker="Eve", text=HOSTILE)
    engine.queue.take_in([event])
    call = FunctionCall(id="c", name="<b>", arguments='{"<i>": "' + "<u>" + '"}')
    result = FunctionResult(call_id="c", name="<b>", ok=False, text=HOSTILE)
    engine.queue.state.keep(
        1, Step(text=HOSTILE, calls=(call,), results=(result,), sent=(HOSTILE,))
    )
    engine.queue.save()
    engine.close()
    with Window() as window:
        for page in ("core", "recall", "archival", "steps", "context", "forget"):
            found = window.get(page, agent="coder")
            assert found.status == 200, page
            _check(found)
        about = {"agent": "coder"}
        _check(window.get("block", block="notes", **about))
        _check(window.get("recall", q="alert", by="words", **about))
        _check(window.get("recall", q=HOSTILE, by="words", speaker=HOSTILE, **about))
        _check(window.get("message", id="m00000001", **about))
        _check(window.get("forget", speaker="Eve", **about))
        _check(window.get("core", agent=HOSTILE))
        _check(window.get("block", block=HOSTILE, **about))


def _check(found: Any) -> None:
    tags = {tag for tag, _ in found.elements}
    assert not tags & {"img", "b>", "u", "i"}
    assert [about for tag, about in found.elements if tag == "script"] == [
        {"src": "inspector.js", "defer": None}
    ]
    visible = re.sub(
        r"<(textarea|input|option)\b.*?>|<title>.*?</title>", "", found.html, flags=re.DOTALL
    )
    visible = re.sub(r"<a [^>]*>", "", visible)
    assert OVERRIDE not in re.sub(r"[^<>]*</(textarea|option)>", "", visible)
    assert "49" not in found.text or "{{" in found.text


@settings(max_examples=60)
@given(
    st.text(st.characters(codec="utf-8"), max_size=60) | st.text("<>&\"'\u202e\u200b\U000e0041 a")
)
def test_what_is_shown_is_the_text_and_what_does_not_show_is_named(text: str) -> None:
    html = str(shown(text))
    plain = re.sub(r'<span class="unseen" title="[^"]*">U\+([0-9A-F]+)</span>', r"\0\1\0", html)
    assert "<" not in plain and ">" not in plain
    back = re.sub(r"\0([0-9A-F]+)\0", lambda found: chr(int(found[1], 16)), plain)
    assert unescape(back) == text or "&" in text or "\0" in text or "\r" in text


def test_flags_and_families_are_no_hidden_text() -> None:
    assert "unseen" not in shown("🏴󠁧󠁢󠁥󠁮󠁧󠁿 👩‍👩‍👧 नमस्ते שלום\u200f")
    assert "U+E0041" in shown("a\U000e0041")


def test_a_message_of_a_megabyte_is_shown_in_part_and_whole_on_its_own_page() -> None:
    engine = open_coder()
    engine.workspace.recall.append("<em>" + ("wide" * 25 + " ") * 9_901 + "end", "Eve")
    engine.close()
    with Window() as window:
        found = window.get("recall", agent="coder")
        assert len(found.html) < 20_000 and "All 1,000,008 characters" in found.text
        assert "wide end" in window.get("message", agent="coder", id="m00000001").text


def test_differences_are_told_line_by_line() -> None:
    assert diff("a\nb\nc", "a\nB\nc") == [(" ", "a"), ("-", "b"), ("+", "B"), (" ", "c")]


def test_contrast_is_enough_in_both_schemes() -> None:
    """WCAG 2.2, 1.4.3: 4.5 to 1 for texts."""
    style = (resources.files("memgpt_autogen.inspector") / "static/inspector.css").read_text(
        "utf-8"
    )
    schemes = [
        {name: _luminance(colour) for name, colour in re.findall(r"--([\w-]+): #(\w+)", part)}
        for part in re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    ]
    assert len(schemes) == 2
    texts = ("ink", "quiet", "accent", "bad")
    pairs = [(text, on) for text in texts for on in ("paper", "card")]
    pairs += [("on-accent", "accent"), ("bad", "bad-paper"), ("good", "good-paper")]
    pairs += [("gone", "bad-paper"), ("came", "good-paper"), ("quiet", "shade"), ("paper", "bad")]
    for colours in schemes:
        for text, on in pairs:
            light, dark = sorted((colours[text], colours[on]), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, on)


def _luminance(colour: str) -> float:
    digits = "".join(2 * one for one in colour) if len(colour) == 3 else colour
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


# --- timelines and searches ----------------------------------------------------------------


@settings(max_examples=40)
@given(
    st.lists(st.integers(0, 4), max_size=12), st.integers(1, 5), st.sampled_from([None, "a", "b"])
)
def test_pages_of_a_timeline_hold_each_record_once(
    hours: list[int], limit: int, speaker: str | None
) -> None:
    table = RecordTable(Journal(None, "x"), RECALL)
    table.insert(
        [
            Record(0, str(at), NOON + timedelta(hours=hour), speaker="ab"[at % 2])
            for at, hour in enumerate(hours)
        ]
    )
    every = sorted(table.everything(), key=place_of, reverse=True)
    wanted = [one for one in every if speaker in (None, one.speaker)]
    where, found = Where(speaker=speaker), list[Record]()
    page = timeline(table, where, limit)
    assert page.newer is None
    while True:
        found += page.records
        last = page
        if page.older is None:
            break
        page = timeline(table, where, limit, before=page.older)
    assert found == wanted
    back = list(last.records)
    while last.newer is not None:
        last = timeline(table, where, limit, after=last.newer)
        back = [*last.records, *back]
    assert back == wanted


@pytest.mark.parametrize("speaker", [None, "a"])
def test_a_page_is_found_by_the_index_not_by_counting(speaker: str | None) -> None:
    table = RecordTable(Journal(None, "x"), RECALL)
    for place in ({"before": (5, 5)}, {"after": (5, 5)}):
        clauses = Where(speaker=speaker, **place).clauses("recall")  # type: ignore[arg-type] # one of both
        plan = table.journal.rows(
            f"EXPLAIN QUERY PLAN SELECT * FROM recall WHERE {clauses.sql}"
            " ORDER BY at DESC, number DESC",
            clauses.parameters,
        )
        assert len(plan) == 1 and plan[0][3].startswith("SEARCH recall USING INDEX"), plan


def test_a_person_pages_through_what_was_said() -> None:
    engine = open_coder()
    for at in range(60):
        engine.workspace.recall.append(f"line {at}", "Eve", NOON)
    engine.close()
    with Window() as window:
        page, found = window.get("recall", agent="coder"), list[str]()
        found += page.ids
        while (older := page.link("next")) is not None:
            page = window.get(older)
            found += page.ids
        assert found == [f"m{60 - at:08d}" for at in range(60)]
        assert window.get(str(page.link("prev"))).ids == found[25:50]
        assert window.get("recall", agent="coder", day="2026-05-07").ids == []
        assert len(window.get("recall", agent="coder", day="2026-05-08").ids) == 25
        assert window.get("recall", agent="coder", before="x").status == 422
        first = window.get("recall", agent="coder", q="line", by="words", speaker="Eve")
        second = window.get(str(first.link("next")))
        assert len(first.ids) == 25 and not set(first.ids) & set(second.ids)
        assert window.get(str(second.link("prev"))).ids == first.ids


@pytest.mark.parametrize("by", ["words", "meaning", "both"])
def test_a_search_shows_what_it_found_with_scores(window: Window, by: str) -> None:
    found = window.get("recall", agent="coder", q="peppermint tea", by=by)
    assert found.ids[0] == "m00000001" and re.search(r"score 0\.\d\d", found.text)
    assert "1970" not in found.text
    other = window.get("archival", agent="coder", q="dome", by=by)
    assert other.ids == ["p00000001"] and "2026-05-08" in other.text
    narrow = window.get("recall", agent="coder", q="tea", by=by, speaker="Olaf")
    assert "m00000001" not in narrow.ids
    assert window.get("recall", agent="coder", q="tea", by="magic").status == 422


def test_where_the_embedder_is_not_here_words_find(window: Window) -> None:
    window.access.embedder = lambda agent: None
    found = window.get("recall", agent="coder", q="peppermint")
    assert found.ids and "by words alone" in found.text


def test_sources_are_listed_and_their_passages_paged() -> None:
    make_coder()
    Path("docs").mkdir()
    Path("docs/dome.md").write_text("# Dome\nBring a lamp.")
    Run("load", "docs", "--name", "manual")
    Run("attach", "coder", "manual")
    with Window() as window:
        found = window.get("sources", agent="coder")
        assert "manual" in found.text and "dome.md" in found.text
        assert "lamp" in window.get("archival", agent="coder", source="manual").text
        assert window.get("passage", agent="coder", source="manual", id="p00000001").status == 200
        assert "manual" in window.get("archival", agent="coder", q="lamp", by="words").text
        assert window.get("archival", agent="coder", source="none").status == 422


def test_steps_tell_tokens_and_say_that_times_are_not_kept() -> None:
    engine = open_coder()
    call = FunctionCall(id="c", name="core_memory_append", arguments='{"name": "human"}')
    step = Step(
        reasoning="I should note it.",
        calls=(call,),
        usage=Usage(prompt_tokens=1234, completion_tokens=5),
    )
    engine.queue.state.keep(1, step)
    engine.queue.save()
    engine.close()
    with Window() as window:
        found = window.get("steps", agent="coder").text
    assert "1,234 tokens read, 5 written" in found and "I should note it." in found
    assert "core_memory_append" in found and "is not kept" in found


def test_the_context_is_that_of_the_agent_itself() -> None:
    make_coder()
    engine = open_coder()
    engine.queue.take_in([MessageEvent(timestamp=NOON, speaker="Tessa", text="Hello?")])
    engine.workspace.core.set("human", "A team manager who drinks tea.")
    engine.instruct("")
    wanted, text = engine.overview(), engine.context_text()
    engine.close()
    with Window() as window:
        found = window.get("context", agent="coder")
        assert f"{wanted.total:,} of 8,192 tokens" in found.text
        for part, tokens in wanted.sections.items():
            assert f"{part} {tokens:,} {100 * tokens / 8192:.1f}%" in found.text
        prompt = unescape(re.search(r"<pre[^>]*>(.*?)</pre>", found.html, re.DOTALL)[1])  # type: ignore[index] # it is there
        dated = re.compile(r"\[[^]]*\] (?=\(system)")
        assert dated.sub("", prompt) == dated.sub("", text)
        assert "16,000" in window.get("context", agent="coder", window=16000).text


# --- changes ---------------------------------------------------------------------------------


def _human(window: Window) -> tuple[str, int]:
    with window.access.core("coder") as core:
        return core["human"].value, core.version("human")


def test_a_block_is_edited_and_reverted_at_the_version_that_was_read(window: Window) -> None:
    about = {"agent": "coder", "block": "human"}
    done = window.post("edit", version=1, text="Drinks tea.\r\nNo sugar.", **about)
    assert done.status == 200 and "Saved as version 2." in done.text
    assert _human(window) == ("Drinks tea.\nNo sugar.", 2)
    assert "by the program" in done.text and "added: Drinks tea." in done.text
    same = window.post("edit", version=2, text="Drinks tea.\nNo sugar.", **about)
    assert "nothing was changed" in same.text and _human(window)[1] == 2
    back = window.post("revert", version=2, to=1, **about)
    assert "as in version 1 again" in back.text and _human(window) == ("A manager.", 3)
    assert window.post("revert", version=2, to=1, **about).status == 409
    assert window.post("revert", version=3, to=9, **about).status == 422
    assert _human(window)[1] == 3


def test_of_two_edits_at_once_one_is_refused_and_none_is_lost(window: Window) -> None:
    about = {"agent": "coder", "block": "human"}
    window.post("edit", version=1, text="Hers.", **about)
    late = window.post("edit", version=1, text="His.", **about)
    assert late.status == 409 and _human(window) == ("Hers.", 2)
    assert "Nothing was overwritten" in late.text
    assert "removed: Hers." in late.text and "added: His." in late.text
    assert re.search(r"<textarea[^>]*>\nHis\.</textarea>", late.html)
    assert ("input", {"type": "hidden", "name": "version", "value": "2"}) in late.elements
    again = window.post("edit", version=2, text="His.", **about)
    assert again.status == 200 and _human(window) == ("His.", 3)


def test_a_text_over_the_limit_is_kept_in_the_page(window: Window) -> None:
    text = "long " * 500
    done = window.post("edit", agent="coder", block="human", version=1, text=text)
    assert done.status == 422 and text in done.html and _human(window)[1] == 1
    assert window.post("edit", agent="coder", block="none", version=1, text="x").status == 422


def test_everything_is_read_and_blocks_are_edited_while_another_process_has_the_agent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("memgpt_autogen.cli.opening._PATIENCE", 0.05)
    directory = make_coder()
    with Window() as window, in_use(directory) as owner:
        assert owner in window.get("").text
        for page in ("core", "context", "recall", "archival", "steps"):
            found = window.get(page, agent="coder")
            assert found.status == 200 and "in use" in found.text
        assert window.post("edit", agent="coder", block="human", version=1, text="B.").status == 200
        shown = window.get("forget", agent="coder", speaker="Tessa")
        assert owner in shown.text and "Erase for ever" not in shown.text
        refused = window.post("forget", agent="coder", speaker="Tessa", sure="erase")
        assert refused.status == 409 and owner in refused.text
        assert "peppermint" in window.get("recall", agent="coder").text


# --- forgetting --------------------------------------------------------------------------------


def _told_by_tessa() -> Path:
    directory = make_coder()
    engine = open_coder()
    engine.workspace.recall.append("Tessa said: I only drink peppermint tea.", "Olaf", NOON)
    engine.workspace.archival.insert("Tessa drinks peppermint.")
    engine.workspace.core.set("human", "A manager.\nTessa drinks peppermint tea.")
    engine.queue.take_in([MessageEvent(timestamp=NOON, speaker="Tessa", text="I am in hall B7-4.")])
    engine.queue.state.keep(1, Step(text="Tessa is in hall B7-4.", sent=("Hall B7-4.",)))
    engine.queue.context.summary = "Tessa only drinks peppermint tea."
    engine.queue.save()
    engine.close()
    return directory


def test_a_preview_tells_what_the_receipt_will() -> None:
    _told_by_tessa()
    with open_memory(str(Path(".memgpt").resolve()), "coder") as memory:
        wanted = preview("Tessa", memory, lambda text: 2)
    engine = open_coder()
    receipt = forget("Tessa", engine)
    engine.close()
    assert len(wanted.messages) == receipt.recall_messages == 2
    assert len(wanted.quotations) == receipt.recall_quotations == 1
    assert len(wanted.entries) == receipt.queue_entries
    assert len(wanted.lines) == receipt.core_memory_lines == 1
    assert len(wanted.passages) == receipt.archival_passages == 1
    assert bool(wanted.summaries) == receipt.summary_reset is True


def test_a_speaker_is_forgotten_after_a_preview_and_a_confirmation() -> None:
    directory = _told_by_tessa()
    with Window() as window:
        window.get("recall", agent="coder", q="peppermint")  # what is kept open is let go of
        shown = window.get("forget", agent="coder", speaker="Tessa")
        assert "What would be erased of Tessa" in shown.text
        assert "2 messages of theirs" in shown.text and "1 line of core memory" in shown.text
        assert "cannot be undone" in shown.text and "I only drink peppermint tea." in shown.text
        unsure = window.post("forget", agent="coder", speaker="Tessa")
        assert unsure.status == 422 and "Nothing was erased" in unsure.text
        done = window.post("forget", agent="coder", speaker="Tessa", sure="erase")
        assert done.status == 200 and "Erased of Tessa" in done.text
        assert "The files were overwritten." in done.text
        for page in ("core", "recall", "archival", "steps", "context"):
            assert "peppermint" not in window.get(page, agent="coder").text
        assert window.post("forget", agent="coder", speaker="Tessa", sure="erase").status == 422
        for path in directory.glob("journal*"):
            assert b"B7-4" not in path.read_bytes(), path


# --- the command -----------------------------------------------------------------------------


def test_the_command_serves_loopback_until_it_is_interrupted(tmp_path: Path) -> None:
    make_coder()
    root = Path(memgpt_autogen.__file__).parents[1]
    command = [sys.executable, "-m", "memgpt_autogen", "inspect", "--no-open"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        address = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{30,}/", address)
        assert "coder" in httpx.get(address, trust_env=False).text
        httpx.get(f"{address}nothing", trust_env=False)
        port = address.split(":")[2].split("/")[0]
        taken = Run("inspect", "--no-open", "--port", port)
        assert taken.code == 1 and f"the port {port}" in taken.said
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        said = process.stderr.read()
    assert address.split("/")[3] not in said and "Traceback" not in said


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memgpt_autogen.cli.commands.inspecting.find_spec", lambda name: None)
    done = Run("inspect", "--no-open")
    assert done.code == 1 and "[inspect]" in done.said and "starlette" in done.said

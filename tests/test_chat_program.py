"""The chat of the terminal: what is typed, what is shown, what comes of it."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pexpect
import pytest
from typer.testing import CliRunner

from memgpt_autogen import MemGPT, load_source
from memgpt_autogen.cli.chat.choosing import chosen_model
from memgpt_autogen.cli.chat.command import chat_command
from memgpt_autogen.cli.chat.commands import COMMANDS
from memgpt_autogen.cli.chat.lines import Line, lines_of
from memgpt_autogen.cli.chat.program import Wishes, run
from memgpt_autogen.cli.chat.screen import message_so_far
from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.steps import FunctionCall, FunctionResult, Step
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder
from memgpt_autogen.testing import ScriptedModel, empty, fail, send
from memgpt_autogen.testing.server import Script
from tests.chatting import Configuration, talking

ROOT = Path(__file__).parents[1]
Chat = Callable[..., str]


@pytest.fixture
def chat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Chat:
    """What is shown, as plain lines, where these lines are typed."""

    def type_in(*typed: str, script: Script = talking, status: int = 0, **wishes: Any) -> str:
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in typed)))
        given = {"agent": "sam", "memory": str(tmp_path / "m"), "plain": True, **wishes}
        with ScriptedModel(script) as model:
            assert run(Wishes(**given), Configuration(model)) == status
        return capsys.readouterr().out

    return type_in


def test_the_agent_opens_unless_the_person_does(chat: Chat) -> None:
    shown = chat("Dana likes tea", "what do I like?")
    assert shown.index("sam is new") < shown.index("sam: Hello, stranger.")
    for line in (
        "+ human: Dana likes tea",
        "sam: I heard that Dana likes tea and keep it.",
        "(thinks) Let me look.",
        "? conversation: tea",
        "user: Dana likes tea",
        "sam: You like tea.",
        "memgpt-autogen run --agent sam",
    ):
        assert line in shown
    again = chat("/memory", "/exit", "never said", first=True)
    assert "5 messages remembered" in again
    assert "stranger" not in again
    assert "never said" not in again
    assert "  Dana likes tea" in again


def test_what_was_said_is_undone_redone_retried_and_rewritten(chat: Chat) -> None:
    shown = chat(
        "one fact", "another fact", "/pop 2", "/memory", "/redo", "/redo", "/redo", "/memory",
        "/retry", "/rewrite Well said.", "/dump 1", "/pop 9", "/pop", "/retry",
        first=True,
    )  # fmt: skip
    assert "undone: 2 exchanges" in shown
    first, second = shown.split("human (")[1:3]
    assert "fact" not in first.split("redone")[0]
    assert "  one fact\n  another fact" in second
    assert shown.count("redone") == 2
    assert "nothing to redo" in shown
    assert shown.count("sam: I heard that another fact and keep it.") == 2
    assert '"message": "Well said."' in shown
    assert shown.endswith("memgpt-autogen run --agent sam --memory " + shown.split()[-1] + "\n")
    assert "nothing in view to undo" in shown
    assert "nothing in view to try again" in shown


def test_what_the_agent_has_is_shown_searched_and_erased(chat: Chat, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("The otter sleeps at noon.")
    load_source("notes", tmp_path / "notes.txt", memory=tmp_path / "m", embedder=HashingEmbedder())
    shown = chat(
        "Zoltan likes tea", "/context", "/search tea", "/history", "/attach", "/attach notes",
        "/search otter", "/forget Ann", "n", "/forget user", "y", "/memory", "/nothing", "/load",
        first=True,
    )  # fmt: skip
    assert "of 8,192 tokens" in shown
    assert "queue" in shown
    assert "user: Zoltan likes tea" in shown
    assert "· version 2" in shown
    assert "by the model" in shown
    assert "\nnotes\n" in shown
    assert "attached: notes, 1 passages" in shown
    assert "notes: The otter sleeps at noon." in shown
    assert "nothing was erased" in shown
    assert "erased: 1 messages" in shown
    assert "Zoltan" not in shown.split("erased: 1")[1].split("persona (")[1]
    assert "there is no command /nothing" in shown
    assert "/load needs" in shown


def test_events_files_and_other_agents(chat: Chat, tmp_path: Path) -> None:
    file = tmp_path / "sam.json"
    shown = chat("a fact", "/heartbeat", "/memorywarning", "/save", f"/save {file}", "/load bob",
                 "hello", "/load missing/sam.json", "/help", first=True)  # fmt: skip
    assert file.exists()
    assert "timed heartbeat" in shown
    assert "window is nearly full" in shown
    assert "bob: I heard that hello and keep it." in shown
    assert all(f"\n{one.name}" in f"\n{shown}" for one in COMMANDS)
    elsewhere = str(tmp_path / "elsewhere")
    moved = chat(f"/load {file}", "/memory", agent="x", first=True, memory=elsewhere)
    assert "you talk with sam now" in moved
    assert "  a fact" in moved


def test_errors_are_told_and_the_conversation_goes_on(chat: Chat) -> None:
    shown = chat("one", "two", "/attach nowhere", script=[fail(401), send("fine")], first=True)
    assert "error: Error code: 401" in shown
    assert "sam: fine" in shown
    assert "error: there is no source 'nowhere'" in shown
    away = chat("hello", model="m", endpoint="http://127.0.0.1:1/v1", script=[], first=True)
    assert "Does the server of the model run?" in away
    assert "no preset 'nothing'" in chat(status=1, agent="new", preset="nothing", script=[])


def test_an_opening_in_silence_is_asked_for_again_unless_it_is_not_verified(chat: Chat) -> None:
    silent = [empty(), empty()]  # it is nudged in vain
    shown = chat(script=[*silent, send("Hello again.")], agent="a")
    assert "\na: Hello again." in shown
    assert "says nothing" in chat(script=silent, agent="b", verify=False)


def test_one_agent_of_the_terminal_and_of_the_client(chat: Chat, tmp_path: Path) -> None:
    chat("Dana likes tea", first=True)
    with ScriptedModel(talking) as model:
        given: dict[str, Any] = {"embedder": HashingEmbedder(), "memory": tmp_path / "m"}
        with MemGPT(llm_config=model.llm_config, **given) as client:
            client.user_message("sam", "Dana likes jazz")
            assert client.list_agents()[0].messages == 4
    shown = chat("/memory", "/dump", first=True)
    assert "  Dana likes tea\n  Dana likes jazz" in shown
    assert shown.count("user: Dana likes jazz") == 1


# --- the model -------------------------------------------------------------------------------


def test_who_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    with ScriptedModel([], model_name="served") as model:
        configured: Any = Configuration(model)
        found = chosen_model(None, None, configured, tell=told.append)
        assert found == model.llm_config
        found = chosen_model("other", None, configured, tell=told.append)
        assert found["config_list"][0]["model"] == "other"
        found = chosen_model(None, model.base_url, configured, tell=told.append)
        assert found == {"model": "served", "base_url": model.base_url}
        monkeypatch.setenv("OPENAI_BASE_URL", model.base_url)
        assert chosen_model(None, None, None, tell=told.append)["model"] == "served"
    monkeypatch.delenv("OPENAI_BASE_URL")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    assert chosen_model(None, None, None, tell=told.append) == {"model": "gpt-4o-mini"}
    assert not any("secret" in one for one in told)


def test_a_missing_key_is_told_before_anything_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wishes = Wishes("sam", memory=str(tmp_path / "m"), model="gpt-4o-mini", plain=True)
    assert run(wishes, None) == 1
    assert "OPENAI_API_KEY" in capsys.readouterr().out
    assert not (tmp_path / "m").exists()


def test_without_any_model_it_asks_before_it_fetches_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memgpt_autogen.cli.chat.choosing.running_models", list)
    told: list[str] = []
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY"):
        chosen_model(None, None, None, tell=told.append, agree=lambda question: False)
    assert "looking for a model on this machine" in told[0]


# --- the screen ------------------------------------------------------------------------------


def test_a_step_becomes_lines() -> None:
    call = FunctionCall(
        id="1", name="core_memory_replace",
        arguments='{"name": "human", "old_content": "tea", "new_content": "mate"}',
    )  # fmt: skip
    wrong = FunctionCall(id="2", name="core_memory_append", arguments="{}")
    results = (
        FunctionResult(call_id="1", name=call.name, ok=True, text="The block …"),
        FunctionResult(call_id="2", name=wrong.name, ok=False, text="Error: no name."),
    )
    step = Step(text="Hm.", calls=(call, wrong), results=results, sent=("Noted.",))
    assert list(lines_of(step)) == [
        Line("thought", "Hm."),
        Line("removed", "human: tea"),
        Line("added", "human: mate"),
        Line("failed", "core_memory_append: Error: no name."),
        Line("said", "Noted."),
    ]


def test_a_message_is_read_while_it_grows() -> None:
    whole = '{"message": "He said: \\"né\\""}'
    grown = [message_so_far("send_message", whole[:end]) for end in range(len(whole) + 1)]
    assert grown[-1] == 'He said: "né"'
    assert all(grown[-1].startswith(text) for text in grown)
    assert len(set(grown)) > 8
    assert message_so_far("core_memory_append", whole) == ""


def test_the_help_fits_a_terminal() -> None:
    import typer

    app = typer.Typer()
    app.command()(chat_command())
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "80"}).output
    assert "--strip-ui" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_the_help_waits_for_nothing_that_takes_long_to_import() -> None:
    code = (
        "import sys; from memgpt_autogen.cli.chat.command import chat_command; chat_command();"
        "print({'autogen', 'chromadb', 'numpy', 'openai', 'prompt_toolkit'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    assert found.stdout.strip() == b"set()"


@pytest.mark.skipif(sys.platform == "win32", reason="there is no pseudo-terminal")
def test_in_a_real_terminal(tmp_path: Path) -> None:
    """Completion, several lines; Ctrl-C stops a turn, not the program; a kill loses nothing."""
    terminal: Any = pexpect.spawn(
        sys.executable, ["-m", "tests.chatting", str(tmp_path / "m")],
        cwd=str(ROOT), dimensions=(40, 100), timeout=30, encoding="utf-8",
    )  # fmt: skip
    terminal.expect("Your name")
    terminal.send("Dana\r")
    terminal.expect("Dana> ")
    terminal.send("Dana likes\x1b\rtea\r")
    terminal.expect("\\+ human: Dana likes")
    terminal.expect("I heard that Dana likes and keep it")
    terminal.expect("Dana> ")
    terminal.send("take your time\r")
    terminal.expect("thinking")
    terminal.sendintr()
    terminal.expect("stopped; what was done is kept")
    terminal.expect("Dana> ")
    terminal.send("/conte")
    terminal.expect("/context")
    terminal.send("\t")
    terminal.expect("/context")
    terminal.send("\r")
    terminal.expect("of 8,192 tokens")
    terminal.expect("Dana> ")
    terminal.send("\x1b[A")
    terminal.expect("/context")
    terminal.sendintr()
    terminal.expect("/exit ends")
    terminal.expect("Dana> ")
    terminal.kill(signal.SIGKILL)
    terminal.close()
    kept = ["Dana likes\ntea", "I heard that Dana likes and keep it.", "take your time"]
    with ScriptedModel(talking) as model:
        given: dict[str, Any] = {"embedder": HashingEmbedder(), "memory": tmp_path / "m"}
        with MemGPT(llm_config=model.llm_config, **given) as client:
            client.user_message("sam", "Dana likes jazz", name="Dana")
            recall = client.session("sam").open().workspace.recall
            texts = [one.text for one in recall.everything()]
            assert texts == [*kept, "Dana likes jazz", "I heard that Dana likes jazz and keep it."]
            assert client.get_memory("sam")["human"].value.endswith("Dana likes\nDana likes jazz")

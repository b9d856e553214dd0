"""The examples, run on the rehearsal model as a user would run them."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from memgpt_autogen import MemGPTAgent
from memgpt_autogen.testing import ScriptedModel, send

pytestmark = [pytest.mark.autogen, pytest.mark.meaning]

EXAMPLES = Path(__file__).parents[1] / "examples" / "groupchat"
NAMES = ("coder", "tools", "documents", "people", "team")
HELPERS = ("demo", "acts", "models", "reading", "rehearsal", "screen", "talk")

Run = Callable[..., str]


def checked(shown: str) -> str:
    """What was printed, in 80 columns; only commands to copy may be longer."""
    assert max(len(line) for line in shown.splitlines() if ".py " not in f"{line} ") <= 80
    return shown


def new_process(*words: str, folder: Path, **env: str) -> str:
    """Run an example in a process of its own; what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(EXAMPLES / words[0]), *words[1:]],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(EXAMPLES.parents[1]), "COLUMNS": "80", **env},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return checked(done.stdout)


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """Imports an example afresh and gives its command; afterwards it is gone again."""
    before = dict(sys.modules)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.setenv("COLUMNS", "80")

    def load(name: str) -> Any:
        for module in (name, *HELPERS):
            sys.modules.pop(module, None)
        return importlib.import_module(name).app

    yield load
    for module in (*NAMES, *HELPERS):
        sys.modules.pop(module, None)
    sys.modules.update({name: before[name] for name in (*NAMES, *HELPERS) if name in before})


@pytest.fixture
def run(tmp_path: Path, app: Callable[[str], Any]) -> Run:
    """Runs an example in this process, with one memory for all runs of a test."""

    def run(name: str, *words: str) -> str:
        options = ["--model", "rehearsal", "--memory", str(tmp_path)]
        done = CliRunner().invoke(app(name), [*words, *options], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return checked(done.output)

    return run


@pytest.mark.slow
def test_the_demo_remembers_in_its_second_process_and_keeps_its_memory(tmp_path: Path) -> None:
    shown = new_process("demo.py", "--model", "rehearsal", folder=tmp_path)
    told, asked = " ".join(shown.split()).split("3. A new process is asked")
    assert "rules, not a language model" in told
    assert "entries left the queue" in told and "core_memory_replace" in told
    assert "peppermint tea" in asked and "star chart" in asked and "the day shift" in asked
    assert asked.count("right; it came from") == 3
    assert asked.count("right; it came from recall storage") == 1
    assert "4,000, extrapolated" in asked and asked.count(".py") == 3
    with MemGPTAgent("guide", llm_config=False, memory=tmp_path / ".memgpt-demo") as guide:
        assert "night shift" not in guide.core_memory["human:Tessa"].value
        assert len(guide.recall) == 50


def test_the_demo_says_where_an_answer_is_wrong(
    tmp_path: Path, app: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    acts = app("acts")
    with ScriptedModel(lambda request: send("No idea.")) as model:
        monkeypatch.setenv("OAI_CONFIG_LIST", json.dumps(model.llm_config["config_list"]))
        options = ["ask", "--model", "openai", "--memory", str(tmp_path)]
        done = CliRunner().invoke(acts, options, catch_exceptions=False)
    shown = " ".join(done.output.split())
    assert done.exit_code == 1
    assert shown.count("This answer is wrong") == 3
    assert "it does not say “star chart”" in shown
    assert "guide's core memory" in shown and "The model's last prompt was" in shown


def test_the_demo_makes_its_memory_anew_and_leaves_another_alone(
    tmp_path: Path, app: Callable[[str], Any]
) -> None:
    app("coder")  # puts the folder on the path
    demo = importlib.import_module("demo")
    own, other = tmp_path / "own", tmp_path / "other"
    demo.fresh(own)
    (own / "agents").mkdir()
    demo.fresh(own)
    assert [one.name for one in own.iterdir()] == ["demo.json"]
    (other / "agents").mkdir(parents=True)
    with pytest.raises(SystemExit, match="not a demo's memory"):
        demo.fresh(other)
    assert (other / "agents").is_dir()


def test_an_unknown_model_is_refused_with_those_that_there_are(app: Callable[[str], Any]) -> None:
    app("coder")
    models = importlib.import_module("models")
    with pytest.raises(SystemExit, match=r"no model 'nosuch'.*auto, openai, local, rehearsal"):
        with models.open_model("nosuch", Console()):
            pass


@pytest.mark.slow
def test_coder_swaps_the_class_and_runs_code_only_when_asked(tmp_path: Path, run: Run) -> None:
    plain = new_process("coder.py", "--model", "rehearsal", folder=tmp_path, USE_MEMGPT="0")
    assert "AssistantAgent" in plain and not (tmp_path / ".memgpt").exists()
    assert "shown, not run" in plain and "exitcode" not in plain
    assert "exitcode: 0 (execution succeeded)" in run("coder", "--run-code")
    assert (tmp_path / "agents" / "coder").is_dir()


def test_tools_run_in_the_chat_by_whoever_can_and_the_results_are_remembered(run: Run) -> None:
    first = run("tools", "--run-code")
    assert "clerk · → run in the chat\nstore\n  1200 bolts are in stock." in first
    assert "clerk · → run in the chat\nclerk\n  1200 pieces last 30 days at 40 a day." in first
    assert "Code output: 5050" in first
    asked = ["How many bolts were in stock?", "What did the program print?"]
    second = run("tools", *asked)
    assert "stock_of(" not in second and second.count("conversation_search(") == 2
    assert "(result) 1200 bolts" in second
    assert "5050" in second


def test_documents_are_read_once_and_quoted_with_their_file(run: Run) -> None:
    first = " ".join(run("documents").split())
    assert "3 read, 0 known" in first
    assert (
        "handbook: hours.md: Opening hours: On Saturdays the workshop is open from 10:00 to 18:00"
        in first
    )
    assert "handbook: machines.md: Machines: The laser cutter may be used by members" in first
    assert "handbook: membership.md: Membership: A membership costs 180 euros" in first
    second = run("documents", "Cleo: What does a lost key cost?")
    assert "0 read, 3 known" in second
    assert "handbook: membership.md: Membership: A lost key costs 40 euros." in second
    assert "came from: archival_memory_search" in second


def test_people_are_told_apart_by_their_blocks(run: Run, tmp_path: Path) -> None:
    run("people", "Ann: I prefer my reports as tables.", "Bob: I like my reports short.")
    other = run("people", "Bob: The printer is out of paper.", "Cleo: I like charts in blue.")
    assert "printer" in other and "human:Cleo" in other
    asked = ["Ann: How do I like my reports?", "Bob: How do I like my reports?"]
    third = run("people", *asked, "Ann: What does Cleo like?")
    answers = [line.strip() for line in third.splitlines() if "From my core memory" in line]
    assert answers == [
        "From my core memory: I prefer my reports as tables.",
        "From my core memory: I like my reports short.",
        "From my core memory: I like charts in blue.",
    ]
    with MemGPTAgent("assistant", llm_config=False, memory=tmp_path) as assistant:
        blocks = {block.name: block.value for block in assistant.core_memory}
    assert blocks["human:Ann"] == "I prefer my reports as tables."
    assert blocks["human:Bob"] == "I like my reports short."
    assert blocks["human"] == ""


def test_people_play_three_days_by_themselves(run: Run) -> None:
    shown = run("people")
    assert shown.count("From my core memory") == 4
    assert "From my core memory: I like charts in my reports, blue ones." in shown.split("Wed")[1]


@pytest.mark.slow
def test_a_team_finds_in_another_process_what_one_of_them_kept(run: Run, tmp_path: Path) -> None:
    first = run("team")
    assert "researcher · → Stored in the shared archive 'team'." in first
    assert "reviewer · core_memory_append(name='plan'" in first
    assert first.count("From my core memory: Goal: an importer that loses no data. First") == 3
    asked = ["Coder, what does the importer drop?", "Researcher, what is on the plan?"]
    options = ["--model", "rehearsal", "--memory", str(tmp_path)]
    second = new_process("team.py", *asked, *options, folder=tmp_path)
    assert "coder · archival_memory_search(" in second
    assert "From team: by researcher: The importer drops every row" in second
    assert second.count("From my core memory: Goal: an importer that loses no data. First") == 1
    with MemGPTAgent("coder", llm_config=False, memory=tmp_path) as coder:
        heard = [message.text for message in coder.recall.latest(50)]
        assert not any("Keep this finding" in text for text in heard)
        assert [passage.tags for passage in coder.archival.search("rows").items] == [
            ("by researcher",)
        ]


@pytest.mark.parametrize("name", NAMES)
def test_help_shows_how_to_run_it(name: str, app: Callable[[str], Any]) -> None:
    shown = CliRunner().invoke(app(name), ["--help"]).output
    assert shown.count(f"  python {name}.py") >= 2
    assert "\N{BACKSPACE}" not in shown

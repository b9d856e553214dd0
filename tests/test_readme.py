"""The README's code runs as it stands, with a scripted model in the place of a paid one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import autogen
import pytest

from memgpt_autogen import MemGPTAgent
from memgpt_autogen.testing import ChatRequest, ScriptedModel, Step, call, calls, say, send

pytestmark = pytest.mark.autogen

README = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(r"<!-- test: (?P<name>[^>]*?) -->\n```python\n(?P<code>.*?)```", re.DOTALL)
PLAIN = re.compile(r"```python\n")


def blocks() -> dict[str, str]:
    return {match["name"]: match["code"] for match in BLOCK.finditer(README.read_text("utf-8"))}


def test_every_block_of_code_is_tested_or_says_why_not() -> None:
    text = README.read_text("utf-8")
    assert len(PLAIN.findall(text)) == len(blocks()) >= 3
    assert [name for name in blocks() if name.startswith("skip")] == [
        "skip (starts a model of 1.1 GB)"
    ]


def test_the_swap_and_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    reply = calls(
        call("core_memory_append", name="human", content="Dana likes type hints."),
        call("send_message", message="Hello Dana."),
    )
    with ScriptedModel([reply, send("Noted."), send("Hi.")]) as model:
        code = blocks()["swap"].replace('[{"model": "gpt-4o-mini"}]', "CONFIG_LIST")
        assert "CONFIG_LIST" in code
        names: dict[str, Any] = {"CONFIG_LIST": model.llm_config["config_list"]}
        exec(compile(code, "README.md", "exec"), names)
        for block in ("memory", "inside", "events", "partners", "shared", "capability"):
            exec(compile(blocks()[block], "README.md", "exec"), names)
        for agent in (names[name] for name in ("coder", "reviewer", "for_ann", "desk")):
            agent.close()
    out = capsys.readouterr().out
    assert "Dana likes type hints." in out
    assert "user I am Dana and I like type hints." in out
    assert re.search(r"\d{3,} tokens in the main context", out)
    assert "(system alert) The backup is done." in out
    assert "MemGPTAgent('coder', memory='" in out
    assert "The staging server has 8 GB." in out
    assert "I am assistant." in out
    assert (tmp_path / ".memgpt" / "agents" / "coder").is_dir()


def test_the_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reply = calls(
        call("core_memory_append", name="human", content="Dana studies type systems."),
        call("send_message", message="Hi Dana."),
    )
    with ScriptedModel([reply]) as model:
        monkeypatch.setenv("OPENAI_API_KEY", model.api_key)
        monkeypatch.setenv("OPENAI_BASE_URL", model.base_url)
        names: dict[str, Any] = {}
        exec(compile(blocks()["client"], "README.md", "exec"), names)
        assert model.requests[0].contains("I am Sam.") == 1
    assert "('Hi Dana.',) ['core_memory_append', 'send_message']" in capsys.readouterr().out
    with MemGPTAgent("sam", llm_config=False) as agent:
        value = agent.core_memory["human"].value
        assert value.endswith("\nDana studies type systems.\nDana likes tea.")
    assert (tmp_path / ".memgpt" / "agents" / "sam").is_dir()


@pytest.mark.parametrize("use_memgpt", [True, False])
def test_the_program_that_the_field_begins_with(use_memgpt: bool) -> None:
    solution = "```python\nfor number in range(1, 11):\n    print(number)\n```"

    def answering(request: ChatRequest) -> Step:
        if "select the next role" in request.text or "next role" in request.last_text:
            said = "the product" in request.text
            return say(
                "MemGPT_coder" if said and use_memgpt else "Coder" if said else "Product_manager"
            )
        if "Creative in software" in request.text:
            return say("Let us print the product of our work: ten numbers.")
        return send(solution) if request.tools else say(solution)

    code = blocks()["seed"].replace('[{"model": "gpt-4o-mini"}]', "CONFIG_LIST")
    code = code.replace("USE_MEMGPT = True", f"USE_MEMGPT = {use_memgpt}")
    with ScriptedModel(answering) as model:
        names: dict[str, Any] = {"CONFIG_LIST": model.llm_config["config_list"]}
        exec(compile(code, "README.md", "exec"), names)
        said = names["groupchat"].messages
        assert [one["name"] for one in said][:2] == ["User_proxy", "Product_manager"]
        assert solution in [one["content"] for one in said]
        if use_memgpt:
            coder = names["coder"]
            asked = next(one for one in model.requests if one.contains("I am Sam."))
            assert asked.contains("User_proxy: Write a function to print the numbers 1 to 10") == 1
            assert asked.contains("Prefer the smallest change") == 1
            assert solution in [one.text for one in coder.recall.everything()]
            coder.close()


def test_the_versions_it_names_are_these() -> None:
    assert autogen.__version__.startswith(("0.2.35", "0.9", "0.14.1"))

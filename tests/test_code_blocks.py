"""Code in chats: run by AutoGen's executors, and passed on letter by letter."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
from autogen.coding import CodeBlock, CodeExecutor, CodeResult, LocalCommandLineCodeExecutor
from autogen.coding.markdown_code_extractor import MarkdownCodeExtractor

from memgpt_autogen.testing import call, calls, say, send
from tests.groupchat import manager_of
from tests.playing import echo, playing, user

# AutoGen's look for Docker leaves a socket to the garbage collector
pytestmark = [
    pytest.mark.autogen,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

CODE = """```python
text = 'a "quoted" \\\\ back\\tslash, `ticks`, ünïcode 🍵'
for number in range(3):
    print(number, f"{{braces}} {text!r}", 'a\\nb')
```"""


@pytest.fixture(autouse=True)
def sockets_collected() -> Iterator[None]:
    yield
    gc.collect()


class Recording(CodeExecutor):  # type: ignore[misc]
    """An executor that runs nothing and keeps the code it was given."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    @property
    def code_extractor(self) -> Any:
        return MarkdownCodeExtractor()

    def execute_code_blocks(self, code_blocks: list[CodeBlock]) -> CodeResult:
        self.ran.extend(block.code for block in code_blocks)
        return CodeResult(exit_code=0, output="ran")

    def restart(self) -> None: ...


@pytest.mark.feature("code blocks to a peer that runs them")
@pytest.mark.parametrize("how", ["send", "say", "with-a-memory-call"])
def test_a_block_reaches_its_executor_untouched(tmp_path: Path, how: str) -> None:
    text = f"Here it is:\n\n{CODE}\n\nRun it."
    noted = call("core_memory_append", name="human", content="Wants code.")
    first = {
        "send": send(text),
        "say": say(text),
        "with-a-memory-call": calls(noted, call("send_message", message=text), monologue="hm"),
    }[how]
    executor = Recording()
    with playing([first, send("fine")], tmp_path) as (agent, model):
        runner = user("runner", code_execution_config={"executor": executor})
        result = runner.initiate_chat(agent, message="write code", max_turns=2, silent=True)
        assert result.chat_history[1]["content"] == text
        assert executor.ran == [CODE.removeprefix("```python\n").removesuffix("\n```")]
        assert result.chat_history[2]["content"].endswith("Code output: ran")
        assert agent.recall.search("quoted ticks", speaker="mem").items[0].text == text
    assert model.requests[1].contains(CODE) == 1
    assert "Code output: ran" in model.requests[1].last_text


@pytest.mark.feature("code blocks to a peer that runs them")
def test_long_code_is_not_cut(tmp_path: Path) -> None:
    lines = "\n".join(f"value_{n} = {n} * 2  # line {n}" for n in range(150))
    text = f"```python\n{lines}\n```"
    executor = Recording()
    with playing([send(text)], tmp_path) as (agent, _):
        runner = user("runner", code_execution_config={"executor": executor})
        runner.initiate_chat(agent, message="write code", max_turns=1, silent=True)
        runner.generate_reply(sender=agent)
        assert executor.ran == [lines]
        assert agent.recall.latest(1)[0].text == text


@pytest.mark.feature("code blocks of others")
def test_code_of_another_reaches_the_model_as_it_is_but_for_an_indent(tmp_path: Path) -> None:
    with playing([send("nice code")], tmp_path) as (agent, model):
        user().initiate_chat(agent, message=CODE, max_turns=1, silent=True)
        assert agent.recall.latest(2)[0].text == CODE
    assert model.requests[0].contains(indent(CODE, "  ").lstrip()) == 1


@pytest.mark.feature("code_execution_config of the agent")
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_the_agent_runs_code_that_it_is_sent(tmp_path: Path, asynchronous: bool) -> None:
    """Without asking its model, and it remembers what came out."""
    local = LocalCommandLineCodeExecutor(work_dir=tmp_path)
    config = {"executor": local}
    code = "```python\nprint(6 * 7)\n```"
    with playing(echo, tmp_path / "memory", code_execution_config=config) as (agent, model):
        person = user()
        chat = {"message": code, "max_turns": 1, "silent": True}
        if asynchronous:
            result = await person.a_initiate_chat(agent, **chat)
        else:
            result = person.initiate_chat(agent, **chat)
        assert "Code output: 42" in result.chat_history[-1]["content"].replace("\n", " ")
        assert not model.requests
        person.send("what came out?", agent, request_reply=False, silent=True)
        assert agent.generate_reply(sender=person).startswith("heard")
        assert agent.recall.speakers() == {"user": 2, "mem": 2}
    assert model.requests[0].contains("42") >= 1


@pytest.mark.feature("code executors in group chats")
def test_a_coder_and_an_executor_in_a_group(tmp_path: Path) -> None:
    code = "```python\nprint('ün' + 'ï' * 3)\n```"
    with playing([send(code), send("It works.")], tmp_path / "memory") as (agent, model):
        local = LocalCommandLineCodeExecutor(work_dir=tmp_path)
        runner = user("runner", code_execution_config={"executor": local})
        manager = manager_of([runner, agent], max_round=4)
        runner.initiate_chat(manager, message="write and run it", silent=True)
        assert manager.groupchat.messages[-1]["content"] == "It works."
    assert model.requests[1].contains("ünïïï") == 1

"""Each command, each flag and each command of the chat, driven in a real terminal."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from memgpt_autogen.cli.chat.commands import COMMANDS
from memgpt_autogen.testing import ScriptedModel
from tests.chatting import talking
from tests.commands import THERE, name_of
from tests.forking_terminal import Terminal

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no pseudo-terminal")

CODES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
MODEL = "MODEL"  # stands for the scripted model's address


@dataclass(frozen=True)
class Row:
    """A command: what it must show, what is typed where, and its exit status."""

    command: str
    shows: str
    types: tuple[tuple[str, str], ...] = ()
    status: int = 0

    @property
    def words(self) -> list[str]:
        return [one.replace("·", " ") for one in self.command.split()]  # · : a space in a word


def typed(*lines: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((awaited, f"{line}\r") for awaited, line in lines)


CHAT = typed(
    ("/help lists", "Dana likes tea"),
    ("I heard that Dana likes tea", "/memory"),
    ("human \\(", "/context"),
    ("of 8,192 tokens", "/search tea"),
    ("user: Dana|Dana: Dana", "/history human"),
    ("by the model", "/dump 3"),
    ("core_memory_append", "/pop"),
    ("undone", "/redo"),
    ("redone", "/retry"),
    ("I heard that", "/rewrite Well said."),
    ("Well said", "/heartbeat"),
    ("timed heartbeat", "/memorywarning"),
    ("nearly full", "/attach notes"),
    ("attached: notes", "/save sam.jsonl"),
    ("sam.jsonl", "/load other"),
    ("you talk with other", "/forget Nobody"),
    ("for good", "y"),
    ("has said nothing that", "/help"),
    ("/memorywarning", "/exit"),
)
FILES = {
    "notes.md": "The otter sleeps at noon.",
    "dull.log": "Nothing.",
    "text.txt": "From a file.",
    "editor.py": "import sys; open(sys.argv[1], 'a').write(input('the text: ') + '\\n')",
    "chats.json": '[{"role": "system", "content": "Be kind."},'
    ' {"role": "user", "content": "My heron is called Otto."},'
    ' {"role": "assistant", "content": "A fine name."}]',
}
HELLO = (
    '{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion":'
    ' "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}}\n'
)
ROWS = (
    Row("--version", "memgpt-autogen 0"),
    Row("--show-completion bash", "complete -o default -F"),
    Row("--install-completion bash", "bash completion installed"),
    Row("--debug show nobody -m m", "Traceback", status=1),
    Row(
        "configure --yes --kind azure --endpoint http://127.0.0.1:9 --api-version 2025-01-01"
        " --deployment d --model x --key-variable NO_KEY",
        "is not set. Set it with: export NO_KEY=",
    ),
    Row(
        f"configure --yes --kind openai --endpoint {MODEL} --model scripted-model --key-variable"
        " none --context-window 8192 --embedder hashing --persona sam_pov --human basic --preset"
        " memgpt_chat --memory m",
        "has scripted-model",
    ),
    Row("load files notes.md dull.log --name notes --ignore *.log --memory m --json", '"loaded"'),
    Row(
        "load webpage http://127.0.0.1:9/x --name pages --allow-private --memory m --json",
        "cannot be fetched",
        status=1,
    ),
    Row(
        "load database sqlite:// --query select·1·as·id --name rows --key id --label kilns"
        " --memory m --json",
        '"kilns: id=1"',
    ),
    Row(
        "load database --url-from-env DB_URL --password --query select·1·as·id --name more",
        "more has 1 passage",
        typed(("Password", "otter")),
    ),
    Row("migrate rows --source --to chroma --memory m", "in chroma"),
    Row(
        "run --agent sam --persona I·am·Sam. --human Dana. --preset memgpt_chat --user Dana"
        f" --memory m --model scripted-model --model-endpoint {MODEL} --no-verify --first --yes"
        " --strip-ui",
        "other remembers this: memgpt-autogen run --agent other",
        CHAT,
    ),
    Row("run --agent sam --debug", "memgpt_autogen", typed(("Dana> ", "/exit"))),
    Row("list agents --memory m", "sam"),
    Row("list sources --json", '"notes"'),
    Row("list personas", "nora_editor"),
    Row("list humans", "cs_phd"),
    Row("list presets", "memgpt_group"),
    Row("show sam --memory m", "I am Sam."),
    Row("show sam --json", '"value": "I am Sam."'),
    Row("search sam tea --in recall --by both --speaker Dana --start 2020-01-01", "Dana likes tea"),
    Row("search sam otter --in archival --limit 1 --memory m --json", "The otter sleeps"),
    Row("search sam tea --end 2020-01-01", "Nothing was found"),
    Row("edit sam human --memory m", "+ Breeds goats.", (("the text:", "Breeds goats.\n"),)),
    Row("edit sam human --file text.txt", "+ From a file."),
    Row("history sam human --limit 1 --memory m", "From a file."),
    Row("history sam human --json", '"author": "program"'),
    Row("history sam human --revert 1", "reads as in version 1"),
    Row("detach sam notes --memory m", "searches notes no longer"),
    Row("attach sam notes --memory m", "sam searches notes now"),
    Row("export sam sam.jsonl --sources --memory m", "sam is in", typed(("Replace it", "y"))),
    Row("export sam sam.jsonl --yes", "sam is in"),
    Row("import sam.jsonl --shared replace --memory elsewhere", "elsewhere now"),
    Row("import chats.json", "--into", status=1),
    Row(
        "import chats.json --into sam --you Dana --assistant Helper --memory m",
        "1 chat: 2 messages imported.",
    ),
    Row("import chats.json --into sam --you Dana --assistant Helper --json", '"known": 2'),
    Row("add persona captain --text I·am·the·captain.", "Written"),
    Row("add persona captain --file text.txt --replace", "Written"),
    Row("serve sam --memory m", '"serverInfo"', (("", HELLO), ('serverInfo"', "\x04"))),
    Row("inspect --port 0 --no-open --memory m", "http://127.0.0.1:", (("ends it.", "\x03"),)),
    Row("forget sam Dana --memory m", "Erased of Dana", typed(("for ever", "y"))),
    Row("forget sam Helper --yes --json", '"speaker": "Helper"'),
    Row("delete notes --source --yes --memory m", "notes is deleted"),
    Row("delete sam --memory m", "sam is deleted", typed(("for ever", "y"))),
)


def driven(row: Row) -> Iterator[tuple[str, str]]:
    """The command of a row, by name, and the flags that it is given."""
    begin = row.words.index(name.split()[0]) if (name := name_of(row.words)) else len(row.words)
    yield name, ""
    for at, word in enumerate(row.words):
        if len(word) > 1 and word.startswith("-"):
            command = name if at > begin else ""
            known = THERE[command].params
            [flag] = [one.opts[0] for one in known if word in (*one.opts, *one.secondary_opts)]
            yield command, flag


def test_each_command_and_flag_is_driven() -> None:
    there = {
        (name, flag)
        for name, command in THERE.items()
        for flag in [
            "",
            *(one.opts[0] for one in command.params if one.param_type_name == "option"),
        ]
    }
    assert not there - {one for row in ROWS for one in driven(row)}
    in_the_chat = {line.split()[0] for _, line in CHAT if line.startswith("/")}
    assert {one.name for one in COMMANDS} == in_the_chat


def test_commands_and_flags_do_what_they_say_in_a_terminal(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in FILES.items():
        Path(name).write_text(text)
    monkeypatch.setenv("DB_URL", "sqlite://")
    monkeypatch.setenv("EDITOR", f'"{sys.executable}" editor.py')
    problems = []
    with ScriptedModel(talking) as model:
        for row in ROWS:
            words = [one.replace(MODEL, model.base_url) for one in row.words]
            status, shown = terminal.run(*words, types=row.types)
            shown = CODES.sub("", shown)
            if status != row.status or row.shows not in shown:
                problems.append(f"{row.command} [{status}]: {shown}")
    assert not problems, "\n".join(problems)

"""The command `run`: its options. All that takes long to import is loaded when it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import lazy_loader
import typer

from memgpt_autogen.cli.options import memory_option

if TYPE_CHECKING:
    from memgpt_autogen.cli.chat import program
    from memgpt_autogen.cli.chat.choosing import Configured
else:
    program = lazy_loader.load("memgpt_autogen.cli.chat.program", suppress_warning=True)

_AGENT, _MODEL, _SHOWN = "Agent", "Model", "Screen"

Agent = Annotated[
    str,
    typer.Option(metavar="NAME", help="Whom to talk with; made if new.", rich_help_panel=_AGENT),
]
Persona = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        help="Who a new agent is: a name, a file or a text.",
        show_default="sam_pov",
        rich_help_panel=_AGENT,
    ),
]
Human = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        help="What it knows of you, likewise.",
        show_default="basic",
        rich_help_panel=_AGENT,
    ),
]
Preset = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        help="Its instructions, likewise.",
        show_default="by the model",
        rich_help_panel=_AGENT,
    ),
]
User = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Who you are.",
        show_default="whom it knows, else it asks",
        rich_help_panel=_AGENT,
    ),
]
Memory = Annotated[str | None, memory_option(_AGENT)]
Model = Annotated[
    str | None, typer.Option(metavar="NAME", help="The model.", rich_help_panel=_MODEL)
]
Endpoint = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Its server, up to /v1.", rich_help_panel=_MODEL),
]
NoVerify = Annotated[
    bool,
    typer.Option(
        "--no-verify", help="Do not ask again where it opens in silence.", rich_help_panel=_MODEL
    ),
]
First = Annotated[bool, typer.Option("--first", help="You speak first.", rich_help_panel=_SHOWN)]
Yes = Annotated[
    bool,
    typer.Option("--yes", "-y", help="Ask nothing before it starts.", rich_help_panel=_SHOWN),
]
Strip = Annotated[
    bool,
    typer.Option("--strip-ui", help="Plain lines, for pipes.", rich_help_panel=_SHOWN),
]
Debug = Annotated[
    bool,
    typer.Option("--debug", help="Prompts, and tracebacks of errors.", rich_help_panel=_SHOWN),
]


def chat_command(configured: Callable[[], Configured | None] = lambda: None) -> Callable[..., None]:
    """The function that is the command `run`.

    Args:
        configured: gives what the user configured; None where nothing was.
    """

    def run(
        agent: Agent = "agent_1",
        persona: Persona = None,
        human: Human = None,
        preset: Preset = None,
        user: User = None,
        memory: Memory = None,
        model: Model = None,
        model_endpoint: Endpoint = None,
        no_verify: NoVerify = False,
        first: First = False,
        yes: Yes = False,
        strip_ui: Strip = False,
        debug: Debug = False,
    ) -> None:
        """Talk with an agent that remembers.

        It opens the conversation with what it remembers of you; with --first you
        do. In the chat, /help lists the commands, Ctrl-C stops a turn, /exit ends.

        The model: --model, else what `configure` wrote, else OPENAI_API_KEY or
        OPENAI_BASE_URL, else a server that runs on this machine, else a small
        model of the extra `local`.

        \b
        [dim]Examples[/]
          memgpt-autogen run --agent sam
          memgpt-autogen run --agent sam --first --model gpt-4o-mini
        """
        wishes = program.Wishes(
            agent, persona, human, preset, user, memory, model, model_endpoint,
            verify=not no_verify, first=first, yes=yes, plain=strip_ui, debug=debug,
        )  # fmt: skip
        raise typer.Exit(program.run(wishes, configured()))

    return run

"""`configure`: asks for what the other commands go by, and writes it."""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from typing import Annotated, Any, get_args

import typer
from rich.console import Console

from memgpt_autogen.cli import late
from memgpt_autogen.cli.config import Config, Embedder, Kind, load_config, save_config
from memgpt_autogen.cli.endpoint import problem_with
from memgpt_autogen.cli.options import Memory, Yes
from memgpt_autogen.cli.screen import say, screen
from memgpt_autogen.errors import ConfigurationError

_AZURE_VERSION = "2024-10-21"
_NO_KEY = "none"  # what is typed where a server asks for no key


def _option(metavar: str, help: str) -> Any:
    return typer.Option(metavar=metavar, help=help)


Model = Annotated[str | None, _option("NAME", "As requests name it.")]
Endpoint = Annotated[str | None, _option("URL", "Of any server with OpenAI's protocol.")]
Protocol = Annotated[Kind | None, _option("KIND", "openai (or compatible), or azure.")]
Version = Annotated[str | None, _option("DATE", "Azure's.")]
Deployment = Annotated[str | None, _option("NAME", "Azure's.")]
Variable = Annotated[str | None, _option("NAME", "Environment variable with the key, or none.")]
Window = Annotated[
    int | None, typer.Option(metavar="N", min=0, help="Tokens; 0: what the model takes.")
]
Vectors = Annotated[Embedder | None, _option("NAME", "auto, or hashing (no model).")]
Named = Annotated[str | None, _option("NAME", "Of new agents: a name, file or text.")]


def configure(
    model: Model = None,
    endpoint: Endpoint = None,
    kind: Protocol = None,
    api_version: Version = None,
    deployment: Deployment = None,
    key_variable: Variable = None,
    context_window: Window = None,
    embedder: Vectors = None,
    persona: Named = None,
    human: Named = None,
    preset: Named = None,
    memory: Memory = None,
    yes: Yes = False,
) -> None:
    """Ask for the model and the defaults of new agents, and write them to a file.

    The file holds the NAME of the environment variable with the key, never
    the key. Model servers that run on this machine (Ollama, LM Studio,
    llama.cpp, vLLM) are offered. What an option says is not asked; --yes
    asks nothing.

    \b
    [dim]Examples[/]
      memgpt-autogen configure
      memgpt-autogen configure --model gpt-4o-mini --yes
      memgpt-autogen configure --endpoint http://localhost:11434/v1 \\
        --model qwen3:8b --key-variable none
    """
    fields = locals()
    told = {name: fields[name] for name in asdict(Config()) if fields[name] is not None}
    if key_variable == _NO_KEY:
        told["key_variable"] = ""
    config = _chosen(told) if yes else _asked_for_model(told)
    with Console(stderr=True).status(f"asking {config.base_url} …"):
        problem = problem_with(config)
    if problem:
        say(problem, "yellow")
        if not yes:
            typer.confirm("Write it all the same?", default=True, abort=True, err=True)
    else:
        say(f"{config.base_url} answers, and has {config.model}.", "green")
    if not yes:
        config = _asked_for_defaults(config, told)
    file = save_config(config)
    screen().print(f"Written: {file}", soft_wrap=True)


def _chosen(told: dict[str, Any]) -> Config:
    """The configuration there is, or the defaults, with what was told.

    Where neither a model nor a key is there, the best that runs on this machine.
    """
    config = _before()
    if not (told.keys() & {"model", "endpoint", "kind"} or os.environ.get(config.key_variable)):
        running = late.local.best_running(late.local.running_models())
        if running is not None and config.key_variable:
            config = _running(config, running)
    return replace(config, **told)


def _before() -> Config:
    try:
        return load_config()
    except ConfigurationError as problem:
        say(f"{problem}", "yellow")
        return Config()


def _running(config: Config, model: late.local.RunningModel) -> Config:
    about: dict[str, Any] = {"model": model.name, "endpoint": model.base_url, "key_variable": ""}
    return replace(config, kind="openai", api_version="", deployment="", **about)


def _asked_for_model(told: dict[str, Any]) -> Config:
    config = _before()
    if told.keys() & {"endpoint", "kind"}:
        place = 2 if told.get("kind") == "azure" else 3
    else:
        running = late.local.running_models()
        for number, line in enumerate(
            (
                "OpenAI, or the server that OPENAI_BASE_URL names",
                "Azure OpenAI",
                "another server with OpenAI's protocol",
                *(f"{one}" for one in running),
            ),
            start=1,
        ):
            say(f"  {number}  {line}")
        most = 3 + len(running)
        place = _number("Which model server?", _usual_place(config), most)
        if place > 3:
            return replace(_running(config, running[place - 4]), **told)
    ask = _Asking(config, told)
    found: dict[str, Any]
    if place == 1:
        found = {"kind": "openai", "endpoint": "", "api_version": "", "deployment": ""}
        found["model"] = ask("model", "Model")
        found["key_variable"] = ask(
            "key_variable", "Environment variable with the key", Config.key_variable
        )
    elif place == 2:
        found = {"kind": "azure", "endpoint": ask("endpoint", "Endpoint (https://…)")}
        found["api_version"] = ask("api_version", "API version", _AZURE_VERSION)
        found["deployment"] = ask("deployment", "Deployment")
        found["model"] = ask("model", "Model behind it", found["deployment"])
        found["key_variable"] = ask(
            "key_variable", "Environment variable with the key", "AZURE_OPENAI_API_KEY"
        )
    else:
        found = {"kind": "openai", "endpoint": ask("endpoint", "Address, up to /v1")}
        found |= {"api_version": "", "deployment": "", "model": ask("model", "Model")}
        key = ask("key_variable", "Environment variable with the key, or none", _NO_KEY)
        found["key_variable"] = "" if key == _NO_KEY else key
    return replace(config, **found, **{k: v for k, v in told.items() if k not in found})


def _usual_place(config: Config) -> int:
    return 2 if config.kind == "azure" else 3 if config.endpoint else 1


class _Asking:
    """Asks for a field, unless it was told; the value there was is the default."""

    def __init__(self, config: Config, told: dict[str, Any]) -> None:
        self._config, self._told = config, told

    def __call__(
        self, name: str, question: str, usual: str = "", choices: tuple[str, ...] = ()
    ) -> Any:
        if name in self._told:
            return self._told[name]
        before = getattr(self._config, name)
        if usual and before in ("", getattr(Config(), name)):
            before = usual
        default = None if before == "" else before
        while True:
            given = typer.prompt(question, default=default, type=type(before), err=True)
            if given in (choices or (given,)):
                return given
            say(f"Give {' or '.join(choices)}.")


def _asked_for_defaults(config: Config, told: dict[str, Any]) -> Config:
    ask = _Asking(config, told)
    say("For new agents:")
    named = {
        one: ", ".join(text.name for text in late.texts.list_texts(one))
        for one in ("persona", "human", "preset")
    }
    preset = ask("preset", f"Preset ({named['preset']}, or auto)", "auto")
    return replace(
        config,
        context_window=ask("context_window", "Context window in tokens (0: what the model takes)"),
        embedder=ask("embedder", "Embedder (auto, or hashing: no model)", "", get_args(Embedder)),
        persona=ask("persona", f"Persona ({named['persona']})"),
        human=ask("human", f"Human ({named['human']})"),
        preset="" if preset == "auto" else preset,
        memory=ask("memory", "Memory: a directory, or the address of a Chroma server"),
    )


def _number(question: str, usual: int, most: int) -> int:
    while True:
        number: int = typer.prompt(question, default=usual, type=int, err=True)
        if 1 <= number <= most:
            return number
        say(f"Give a number from 1 to {most}.")

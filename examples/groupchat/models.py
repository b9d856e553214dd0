"""Which model the examples talk to: yours, a local one, or the rehearsal model."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer
from autogen.coding import DockerCommandLineCodeExecutor, LocalCommandLineCodeExecutor
from rehearsal import NAME, rehearsal_model
from rich.console import Console

from memgpt_autogen.errors import LocalModelError
from memgpt_autogen.local import best_running, llm_config, local_llm_config, running_models

CHOICES = ("auto", "openai", "local", "rehearsal")
HELP = " | ".join((*CHOICES, "the name of one that runs on this machine"))

OTHERS = "To choose another: --model NAME, or start Ollama, LM Studio, llama.cpp or vLLM."
NOT_RUN = "shown, not run (--run-code runs it)"

# What every example asks of its command line.
ModelOption = Annotated[str, typer.Option("--model", help=HELP)]
MemoryOption = Annotated[Path, typer.Option("--memory", help="Where the memory lives.")]
RunCodeOption = Annotated[
    bool, typer.Option("--run-code", help="Run the model's code here, for 30 s at most.")
]


@dataclass(frozen=True)
class Model:
    """A model, how to speak of it, and why it was taken."""

    label: str
    llm_config: dict[str, Any]
    why: str = ""


@contextmanager
def open_model(choice: str, console: Console) -> Iterator[Model]:
    """The model of a choice.

    "auto" takes yours, where a key or a configuration names one, else the best that runs on this
    machine, else the packaged one, else rehearsal.
    """
    configs = _your_configs() if choice in ("auto", "openai") else []
    if configs:
        rest: dict[str, Any] = {"temperature": 0, "cache_seed": None, "timeout": 600}
        why = "It is the one that your key or OAI_CONFIG_LIST names."
        yield Model(str(configs[0].get("model")), {"config_list": configs, **rest}, why)
        return
    if choice == "openai":
        raise SystemExit("Set OPENAI_API_KEY or OAI_CONFIG_LIST to use --model openai.")
    if choice not in ("local", "rehearsal") and (found := _running(choice)) is not None:
        yield found
        return
    if choice != "rehearsal":
        try:
            config = local_llm_config()
        except LocalModelError as problem:
            if choice == "local":
                raise SystemExit(str(problem)) from problem
            console.print(f"[yellow]No local model:[/] {problem}\n", highlight=False)
        else:
            why = f"No other model runs on this machine. {OTHERS}"
            yield Model(config["config_list"][0]["model"] + ", on this machine", config, why)
            return
    with rehearsal_model() as server:
        yield Model(f"{NAME}: rules, not a language model", server.llm_config)


def _running(choice: str) -> Model | None:
    """A model that a server on this machine offers: of this name, or the best one."""
    models = running_models()
    named = [one for one in models if one.name == choice]
    best = named[0] if named else best_running(models)
    if choice != "auto" and not named:
        names = ", ".join((*CHOICES, *(one.name for one in models)))
        raise SystemExit(f"There is no model {choice!r}. There are: {names}.")
    if best is None:
        return None
    others = [one.name for one in models if one != best]
    why = f"{best.program} runs here and offers it; it is the largest that fits. "
    why = "You named it." if named else why + (f"Others: {', '.join(others)}. " if others else "")
    return Model(f"{best.name}, from {best.program}", llm_config(best.name, best.base_url), why)


def _your_configs() -> list[dict[str, Any]]:
    """AutoGen's convention: OAI_CONFIG_LIST, JSON or the path of it; else OPENAI_API_KEY."""
    named = os.environ.get("OAI_CONFIG_LIST", "OAI_CONFIG_LIST")
    if named.lstrip().startswith("["):
        return list(json.loads(named))
    if Path(named).is_file():
        return list(json.loads(Path(named).read_text("utf-8")))
    if os.environ.get("OPENAI_API_KEY"):
        model = os.environ.get("OPENAI_MODEL", "gpt-4o-mini")
        return [{"model": model, "api_key": os.environ["OPENAI_API_KEY"]}]
    return []


def docker_works() -> bool:
    """A Docker engine answers, and AutoGen can reach it: it needs the package `docker`."""
    if shutil.which("docker") is None or find_spec("docker") is None:
        return False
    try:
        done = subprocess.run(["docker", "info"], capture_output=True, timeout=10, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


@contextmanager
def open_executor(run_code: bool) -> Iterator[Any]:
    """What runs the model's code: Docker, this machine if you say so, else None."""
    with tempfile.TemporaryDirectory() as folder:
        if docker_works():
            yield DockerCommandLineCodeExecutor(timeout=30, work_dir=folder)
        elif run_code:
            yield LocalCommandLineCodeExecutor(timeout=30, work_dir=folder)
        else:
            yield None

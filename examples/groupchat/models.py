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
from memgpt_autogen.local import local_llm_config

CHOICES = ("auto", "openai", "local", "rehearsal")

NOT_RUN = "shown, not run (--run-code runs it)"

# What every example asks of its command line.
ModelOption = Annotated[str, typer.Option("--model", help=" | ".join(CHOICES))]
MemoryOption = Annotated[Path, typer.Option("--memory", help="Where the memory lives.")]
RunCodeOption = Annotated[
    bool, typer.Option("--run-code", help="Run the model's code here, for 30 s at most.")
]


@dataclass(frozen=True)
class Model:
    """A model and how to speak of it."""

    label: str
    llm_config: dict[str, Any]


@contextmanager
def open_model(choice: str, console: Console) -> Iterator[Model]:
    """The model of a choice; "auto" takes your key, else a local model, else rehearsal."""
    configs = _your_configs() if choice in ("auto", "openai") else []
    if configs:
        rest: dict[str, Any] = {"temperature": 0, "cache_seed": None, "timeout": 600}
        yield Model(str(configs[0].get("model")), {"config_list": configs, **rest})
        return
    if choice == "openai":
        raise SystemExit("Set OPENAI_API_KEY or OAI_CONFIG_LIST to use --model openai.")
    if choice != "rehearsal":
        try:
            config = local_llm_config()
        except LocalModelError as problem:
            if choice == "local":
                raise SystemExit(str(problem)) from problem
            console.print(f"[yellow]No local model:[/] {problem}\n", highlight=False)
        else:
            yield Model(config["config_list"][0]["model"] + ", on this machine", config)
            return
    with rehearsal_model() as server:
        yield Model(f"{NAME}: rules, not a language model", server.llm_config)


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

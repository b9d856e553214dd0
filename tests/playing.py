"""An agent beside its scripted model, and the parts of AutoGen that not every version has."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from autogen import UserProxyAgent
from autogen.io.base import IOStream

from memgpt_autogen import MemGPTAgent, Settings
from memgpt_autogen.testing import PROFILES, ChatRequest, Profile, ScriptedModel, Step, say, send
from memgpt_autogen.testing.server import Script


@contextmanager
def playing(
    script: Script,
    memory: Path | str | Settings,
    name: str = "mem",
    role: str = "Be brief.",
    **kwargs: Any,
) -> Iterator[tuple[Any, ScriptedModel]]:
    """A MemGPTAgent and the model that answers it."""
    with ScriptedModel(script) as model:
        with MemGPTAgent(name, role, model.llm_config, memory=memory, **kwargs) as agent:
            yield agent, model


def overflowing_like(provider: str) -> Profile:
    """OpenAI's profile, but a prompt over the window is refused as `provider` does it."""
    other = PROFILES[provider]
    return replace(PROFILES["openai"], overflow=other.overflow, about=other.about)


def user(name: str = "user", **kwargs: Any) -> Any:
    """A person who runs tools but types nothing."""
    kwargs.setdefault("code_execution_config", False)
    return UserProxyAgent(name, human_input_mode="NEVER", **kwargs)


def echo(request: ChatRequest) -> Step:
    """Sends the last words of the prompt back; without tools, tells what it is asked for."""
    said = request.last_text.rsplit(": ", 1)[-1]
    return send(f"heard {said}") if request.tools else say(f"summed up {said}")


class Held:
    """A script of `steps` whose answer number `held`, from 0, comes only once it is let go."""

    def __init__(self, steps: Sequence[Step], held: int) -> None:
        self.asked, self.go_on = threading.Event(), threading.Event()
        self._steps, self._held = iter(enumerate(steps)), held

    def __call__(self, request: ChatRequest) -> Step:
        number, step = next(self._steps)
        if number == self._held:
            self.asked.set()
            assert self.go_on.wait(60), "never let go"
        return step


def part(module: str, name: str) -> Any:
    """A part of AutoGen; where this version lacks it, the test is skipped."""
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        pytest.skip(f"this AutoGen has no {module}.{name}")


def needs(owner: Any, name: str) -> None:
    """Skip the test where `owner` has no such method in this version."""
    if not hasattr(owner, name):
        pytest.skip(f"this AutoGen has no {owner.__name__}.{name}")


class Screen(IOStream):  # type: ignore[misc]
    """What AutoGen shows: events where it has them, and the lines they or prints come to."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.lines: list[str] = []

    def send(self, message: Any) -> None:
        self.events.append(message)
        message.print(self.print)

    def print(self, *objects: Any, **_: Any) -> None:
        self.lines.append(" ".join(str(each) for each in objects))

    def input(self, prompt: str = "", *, password: bool = False) -> str:
        raise AssertionError("nobody types here")

"""The processes that fork, and a home for their children."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.durability.zygote import Zygote


@pytest.fixture(scope="session")
def zygotes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Zygote]]:
    """Two processes that fork, for two processors; their children reach nothing outside."""
    home = tmp_path_factory.mktemp("home")
    environment = {
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "MEMGPT_AUTOGEN_CACHE": str(home / ".cache" / "memgpt-autogen"),
        "TIKTOKEN_CACHE_DIR": str(home / "vocabularies"),
        "ANONYMIZED_TELEMETRY": "False",
        "HF_HUB_OFFLINE": "1",
        "NO_PROXY": "*",
    }
    with ExitStack() as stack:
        yield [
            stack.enter_context(Zygote(tmp_path_factory.mktemp("zygote"), environment))
            for _ in range(2)
        ]


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("durability")

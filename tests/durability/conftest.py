"""The processes that fork, and a home for their children."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.durability.zygote import Zygote


@pytest.fixture(scope="session")
def children_home(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What keeps children from reaching anything outside."""
    home = tmp_path_factory.mktemp("home")
    return {
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "MEMGPT_AUTOGEN_CACHE": str(home / ".cache" / "memgpt-autogen"),
        "TIKTOKEN_CACHE_DIR": str(home / "vocabularies"),
        "ANONYMIZED_TELEMETRY": "False",
        "HF_HUB_OFFLINE": "1",
        "NO_PROXY": "*",
    }


@pytest.fixture(scope="session")
def zygote(
    tmp_path_factory: pytest.TempPathFactory, children_home: dict[str, str]
) -> Iterator[Zygote]:
    """A process that forks."""
    with Zygote(tmp_path_factory.mktemp("zygote"), children_home) as one:
        yield one


@pytest.fixture(scope="session")
def zygotes(
    zygote: Zygote, tmp_path_factory: pytest.TempPathFactory, children_home: dict[str, str]
) -> Iterator[list[Zygote]]:
    """Two of them, for two processors."""
    with Zygote(tmp_path_factory.mktemp("second-zygote"), children_home) as second:
        yield [zygote, second]

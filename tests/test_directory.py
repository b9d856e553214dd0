"""Directories and addresses: any name has its own folder, any address is read or refused."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.storage.address import Server, is_server
from memgpt_autogen.storage.directory import agent_directory, folder_name, local_directory


@given(st.text(st.characters(codec=None), max_size=50))
def test_any_name_becomes_a_plain_folder(name: str) -> None:
    folder = folder_name(name)
    assert 1 <= len(folder) <= 54
    assert set(folder) <= set(string.ascii_lowercase + string.digits + "-_")
    assert folder[0].isalnum() and folder[-1].isalnum()


def test_different_names_never_share_a_folder() -> None:
    names = ["coder", "Coder", "CODER", "co der", "co-der", "co/der", "", "..", "con", "Zoë", "Zoe"]
    names += ["a" * 32, "a" * 33, "\ud800", "\ud801", folder_name("Coder"), "東京", "京都", "_x"]
    assert len({folder_name(name) for name in names}) == len(names)
    assert folder_name("user_proxy") == "user_proxy"


def test_agents_and_sources_lie_apart(tmp_path: Path) -> None:
    agent = agent_directory(str(tmp_path), "Größe")
    assert agent.parent == tmp_path / "agents" and agent.name.startswith("gro")
    assert local_directory(str(tmp_path), "sources", "Größe").parent == tmp_path / "sources"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://localhost", Server("localhost", 8000, False)),
        ("https://chroma.example", Server("chroma.example", 443, True)),
        ("HTTP://[::1]:9000", Server("::1", 9000, False)),
    ],
)
def test_addresses_of_servers(url: str, expected: Server) -> None:
    assert is_server(url)
    assert Server.at(url) == expected
    assert Server.at(expected.url) == expected


@pytest.mark.parametrize("url", ["http://", "http://host:port", "http://[::1"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="http://localhost:8000"):
        Server.at(url)


def test_a_servers_journals_lie_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMGPT_AUTOGEN_CACHE", str(tmp_path / "cache"))
    place = agent_directory("http://localhost:8000", "mem")
    assert place.is_relative_to(tmp_path / "cache") and place.name == "mem"
    assert agent_directory("http://localhost:8001", "mem") != place

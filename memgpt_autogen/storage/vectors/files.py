"""The files of a vector index in a folder: summed, tried in a child, overwritten."""

from __future__ import annotations

import logging
import os
import shutil
import struct
import subprocess
import sys
import zlib
from pathlib import Path

from memgpt_autogen.errors import StorageError
from memgpt_autogen.storage.vectors import trial

logger = logging.getLogger(__name__)

TRIAL_SECONDS = 120.0
_CHUNK = 1 << 20
# Of hnswlib's header: version, offset, elements there is room for, elements, bytes of one.
_HEADER, _VERSION, _LENGTH = struct.Struct("<iQQQQ"), 1, 4


def names_in(path: Path) -> list[Path]:
    """What is in a folder; nothing where it is missing."""
    try:
        return list(path.iterdir())
    except FileNotFoundError:  # its owner may just have destroyed it
        return []


def stands_trial(path: Path, kind: str) -> bool:
    """Whether a child process can open a folder of `kind` and search it."""
    command = [sys.executable or "python3", trial.__file__, kind, str(path)]
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=TRIAL_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        logger.info("the trial of %s did not end: %s", path, problem)
        return False
    return done.returncode == 0


def checksum(path: Path) -> int:
    """Of a file; -1 where it cannot be read."""
    check = 0
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                check = zlib.crc32(chunk, check)
    except OSError:
        return -1
    return check


def blank_unused(folder: Path) -> None:
    """Overwrite what the files of Chroma's indexes hold behind their elements.

    A new index is written with room for a hundred, which is never cleared (hnswlib's
    `persistDirty`): it holds whatever the process had in memory before, also texts and keys.
    Where that cannot be done a warning names the folder, and the next closing tries again.
    """
    try:
        for header in folder.glob("*/header.bin"):
            _blank(header)
    except OSError as problem:
        logger.warning(
            "the unused room of the vectors in %s could not be overwritten and may hold parts of"
            " a process's memory: %s",
            folder,
            problem,
        )


def _blank(header: Path) -> None:
    read = header.read_bytes()
    version, _, most, count, size = _HEADER.unpack_from(read.ljust(_HEADER.size, b"\0"))
    for name, each in (("data_level0.bin", size), ("length.bin", _LENGTH)):
        path = header.with_name(name)
        there = path.stat().st_size if path.exists() else 0
        if version == _VERSION and count * each < there == most * each:
            with path.open("r+b") as file:
                file.seek(count * each)
                file.write(bytes(there - count * each))


def shred(folder: Path) -> None:
    """Overwrite the files of a folder and remove it.

    Raises:
        StorageError: a file cannot be overwritten.
    """
    try:
        for path in (path for path in folder.rglob("*") if path.is_file()):
            size = path.stat().st_size
            with path.open("r+b") as file:
                for start in range(0, size, _CHUNK):
                    file.write(bytes(min(_CHUNK, size - start)))
                file.flush()
                os.fsync(file.fileno())
        shutil.rmtree(folder)
    except OSError as problem:
        raise StorageError(
            f"{folder} could not be overwritten: {problem}. What was deleted is no longer found;"
            " close other programs that read the folder, and call forget again."
        ) from problem

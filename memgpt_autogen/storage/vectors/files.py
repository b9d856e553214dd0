"""The files of a vector index in a folder: listed, summed, tried in a child, overwritten."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

from memgpt_autogen.errors import StorageError
from memgpt_autogen.storage.vectors import trial

logger = logging.getLogger(__name__)

TRIAL_SECONDS = 120.0
_CHUNK = 1 << 20


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

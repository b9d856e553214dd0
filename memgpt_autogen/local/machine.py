"""Whether this machine has the disk and the memory for a model."""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
from pathlib import Path

from memgpt_autogen.errors import LocalModelError
from memgpt_autogen.local.models import LocalModel

CGROUP = Path("/sys/fs/cgroup")  # a container's own bound (cgroup v2)


def require_disk(folder: Path, needed: int) -> None:
    """Refuse early rather than fill the disk.

    Raises:
        LocalModelError: `folder` has less than `needed` bytes free.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise LocalModelError(
            f"{folder} has {_gigabytes(free)} free and the model needs {_gigabytes(needed)} "
            "while it is put together: free some, or name another folder in MEMGPT_AUTOGEN_CACHE"
        )


def require_memory(model: LocalModel, available: int | None = None) -> None:
    """Refuse rather than have the system end the process.

    Raises:
        LocalModelError: less memory is available than the model needs.
    """
    free = available_memory() if available is None else available
    if free is not None and free < model.memory:
        raise LocalModelError(
            f"{_gigabytes(free)} of memory are available and {model.name} needs "
            f"{_gigabytes(model.memory)}: close other programs, or use a smaller model"
        )


def available_memory() -> int | None:
    """Bytes that a new program could use; None where the system does not tell."""
    bounds = [bound for bound in (_system_memory(), _container_memory()) if bound is not None]
    return min(bounds, default=None)


def _system_memory() -> int | None:
    try:
        # Part of the extra `local`; without it POSIX tells nearly the same.
        return int(importlib.import_module("psutil").virtual_memory().available)
    except ModuleNotFoundError:
        pass
    with contextlib.suppress(ValueError, OSError, AttributeError):
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def _container_memory() -> int | None:
    with contextlib.suppress(OSError, ValueError):
        limit = int((CGROUP / "memory.max").read_text())
        used = int((CGROUP / "memory.current").read_text())
        cached = 0
        for line in (CGROUP / "memory.stat").read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == "inactive_file":
                cached = int(value)
        return max(limit - used + cached, 0)
    return None


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"

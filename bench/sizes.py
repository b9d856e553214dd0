"""What each part of a memory takes on disk."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from pathlib import Path

SHADOW = re.compile(r"_(data|idx|content|docsize|config)$")  # FTS5 keeps a table in these


def parts(folder: Path) -> dict[str, int]:
    """Bytes by part: Chroma's two, and each table of the other databases."""
    found: Counter[str] = Counter()
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        if path.name.startswith("chroma.sqlite3"):
            found["Chroma's SQLite"] += path.stat().st_size
        elif "chroma" in str(path.relative_to(folder)):
            found["Chroma's HNSW"] += path.stat().st_size
        elif path.suffix == ".sqlite3":
            for table, size in tables(path).items():
                found[f"{path.stem}: {SHADOW.sub('', table)}"] += size
        else:
            found["other files"] += path.stat().st_size
    return {part: size for part, size in found.most_common() if size}


def tables(path: Path) -> dict[str, int]:
    """Bytes of each table of a database, with its indexes, and of its free pages."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        rows = connection.execute(
            "SELECT coalesce(m.tbl_name, s.name), sum(s.pgsize) FROM dbstat AS s"
            " LEFT JOIN sqlite_master AS m ON m.name = s.name GROUP BY 1"
        ).fetchall()
    finally:
        connection.close()
    found = {str(name): int(size) for name, size in rows}
    return {**found, "free": path.stat().st_size - sum(found.values())}

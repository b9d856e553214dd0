"""Where things lie: public data, the embedding model, another environment for peers."""

from __future__ import annotations

import subprocess
from pathlib import Path

from harness import HERE
from inside import vocabulary_file, weights_file

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
OTHER = HERE.parent / ".venvs" / "bench-agentchat" / "bin" / "python"


def embedding_files() -> dict[str, str | None]:
    """The files that `embed.py` needs; without the extra `offline` there are no weights."""
    weights = weights_file()
    return {"weights": str(weights) if weights else None, "vocabulary": str(vocabulary_file())}


def other_python() -> str | None:
    """The Python of the environment for autogen-agentchat; None if it cannot be made."""
    made = subprocess.run([str(HERE / "agentchat_venv.sh")], check=False, capture_output=True)
    return str(OTHER) if made.returncode == 0 and OTHER.exists() else None

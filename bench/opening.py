"""Opens an agent in a process of its own and searches once; prints the milliseconds.

python bench/opening.py FOLDER
"""

from __future__ import annotations

import json
import sys
import tempfile
import time

NAME = "assistant"


def searches(folder: str, first: str) -> dict[str, float]:
    """Milliseconds of making an agent and of its first two searches."""
    from memgpt_autogen import MemGPTAgent

    begin = time.perf_counter()
    agent = MemGPTAgent(NAME, llm_config=False, memory=folder)
    made = time.perf_counter()
    agent.recall.search(first, by="words")
    searched = time.perf_counter()
    agent.recall.search("the first search by meaning")
    both = time.perf_counter()
    agent.close()
    moments = {
        "open": made - begin,
        "first search by words": searched - made,
        "first search by meaning": both - searched,
    }
    return {name: 1000 * seconds for name, seconds in moments.items()}


def main(folder: str, *, warm: bool) -> dict[str, float]:
    if warm:
        with tempfile.TemporaryDirectory() as empty:
            searches(empty, "nothing")
    begin = time.perf_counter()
    import memgpt_autogen  # noqa: F401 - so that it is not in the times below

    imported = 1000 * (time.perf_counter() - begin)
    return {"import": imported, **searches(folder, "the first search by words")}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], warm="warm" in sys.argv)))

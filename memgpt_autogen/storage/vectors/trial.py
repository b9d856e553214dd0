"""A program that opens a Chroma folder and searches it; it may crash, its parent does not.

Run as `python trial.py FOLDER`. It ends with status 0 where all collections can be read.
"""

from __future__ import annotations

import sys

_QUERIES = 20
_PAGE = 5000


def main(path: str) -> None:
    """Read every id and ask for neighbours, as a search would."""
    import chromadb
    import numpy as np
    from chromadb.config import Settings

    client = chromadb.PersistentClient(path, settings=Settings(anonymized_telemetry=False))
    draw = np.random.default_rng(0)
    for each in client.list_collections():
        collection = client.get_collection(each.name, embedding_function=None)
        count, seen = collection.count(), 0
        while ids := collection.get(include=[], limit=_PAGE, offset=seen)["ids"]:
            seen += len(ids)
        if seen != count:
            sys.exit(2)
        if not count:
            continue
        found = collection.get(limit=1, include=["embeddings"])["embeddings"]
        size = len(found[0]) if found is not None else 0
        for _ in range(_QUERIES):
            vector = draw.normal(size=(1, size)).astype(np.float32)
            collection.query(query_embeddings=vector, n_results=min(count, 50), include=[])


if __name__ == "__main__":
    main(sys.argv[1])

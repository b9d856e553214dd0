"""A program that opens a vector store's folder and searches it; it may crash, its parent does not.

Run as `python trial.py KIND FOLDER`. It ends with status 0 where all can be read.
"""

from __future__ import annotations

import sys

_QUERIES = 20
_PAGE = 5000


def chroma(path: str) -> None:
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


def lancedb(path: str) -> None:
    """Read every column and ask for neighbours, as a search would."""
    import lancedb as lance
    import numpy as np

    database = lance.connect(path)
    draw = np.random.default_rng(0)
    for name in database.list_tables().tables:
        table = database.open_table(name)
        if table.to_arrow().num_rows != table.count_rows():
            sys.exit(2)
        if "vector" not in table.schema.names or not table.count_rows():
            continue
        size = table.schema.field("vector").type.list_size
        for _ in range(_QUERIES):
            vector = draw.normal(size=size).astype(np.float32)
            table.search(vector, vector_column_name="vector").distance_type("dot").limit(
                50
            ).to_arrow()


if __name__ == "__main__":
    {"chroma": chroma, "lancedb": lancedb}[sys.argv[1]](sys.argv[2])

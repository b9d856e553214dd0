"""Hybrid storage: one kind of record, written to Chroma and to the lexical index as one.

Both give candidates for a query: the best by words and the best by meaning. Each gets
both scores, whichever way it was found.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Iterator, Sequence

from memgpt_autogen.errors import StorageError
from memgpt_autogen.storage.collection import Progress, VectorCollection
from memgpt_autogen.storage.embedding import Embedder
from memgpt_autogen.storage.lexical import LexicalTable, Where
from memgpt_autogen.storage.ranking import Candidate, Hits
from memgpt_autogen.storage.record import Kind, Record
from memgpt_autogen.storage.terms import Query, phrase
from memgpt_autogen.storage.vectors import Vectors
from memgpt_autogen.storage.words import asked_words

CANDIDATES = 50  # by words, and as many by meaning
_RANKED = 300  # BM25 scores read, for candidates found by meaning only
_FEW, _SOME = 1000, 5000  # so many that fit a filter are compared one by one; where rare, more
_RARE = 20  # one in so many fits: the nearest of all would hold too few of them
_MANY = 1000  # of the nearest of all, read to find those that fit a filter
_CATCH_UP = 500  # numbers asked for at once when the index is behind
_WRITE = 256  # records embedded and written at once


class HybridStore:
    """Chroma and the lexical index as one: written together, searched together.

    Chroma is written first. What the index lacks after a crash is added at opening.
    Asking Chroma anything for the first time makes it read its log for a second or
    more; so an index that was closed in good order is believed, if `alone`: if nobody
    else writes the collection meanwhile.
    """

    def __init__(
        self,
        kind: Kind,
        collection: VectorCollection,
        table: LexicalTable,
        embedder: Embedder,
        *,
        alone: bool,
    ) -> None:
        self.kind = kind
        self._alone = alone
        self.embedder = embedder
        self.table = table
        self._collection = collection
        self._lock = threading.RLock()
        self._numbers = threading.Lock()  # of its own: a number must not wait for a write
        self._torn = False  # a change reached Chroma and not the index
        if table.standing.unseal() != self._seal or not alone:
            self._catch_up()
        self._fit_vectors()
        self._next = max(table.highest, collection.highest) + 1

    def __len__(self) -> int:
        return len(self.table)

    def close(self) -> None:
        """Note that the index holds what Chroma holds; the last thing that is done."""
        with self._lock:
            if self._alone and not self._torn and self._seal:
                self.table.standing.seal(self._seal)

    @property
    def _seal(self) -> str:
        """What tells the state of the collection, without asking for its records."""
        identity = self._collection.identity
        return identity and f"{identity} {self._collection.deletions} {len(self.table)}"

    def take_number(self) -> int:
        """The next number; it is not given again while this store is open."""
        with self._numbers:
            self._next += 1
            return self._next - 1

    def write(self, records: Iterable[Record], progress: Progress | None = None) -> None:
        """Store records; one that is stored already, and the same, is left as it is.

        Raises:
            StorageError: another record has the number of one of these.
        """
        with self._lock:
            records = list(records)
            fresh = self._unknown(records)
            done = len(records) - len(fresh)
            for start in range(0, len(fresh), _WRITE):
                part = fresh[start : start + _WRITE]
                vectors = self.embedder.embed([record.embedded(self.kind) for record in part])
                self._torn = True
                self._collection.add(part, vectors)
                self._fit_vectors()
                self.table.add(
                    part, {record.number: row for record, row in zip(part, vectors, strict=True)}
                )
                self._torn = False
                done += len(part)
                if progress is not None:
                    progress(done, len(records))
            with self._numbers:
                self._next = max([self._next, *(record.number + 1 for record in records)])

    def delete(self, numbers: Iterable[int]) -> int:
        """Delete records from Chroma and from the index; how many there were."""
        with self._lock:
            known = list(self.table.get(list(numbers)))
            if not known:
                return 0
            # Noted first: a number is not given again, and a kill from here on is noticed.
            deletions = self._collection.deletions + 1
            self._torn = True
            self._collection.note(highest=self._next - 1, deletions=deletions)
            self._collection.delete(known)
            self.table.delete(known)
            self.table.standing.deletions = deletions
            self._torn = False
            return len(known)

    def everything(self) -> Iterator[Record]:
        """All records by number, read in parts: those written meanwhile may be missing."""
        numbers = self.table.numbers(Where())
        for start in range(0, len(numbers), _CATCH_UP):
            part = self.table.get(numbers[start : start + _CATCH_UP])
            yield from (part[number] for number in sorted(part))

    def by_words(self, query: Query, where: Where) -> Hits:
        """What the lexical index says; it may be asked while the query is embedded."""
        named = frozenset(self.table.named(query.words))
        narrowed = self._narrowed(query, where, named)
        scores = dict(self.table.matches(query.terms, narrowed or where, _RANKED))
        if narrowed is not None:
            listed = self.table.page(narrowed, limit=2 * CANDIDATES, newest_first=True)
            return Hits(narrowed, scores, [record.number for record in listed], named)
        first = self.table.holding(list(map(phrase, query.exact)), where, CANDIDATES)
        for span in query.spans:
            inside = where.within(span.start, span.end)
            for number, score in self.table.matches(query.terms, inside, CANDIDATES):
                scores.setdefault(number, score)
                first.append(number)
        return Hits(where, scores, first, named)

    def candidates(self, hits: Hits, vector: Vectors | None) -> list[Candidate]:
        """The records that may answer a query, in no order; by words alone without a vector."""
        wanted = 2 * CANDIDATES if vector is None else CANDIDATES
        chosen = list(dict.fromkeys([*hits.first, *itertools.islice(hits.scores, wanted)]))
        with self._lock:
            cosines = dict.fromkeys(chosen, 0.0)
            if vector is not None:
                cosines = self._nearest(vector, hits.where)
                missing = [one for one in chosen if one not in cosines]
                cosines.update(self.table.vectors.cosines(vector, missing))
            records = self.table.get([*cosines])
        return [
            Candidate(records[number], hits.scores.get(number, 0.0), cosine)
            for number, cosine in cosines.items()
            if number in records
        ]

    def _narrowed(self, query: Query, where: Where, named: frozenset[str]) -> Where | None:
        """The filter with the time asked for, where nothing else is and something is there."""
        if len(query.spans) != 1 or query.exact:
            return None
        span = query.spans[0]
        names = {word for name in named for word in asked_words(name)}
        if query.beside and not (span.relative and query.beside <= names):
            return None
        narrowed = where.within(span.start, span.end)
        return narrowed if self.table.numbers(narrowed, 1) else None

    def _nearest(self, vector: Vectors, where: Where) -> dict[int, float]:
        self._collection.check(vector.shape[1])
        if where.everything:
            return dict(self._collection.nearest(vector, CANDIDATES))
        total = len(self)
        few = min(max(_FEW, total // _RARE), _SOME)
        fitting = self.table.numbers(where, few + 1)
        if len(fitting) <= few:
            return self.table.vectors.nearest(vector, fitting, CANDIDATES)
        # Many fit: the nearest of all hold enough that fit, if enough of all are read.
        wanted = CANDIDATES
        while True:
            wanted = min(total, 4 * wanted)
            nearest = dict(self._collection.nearest(vector, wanted))
            fit = self.table.fitting(list(nearest), where)
            found = [number for number in nearest if number in fit][:CANDIDATES]
            if len(found) == CANDIDATES or wanted == total or wanted >= _MANY:
                return {number: nearest[number] for number in found}

    def _unknown(self, records: Sequence[Record]) -> list[Record]:
        known = self.table.get([record.number for record in records])
        fresh: dict[int, Record] = {}
        for record in records:
            other = known.get(record.number) or fresh.get(record.number)
            if other is None:
                fresh[record.number] = record
            elif other != record:
                raise StorageError(
                    f"{self.kind.id_of(record.number)} is stored already with another text: a"
                    " stored text is never changed; store the new one under an id of its own."
                )
        return sorted(fresh.values(), key=lambda record: record.number)

    def _catch_up(self) -> None:
        """Make the index hold what Chroma holds; costs nothing that grows when it does.

        With no deletion unknown to it, the index holds nothing that Chroma does not;
        then as many records are the same records.
        """
        if self._in_step():
            return
        while found := self._after(self.table.highest):
            self._take_in(found)
        if self._in_step():
            return
        deletions, there = self._collection.deletions, self._collection.numbers()
        here = set(self.table.numbers(Where()))
        self.table.delete(here - there)
        missing = sorted(there - here)
        for start in range(0, len(missing), _CATCH_UP):
            self._take_in(self._collection.get(missing[start : start + _CATCH_UP]))
        self.table.standing.deletions = deletions

    def _take_in(self, records: Sequence[Record]) -> None:
        numbers = [record.number for record in records]
        self.table.add(records, self._collection.vectors(numbers))

    def _fit_vectors(self) -> None:
        """Have the vectors of this collection in the index; another one's are of no use."""
        identity = self._collection.identity
        if self.table.vectors.origin != identity:
            numbers = self.table.numbers(Where())
            parts = (numbers[at : at + _CATCH_UP] for at in range(0, len(numbers), _CATCH_UP))
            self.table.vectors.replace(map(self._collection.vectors, parts), identity)

    def _in_step(self) -> bool:
        known = self.table.standing.deletions == self._collection.deletions
        return known and len(self.table) == len(self._collection)

    def _after(self, number: int) -> list[Record]:
        return self._collection.get(range(number + 1, number + 1 + _CATCH_UP))

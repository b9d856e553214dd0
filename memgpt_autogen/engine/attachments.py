"""Sources attached to an agent's archival storage."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Sequence

from memgpt_autogen.errors import ConfigurationError
from memgpt_autogen.events import Clock
from memgpt_autogen.memory.archival import ArchivalStorage
from memgpt_autogen.sources.load import SourceState
from memgpt_autogen.storage.catalog import acquire_source, release_source, source_names
from memgpt_autogen.storage.store import Database
from memgpt_autogen.storage.text import clean


class Attachments:
    """Opens sources for an archival storage and lets go of them.

    Args:
        location: of the agent's memory; its sources lie there too.
    """

    def __init__(self, location: str, archival: ArchivalStorage, clock: Clock) -> None:
        self._location = location
        self._archival = archival
        self._clock = clock
        self._open: dict[str, Database] = {}

    def attach(self, name: str, *, writable: bool = False) -> int:
        """Search a source too; how many passages it has. One attached already stays so.

        A writable one is made where there is none of its name.

        Raises:
            ConfigurationError: there is no such source, or its name is empty.
            DirectoryLockedError: another process has it open.
            EmbedderMismatchError: it was made with another embedder than the agent's.
        """
        names = source_names(self._location)
        if writable and not name.strip():
            raise ConfigurationError("a shared archive needs a name.")
        if name not in names and not writable:
            there = ", ".join(repr(one) for one in names) or "none yet"
            raise ConfigurationError(
                f"there is no source {name!r} at {self._location}; the sources there are: {there}."
                f" Load one with load_source({name!r}, paths, memory={self._location!r})."
            )
        if name in self._open and writable and name not in self._archival.archives:
            self.detach(name)
        if name not in self._open:
            database = acquire_source(self._location, name)
            try:
                if database.state.load() is None:
                    database.state.save(SourceState(name=clean(name)).model_dump_json())
                self._archival.attach(self._storage(database, name), writable=writable)
            except BaseException:
                release_source(database)
                raise
            self._open[name] = database
        return len(self._storage(self._open[name], name))

    def restore(self, names: Sequence[str], writable: Collection[str]) -> None:
        """Attach what was attached before; a source that is gone is warned of."""
        for name in names:
            try:
                self.attach(name, writable=name in writable)
            except ConfigurationError as problem:
                warnings.warn(
                    f"a source is not attached any more: {problem}", RuntimeWarning, stacklevel=2
                )

    def detach(self, name: str) -> bool:
        """Search a source no longer; False if it was not attached."""
        database = self._open.pop(name, None)
        if database is None:
            return False
        self._archival.detach(name)
        release_source(database)
        return True

    def scrub(self) -> bool:
        """Take deleted passages out of the files of the shared archives, as `Database.scrub`."""
        done = [self._open[name].scrub() for name in self._archival.archives]
        return all(done)

    def close(self) -> None:
        """Let go of all sources."""
        for name in list(self._open):
            self.detach(name)

    def _storage(self, database: Database, name: str) -> ArchivalStorage:
        return ArchivalStorage(
            database, self._archival.store.embedder, clock=self._clock, source=name
        )

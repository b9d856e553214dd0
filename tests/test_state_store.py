"""The state record: replaced at once, read back whole, also after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import memgpt_autogen
from memgpt_autogen.errors import StorageError
from memgpt_autogen.storage.journal.state import SQLiteState

WRITER = """
import sys
from pathlib import Path
from memgpt_autogen.storage.journal.state import SQLiteState

store = SQLiteState(Path(sys.argv[1]))
for number in range(1_000_000):
    store.save(f"{number} " * 5000)
    print(number, flush=True)
"""


def test_the_latest_record_is_read_after_reopening(tmp_path: Path) -> None:
    store = SQLiteState(tmp_path / "state.sqlite3")
    assert store.load() is None
    store.save("first")
    store.save("second \ud800 ü")
    assert store.load() == "second \ufffd ü"
    store.close()
    assert SQLiteState(tmp_path / "state.sqlite3").load() == "second \ufffd ü"


def test_killed_at_any_moment_one_whole_record_is_read(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite3"
    command = [sys.executable, "-c", WRITER, str(path)]
    root = Path(memgpt_autogen.__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    for wanted in (1, 7, 30):
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=environment
        ) as writer:
            assert writer.stdout is not None
            acknowledged = -1
            while acknowledged < wanted:
                acknowledged = int(writer.stdout.readline())
            writer.send_signal(signal.SIGKILL)
            lines = writer.stdout.read().splitlines()
        acknowledged = int(lines[-1]) if lines and lines[-1].isdigit() else acknowledged
        store = SQLiteState(path)
        record = store.load()
        store.close()
        assert record is not None
        numbers = record.split()
        assert len(numbers) == 5000 and len(set(numbers)) == 1
        assert int(numbers[0]) >= acknowledged


def test_a_damaged_state_is_no_silent_start_from_nothing(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite3"
    path.write_bytes(b"this is not a database at all" * 100)
    with pytest.raises(StorageError, match=r"state\.sqlite3"):
        SQLiteState(path)

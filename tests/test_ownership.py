"""Ownership: one process at a time, the same lock everywhere in it, free when it ends."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from memgpt_autogen.errors import StorageError
from memgpt_autogen.storage.ownership import Ownership, let_go_of_unused, ownership_of

OTHER = """
import sys
from pathlib import Path
from memgpt_autogen.storage.ownership import ownership_of

mine = ownership_of(Path(sys.argv[1]))
print(mine.take(float(sys.argv[2])), mine.owner, flush=True)
sys.stdin.read()
"""


def another(directory: Path, wait: float = 0) -> subprocess.Popen[str]:
    """Another process that takes the ownership, if it can, and keeps it until it is killed."""
    return subprocess.Popen(
        [sys.executable, "-c", OTHER, str(directory), str(wait)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def holds(one: Ownership) -> bool:
    return one.held


def test_one_process_has_it_and_the_next_gets_it(tmp_path: Path) -> None:
    mine = Ownership(tmp_path)
    assert mine.take() and mine.take()
    assert holds(mine)
    assert f"process {os.getpid()} on " in mine.owner
    with another(tmp_path) as other:
        assert said(other).startswith(f"False process {os.getpid()} on ")
        other.kill()
    mine.release()
    mine.release()
    assert not holds(mine)
    assert mine.owner == "another process"  # nobody that it knew
    with another(tmp_path) as other:
        assert said(other).startswith("True")
        assert not mine.take() and not mine.take(0.05)
        assert f"process {other.pid} on " in mine.owner
        other.kill()
    assert mine.take(10), "a killed process has it no more"
    mine.release()


def test_who_waits_gets_it_when_it_is_given_back(tmp_path: Path) -> None:
    mine = Ownership(tmp_path)
    mine.take()
    with another(tmp_path, wait=60) as other:
        mine.release()
        assert said(other).startswith("True")
        other.kill()


def test_what_only_the_owner_may_open_is_closed_first_and_once(tmp_path: Path) -> None:
    mine, closed = Ownership(tmp_path), []
    mine.take()
    mine.before_release(lambda: closed.append(mine.held))
    mine.release()
    mine.take()
    mine.release()
    assert closed == [True]


def test_it_is_the_same_everywhere_in_a_process_and_let_go_of_when_nobody_has_it(
    tmp_path: Path,
) -> None:
    one, two = ownership_of(tmp_path / "one"), ownership_of(tmp_path / "two")
    assert ownership_of(tmp_path / "one") is one is not two
    one.take()
    two.take()
    let_go_of_unused([tmp_path / "two"])
    assert (one.held, two.held) == (False, True)
    assert ownership_of(tmp_path / "one") is not one
    let_go_of_unused([])


def test_its_files_are_its_owners_alone_and_their_loss_does_no_harm(tmp_path: Path) -> None:
    mine = Ownership(tmp_path / "agent")
    mine.take()
    for path in (tmp_path / "agent").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    (tmp_path / "agent" / "owner.json").write_text("[")
    assert mine.owner == "another process"
    (tmp_path / "agent" / "owner.json").unlink()
    mine.release()


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="memory="):
        Ownership(tmp_path / "file" / "agent").take()

"""The compatibility document: from tests' outcomes to its cells."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tools.compatibility import ABSENT, FAILS, WORKS, cell, document

TESTS = """
import pytest

@pytest.mark.feature("good")
def test_good():
    pass

@pytest.mark.feature("good")
def test_absent_in_part():
    pytest.skip("not here")

@pytest.mark.feature("absent")
def test_absent():
    pytest.skip("not here")

@pytest.mark.feature("bad")
@pytest.mark.parametrize("number", [1, 2])
def test_bad(number):
    assert number == 1

@pytest.mark.feature("known")
@pytest.mark.xfail(reason="known")
def test_known():
    raise ValueError

def test_of_no_feature():
    pass
"""


def test_outcomes_become_cells(tmp_path: Path) -> None:
    here = Path(__file__).parent
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "conftest.py").write_bytes((here / "conftest.py").read_bytes())
    command = [sys.executable, "-m", "pytest", "-c", str(here.parent / "pyproject.toml")]
    command += ["--rootdir", ".", "-p", "no:cacheprovider", "-n", "1"]
    command += ["--features-to", "out.json", "test_it.py"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "1 failed" in run.stdout, run.stdout + run.stderr
    found = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert "autogen 0" in found["autogen"]
    features = found["features"]
    assert {name: cell(outcomes) for name, outcomes in features.items()} == {
        "good": WORKS,
        "absent": ABSENT,
        "bad": FAILS,
        "known": FAILS,
    }


def test_a_row_that_a_version_never_ran_is_absent_there() -> None:
    text = document({"old 1": {"a": {"passed": 1}}, "new 2": {"b": {"passed": 2}}})
    assert f"| feature | old 1 | new 2 |\n|---|---|---|\n| a | {WORKS} | {ABSENT} |" in text

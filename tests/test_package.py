"""What the package exports, and what it says about a broken AutoGen."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest

import memgpt_autogen
from memgpt_autogen import installation
from memgpt_autogen.installation import InstallationError, check_autogen


def test_all_is_sorted_and_true() -> None:
    assert memgpt_autogen.__all__ == sorted(memgpt_autogen.__all__)
    assert set(memgpt_autogen.__all__) == set(memgpt_autogen._HOMES)
    for name in memgpt_autogen.__all__:
        assert getattr(memgpt_autogen, name).__name__ == name
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = memgpt_autogen.no_such_name


def test_importing_the_package_alone_is_cheap() -> None:
    code = "import sys, memgpt_autogen; print('autogen' in sys.modules, 'chromadb' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(memgpt_autogen.__file__).parents[1],
    )
    assert done.stdout.split() == ["False", "False"]


def test_every_command_is_there() -> None:
    """Of the package's own scripts, as pip installs them."""
    scripts = [
        one for one in distribution("memgpt-autogen").entry_points if one.group == "console_scripts"
    ]
    assert "memgpt-autogen-local" in {one.name for one in scripts}
    assert all(callable(one.load()) for one in scripts)


def test_one_distribution_is_fine() -> None:
    check_autogen()


def install(folder: Path, name: str, version: str, *files: str) -> None:
    """A distribution as an installer leaves it."""
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir()
    for file in files:
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).touch()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))


def test_two_distributions_in_one_place_are_named_with_the_repair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "pyautogen", "0.9.0", "autogen/__init__.py")
    install(tmp_path, "autogen", "0.14.1", "autogen/__init__.py")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(InstallationError) as caught:
        check_autogen()
    assert "pyautogen 0.9.0 and autogen 0.14.1" in str(caught.value)
    assert installation.REPAIR in str(caught.value)


def test_a_distribution_without_the_module_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "pyautogen", "0.10.0", "pyautogen/__init__.py")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(InstallationError, match="ConversableAgent"):
        check_autogen()

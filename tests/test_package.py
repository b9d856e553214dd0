"""What the package exports, and what it says about a broken AutoGen."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest

import memgpt_autogen
from memgpt_autogen import installation
from memgpt_autogen.installation import check_autogen


def test_all_is_sorted_and_true() -> None:
    assert memgpt_autogen.__all__ == sorted(memgpt_autogen.__all__)
    for name in memgpt_autogen.__all__:
        assert getattr(memgpt_autogen, name).__name__ == name
    with pytest.raises(AttributeError, match="no_such_name"):
        getattr(memgpt_autogen, "no_such_name")  # noqa: B009 - a type checker knows that it is not there


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
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    for file in files:
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).touch()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))


def checked(site: Path) -> str:
    """What a Python that has only this site directory says of its AutoGen."""
    code = (
        "import site, sys; site.addsitedir(sys.argv[1])\n"
        "sys.modules['lazy_loader'] = None  # comes after the check\n"
        "try: import memgpt_autogen\n"
        "except ImportError as problem: print(problem if problem.name != 'lazy_loader' else '')"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code, site],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(memgpt_autogen.__file__).parents[1],
    )
    return done.stdout


def test_two_distributions_in_one_place_are_named_with_the_repair(tmp_path: Path) -> None:
    install(tmp_path, "pyautogen", "0.9.0", "autogen/__init__.py")
    install(tmp_path, "autogen", "0.14.1", "autogen/__init__.py")
    said = checked(tmp_path)
    assert "pyautogen 0.9.0 and autogen 0.14.1" in said
    assert installation.REPAIR in said and installation.REPAIR_NEW in said


@pytest.mark.parametrize("name", ["memgpt-autogen", "memgpt-autogen-core"])
def test_an_extra_is_installed_by_the_name_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The other one would bring a second AutoGen."""
    install(tmp_path, name, "0.1.0", "memgpt_autogen/__init__.py")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert installation.extra("local") == f'pip install "{name}[local]"'


def test_a_distribution_without_the_module_does_not_count(tmp_path: Path) -> None:
    install(tmp_path, "pyautogen", "0.10.0", "pyautogen/__init__.py")
    assert "ConversableAgent" in checked(tmp_path)


FINDER = """
import sys
from importlib.util import spec_from_file_location

class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "autogen":
            return spec_from_file_location(name, {init!r}, submodule_search_locations=[{folder!r}])

def install():
    sys.meta_path.append(Finder)
"""


@pytest.mark.parametrize("style", ["path", "finder", "develop"])
def test_an_editable_installation_is_fine(tmp_path: Path, style: str) -> None:
    """As pip and setuptools leave one: the files that they record are not the module's."""
    site, source = tmp_path / "site", tmp_path / "checkout" / "src"
    package = source / "autogen"
    (package / "agentchat").mkdir(parents=True)
    (package / "__init__.py").touch()
    if style == "develop":
        site.mkdir()
        (site / "easy-install.pth").write_text(f"{source}\n")
        info = source / "pyautogen.egg-info"
        info.mkdir()
        (info / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: pyautogen\nVersion: 0.9.0\n")
        (info / "SOURCES.txt").write_text("setup.py\nsrc/autogen/__init__.py\n")
    elif style == "path":
        install(site, "pyautogen", "0.9.0", "__editable__.pyautogen-0.9.0.pth")
        (site / "__editable__.pyautogen-0.9.0.pth").write_text(f"{source}\n")
    else:
        finder = "__editable___pyautogen_0_9_0_finder"
        install(site, "pyautogen", "0.9.0", "__editable__.pyautogen-0.9.0.pth", f"{finder}.py")
        (site / "__editable__.pyautogen-0.9.0.pth").write_text(
            f"import {finder}; {finder}.install()\n"
        )
        (site / f"{finder}.py").write_text(
            FINDER.format(init=str(package / "__init__.py"), folder=str(package))
        )
    assert "ConversableAgent" in checked(site)  # a package of that name, but not AutoGen's
    (package / "agentchat" / "conversable_agent.py").touch()
    assert not checked(site).strip()

"""The check of the house's limits, on small packages made for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.house import CODE_LINES, Module, breaches_of, main, modules_of


def package(folder: Path, **modules: str) -> Path:
    root = folder / "house"
    for name, text in modules.items():
        path = root / f"{name.replace('_in_', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def breaches(folder: Path, **modules: str) -> list[str]:
    return list(breaches_of(modules_of(package(folder, **modules))))


def test_a_sound_package_has_no_breach(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = package(tmp_path, door="x = 1\n", room_in_chair='"""A chair."""\n\ny = 2\n')
    assert main([str(root)]) == 0
    assert capsys.readouterr().out == (
        "House: 2 modules, 1 in the root; 2 lines of code; the longest module has 3 lines\n"
    )


def test_a_crowded_folder_and_a_crowded_root(tmp_path: Path) -> None:
    chairs = {f"room_in_chair{number}": "" for number in range(13)}
    doors = {f"door{number}": "" for number in range(12)}
    assert breaches(tmp_path, **chairs, **doors) == ["room/: 13 modules, 12 at most"]
    assert breaches(tmp_path, one_more="") == [
        "the package's root: 13 modules, 12 at most",
        "room/: 13 modules, 12 at most",
    ]


def test_long_modules_and_functions_are_named_with_their_place(tmp_path: Path) -> None:
    body = "".join(f"    x{number} = {number}\n" for number in range(49))
    fits, over = f"def fits():\n{body}", f"\nasync def over():\n    y = 0\n{body}"
    assert breaches(tmp_path, long="# a line\n" * 301, functions=fits + over) == [
        "functions.py:52: over has 51 lines, 50 at most",
        "long.py: 301 lines, 300 at most",
    ]


@pytest.mark.parametrize(
    "line",
    ["import house.door", "from house import door", "from . import door", "import os, house"],
)
def test_an_import_of_our_own_may_not_hide(tmp_path: Path, line: str) -> None:
    hidden = (
        f"{line}\nimport os\n\ndef outer():\n    import json\n    def inner():\n        {line}\n"
    )
    assert breaches(tmp_path, chair=hidden) == [
        "chair.py:7: an import of our own, hidden in a function"
    ]


def test_the_whole_may_not_be_too_large(tmp_path: Path) -> None:
    rooms = CODE_LINES // 300 + 1
    full = {f"room{number}_in_chair": "x = 1\n" * 300 for number in range(rooms)}
    assert breaches(tmp_path, **full) == [
        f"the package: {rooms * 300:,} lines of code, {CODE_LINES:,} at most"
    ]


def test_only_lines_of_code_are_counted() -> None:
    text = '"""Two\nlines."""\n\n# why\nclass A:\n    """It."""\n\n    x = """a\n    text"""  # 3\n'
    assert Module("a.py", text, "house").code_lines == 3

"""The documents that are written from the code: how, and that they are what it says."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import memgpt_autogen
from memgpt_autogen.settings import Settings
from memgpt_autogen.testing import ScriptedModel
from tools import check_docs, reference
from tools.docstrings import Docstring, fields_of, function_signature
from tools.errors_page import PAGE, amiss, errors, tree, with_tree

API = reference.DOCS / "api.md"
SETTINGS = reference.DOCS / "settings.md"


def pour(
    cup: str, /, *guests: str, sugar: float = 0.25 + 0.25, milk: str = "none of it"
) -> list[str]:
    """Pour tea for `guests`; <b> is no HTML, and `<b>` stays. It may spill.

    Args:
        cup: which one; the best
            has no handle.
        sugar: grams.

    Raises:
        ConfigurationError: there is no cup.
        KeyError: nobody is in.
    """
    return [cup, *guests, str(sugar), milk]


@dataclass
class Tea:
    """Tea."""

    sort: str
    leaves: tuple[str, ...] = ()
    kind: str = "green"
    notes: list[str] = field(default_factory=list)


class TestDocstrings:
    def test_sections_become_lists(self) -> None:
        parts = list(Docstring.of(pour).markdown(lambda name: f"[{name}]"))
        assert parts == [
            "Pour tea for `guests`; &lt;b> is no HTML, and `<b>` stays. It may spill.",
            "**Args**\n\n- `cup`: which one; the best has no handle.\n- `sugar`: grams.",
            "**Raises**\n\n- [ConfigurationError]: there is no cup.\n- [KeyError]: nobody is in.",
        ]

    def test_the_summary_is_the_first_sentence(self) -> None:
        assert Docstring.of(pour).summary.endswith("and `<b>` stays.")
        assert Docstring.of(lambda: None).summary == ""

    def test_a_section_that_is_no_list_is_refused(self) -> None:
        def wrong() -> None:
            """Wrong.

            Args:
                this says nothing of an argument
            """

        with pytest.raises(ValueError, match="name: text"):
            Docstring.of(wrong)

    def test_a_signature_is_as_it_was_typed(self) -> None:
        assert function_signature("pour", pour, bound=False).splitlines() == [
            "pour(",
            "    cup: str,",
            "    /,",
            "    *guests: str,",
            "    sugar: float = 0.25 + 0.25,",
            '    milk: str = "none of it",',
            ") -> list[str]",
        ]
        assert function_signature("main", check_docs.main, bound=False) == "main() -> int"

    def test_a_value_shows_its_fields(self) -> None:
        assert list(fields_of(Tea)) == [
            "sort: str",
            "leaves: tuple[str, ...] = ()",
            'kind: str = "green"',
            "notes: list[str] = ...",
        ]


class TestReference:
    def test_the_files_are_what_the_code_says(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert reference.main(["--check"]) == 0, capsys.readouterr().out

    def test_a_file_that_is_not_is_named_and_written_anew(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        folder, page = tmp_path / "docs", tmp_path / "docs" / "errors.md"
        folder.mkdir()
        page.write_text(PAGE.read_text("utf-8"), "utf-8")
        monkeypatch.setattr(reference, "DOCS", folder)
        monkeypatch.setattr(reference, "PAGE", page)
        assert reference.main(["--check"]) == 1
        assert "docs/api.md is out of date: run 'make reference'" in capsys.readouterr().out
        assert list(folder.iterdir()) == [page]
        assert reference.main([]) == 0
        assert (folder / "api.md").read_text("utf-8") == API.read_text("utf-8")

    def test_every_exported_name_is_there(self) -> None:
        text = API.read_text("utf-8")
        for name in memgpt_autogen.__all__:
            thing = getattr(memgpt_autogen, name)
            is_error = isinstance(thing, type) and issubclass(thing, Exception)
            said = (thing.__doc__ or "").splitlines()[0]
            line = f"- [`{name}`](errors.md#{name.lower()}): {said}\n"
            told = line if is_error else f"\n### {name}\n"
            assert text.count(told) == 1, name
        for name in ("attach", "forget", "checkpoint", "search", "insert", "latest"):
            assert f"\n#### `{name}`\n" in text

    def test_links_within_the_page_lead_somewhere(self) -> None:
        text = API.read_text("utf-8")
        titles = re.findall(r"^#+ `?([^`\n]+)`?$", text, re.MULTILINE)
        anchors = {title.lower().replace(" ", "-") for title in titles}
        assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors

    def test_nothing_of_this_machine_or_process_is_in_it(self) -> None:
        text = API.read_text("utf-8") + SETTINGS.read_text("utf-8")
        assert " at 0x" not in text
        assert str(Path.home()) not in text


class TestSettings:
    def test_every_setting_has_its_row(self) -> None:
        rows = re.findall(r"^\| `(\w+)` \|", SETTINGS.read_text("utf-8"), re.MULTILINE)
        assert rows == list(Settings.model_fields)

    def test_the_example_runs(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        (code,) = check_docs.BLOCK.findall(SETTINGS.read_text("utf-8"))
        with ScriptedModel([]) as model:
            names: dict[str, Any] = {"llm_config": model.llm_config}
            exec(compile(code, "settings.md", "exec"), names)
            names["agent"].close()
        assert (tmp_path / "team-memory").is_dir()


class TestErrors:
    def test_the_tree_holds_every_error_of_the_base(self) -> None:
        lines = list(tree())
        base = [one for one in errors() if issubclass(one, memgpt_autogen.MemGPTError)]
        assert len(lines) == len(base)
        assert {line.split()[-1] for line in lines} == {one.__name__ for one in base}

    def test_the_page_says_of_each_error_when_and_what_to_do(self) -> None:
        assert list(amiss(PAGE.read_text("utf-8"))) == []

    def test_what_is_amiss_is_named(self) -> None:
        text = PAGE.read_text("utf-8")
        assert list(amiss(text.replace("### StorageError", "### StoreError"))) == [
            "docs/errors.md: StorageError has 0 sections, and needs one",
            "docs/errors.md: there is no error StoreError",
        ]
        once_less = text.replace("**What to do:**", "Then:", 1)
        assert list(amiss(once_less)) == [
            "docs/errors.md: MemGPTError needs one paragraph that begins with **What to do:**"
        ]
        assert "docs/errors.md: the place of the tree is gone" in amiss(text.replace("<!--", "<--"))

    def test_the_tree_is_put_in_its_place(self) -> None:
        text = "a\n<!-- the tree: make reference -->\nold\n<!-- end -->\nb\n"
        assert with_tree(text) == (
            "a\n<!-- the tree: make reference -->\n```text\n"
            + "\n".join(tree())
            + "\n```\n<!-- end -->\nb\n"
        )

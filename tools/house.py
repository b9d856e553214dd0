"""Check the house: how many modules a folder holds, and how long they and their functions are.

house.py [FOLDER]: the package to check, by default this project's. Prints each breach and
the totals; the exit status is 1 where there is a breach.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "memgpt_autogen"

MODULES = 12  # of a folder, with its __init__
MODULE_LINES = 300
FUNCTION_LINES = 50  # from its `def` to its end, docstring included
CODE_LINES = 23_420  # of the package, without docstrings, comments and blank lines; to fall

# Tokens that make no line a line of code.
_EMPTY = (
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
)
_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """A module's text and what is counted in it; `name` is its path in the package."""

    name: str
    text: str
    package: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def lines(self) -> int:
        return self.text.count("\n")

    @property
    def functions(self) -> Iterator[_Function]:
        return (node for node in ast.walk(self.tree) if isinstance(node, _Function))

    @cached_property
    def code_lines(self) -> int:
        """Lines without docstrings, comments and blank ones."""
        lines: set[int] = set()
        for token in tokenize.generate_tokens(io.StringIO(self.text).readline):
            if token.type not in _EMPTY:
                lines.update(range(token.start[0], token.end[0] + 1))
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Module | ast.ClassDef | _Function) and ast.get_docstring(node):
                docstring = node.body[0]
                lines.difference_update(range(docstring.lineno, (docstring.end_lineno or 0) + 1))
        return len(lines)

    def breaches(self) -> Iterator[str]:
        if self.lines > MODULE_LINES:
            yield f"{self.name}: {self.lines} lines, {MODULE_LINES} at most"
        for function in self.functions:
            length = (function.end_lineno or 0) - function.lineno + 1
            if length > FUNCTION_LINES:
                where = f"{self.name}:{function.lineno}: {function.name}"
                yield f"{where} has {length} lines, {FUNCTION_LINES} at most"
        for line in sorted(set(self._hidden_imports())):
            yield f"{self.name}:{line}: an import of our own, hidden in a function"

    def _hidden_imports(self) -> Iterator[int]:
        """The lines of functions that import from the package itself."""
        for function in self.functions:
            for node in ast.walk(function):
                if isinstance(node, ast.ImportFrom):
                    names = [self.package if node.level else node.module or ""]
                elif isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                else:
                    continue
                if any(name.split(".")[0] == self.package for name in names):
                    yield node.lineno


def modules_of(package: Path) -> list[Module]:
    return [
        Module(str(path.relative_to(package)), path.read_text("utf-8"), package.name)
        for path in sorted(package.rglob("*.py"))
    ]


def breaches_of(modules: Sequence[Module]) -> Iterator[str]:
    folders = Counter(str(Path(module.name).parent) for module in modules)
    for folder, count in sorted(folders.items()):
        if count > MODULES:
            title = "the package's root" if folder == "." else f"{folder}/"
            yield f"{title}: {count} modules, {MODULES} at most"
    for module in modules:
        yield from module.breaches()
    total = sum(module.code_lines for module in modules)
    if total > CODE_LINES:
        yield f"the package: {total:,} lines of code, {CODE_LINES:,} at most"


def totals(modules: Sequence[Module]) -> str:
    root = sum("/" not in module.name for module in modules)
    code = sum(module.code_lines for module in modules)
    longest = max(module.lines for module in modules)
    return (
        f"House: {len(modules)} modules, {root} in the root; {code:,} lines of code;"
        f" the longest module has {longest} lines"
    )


def main(arguments: Sequence[str]) -> int:
    modules = modules_of(Path(arguments[0]).resolve() if arguments else PACKAGE)
    found = list(breaches_of(modules))
    print("\n".join([*found, totals(modules)]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

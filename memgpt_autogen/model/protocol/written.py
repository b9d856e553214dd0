"""What a model wrote into its text that belongs elsewhere: thoughts, and calls of functions.

Servers whose parsers do not know a model leave both in the content: thoughts of DeepSeek-R1,
Qwen3, Magistral (https://docs.vllm.ai/en/latest/features/reasoning_outputs.html), and calls
as Hermes, Mistral, Llama and Qwen write them
(https://docs.vllm.ai/en/latest/features/tool_calling.html).
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

_KINDS = r"(?:\w+:)?(?:think|thinking|thoughts?|reasoning)"
_OPENED = re.compile(rf"\s*(?:[<\[◁|]\s*{_KINDS}\b[^>\]▷\n]{{0,40}}[>\]▷])", re.IGNORECASE)
_END = rf"[<\[◁]\s*/\s*{_KINDS}\s*[>\]▷]"
_ANY_CLOSED = re.compile(_END, re.IGNORECASE)
_CLOSED = re.compile(rf"(?<!`){_END}|{_END}(?!`)", re.IGNORECASE)  # not as a piece of code
_ANY_OPENED = re.compile(rf"[<\[◁]\s*{_KINDS}\s*[>\]▷]", re.IGNORECASE)

# What stands around a call: the beginning, and what ends it where the end is there.
_TAGGED = re.compile(
    r"<\|?(?:tool_calls?|function_calls?|tools?)(?:_begin)?\|?>\s*(.*?)\s*"
    r"(?:</?\|?(?:tool_calls?|function_calls?|tools?)(?:_end)?\|?>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_MISTRAL = re.compile(r"\[TOOL_CALLS\]\s*(.*)", re.DOTALL)
_MISTRAL_NAMED = re.compile(r"([\w.-]+)\s*(?:\[(?:CALL_ID|ARGS)\][\w-]*\s*)*(?=\{)(.*)", re.DOTALL)
_LLAMA = re.compile(r"<\|python_tag\|>\s*(.*?)\s*(?:<\|\w+\|>|\Z)", re.DOTALL)
_FUNCTION = re.compile(r"<function=([\w.-]+)>\s*(.*?)\s*(?:</function>|\Z)", re.DOTALL)
_PARAMETER = re.compile(r"<parameter=([\w.-]+)>\n?(.*?)\n?(?:</parameter>|\Z)", re.DOTALL)
_PYTHON = re.compile(r"\[?\s*(?:print\()?\s*(\w+)\(")
_FENCED = re.compile(r"\s*```[\w-]*\s*\n(.*?)\n?\s*```\s*", re.DOTALL)

_NAMES = ("name", "function", "function_name", "tool", "tool_name")
_ARGUMENTS = ("arguments", "parameters", "args", "params", "tool_input", "input")


class _NoCallError(Exception):
    """A text is something else than calls in Python's form."""


class Written(NamedTuple):
    """A call that stood in a text; `arguments` is JSON, as a server's would be."""

    name: str
    arguments: str


def without_thoughts(text: str) -> tuple[str, str]:
    """(thoughts, what is said): `<think>…</think>` at the beginning, and what is like it.

    What was opened and never closed is all thought; so is what stands before an end whose
    beginning the chat template wrote.
    """
    thoughts: list[str] = []
    while opened := _OPENED.match(text):
        closed = _CLOSED.search(text, opened.end()) or _ANY_CLOSED.search(text, opened.end())
        thoughts.append(text[opened.end() : closed.start() if closed else len(text)])
        text = text[closed.end() :] if closed else ""
    closed, opened = _CLOSED.search(text), _ANY_OPENED.search(text)
    if closed and (opened is None or closed.start() < opened.start()):
        thoughts.append(text[: closed.start()])
        more, text = without_thoughts(text[closed.end() :])
        thoughts.append(more)
    if not thoughts:
        return "", text
    return "\n".join(filter(None, map(str.strip, thoughts))), text.strip()


def written_calls(text: str, names: Collection[str]) -> tuple[str, list[Written]]:
    """(the text before them, the calls of these functions) that a text ends with.

    A text that is nothing but a call (bare JSON, Python, in a fence), or a text and calls in
    a model's own marks. No calls: the whole text, whatever JSON it holds.
    """
    if not names:
        return text, []
    for pattern, read in (
        (_TAGGED, _in_marks),
        (_FUNCTION, _function),
        (_MISTRAL, _mistral),
        (_LLAMA, _in_marks),
    ):
        found = [call for match in pattern.finditer(text) for call in read(match, names)]
        if found:
            before = text[: pattern.search(text).start()]  # type: ignore[union-attr]
            return before.strip(), found
    fenced = _FENCED.fullmatch(text)
    found = _bare(fenced.group(1) if fenced else text, names)
    return ("", found) if found else (text, [])


def read_json(text: str) -> Any:
    """The JSON in a text, its usual breakages repaired; None for none."""
    text = text.strip()
    if not text.startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except RecursionError:
        return None
    except ValueError:
        import json_repair  # some 30 ms, and most JSON is sound

        try:
            return json_repair.loads(text, skip_json_loads=True)
        except (ValueError, RecursionError):
            return None


def _in_marks(match: re.Match[str], names: Collection[str]) -> list[Written]:
    inner = match.group(1)
    if found := _FENCED.fullmatch(inner):
        inner = found.group(1)
    if _FUNCTION.match(inner):
        return [one for call in _FUNCTION.finditer(inner) for one in _function(call, names)]
    return _bare(inner, names)


def _function(match: re.Match[str], names: Collection[str]) -> list[Written]:
    name, inner = match.groups()
    if name not in names:
        return []
    parameters = {key: _value(value) for key, value in _PARAMETER.findall(inner)}
    values = parameters or read_json(inner)
    return [Written(name, dumped(values if isinstance(values, dict) else {}))]


def _mistral(match: re.Match[str], names: Collection[str]) -> list[Written]:
    inner = match.group(1).strip()
    named = _MISTRAL_NAMED.match(inner)
    if named and named.group(1) in names:
        parts = re.split(r"\[TOOL_CALLS\]\s*", inner)
        found = [_MISTRAL_NAMED.match(part) for part in parts]
        return [
            Written(one.group(1), dumped(read_json(one.group(2)) or {}))
            for one in found
            if one and one.group(1) in names
        ]
    return _bare(inner, names)


def _bare(text: str, names: Collection[str]) -> list[Written]:
    """The calls that a text is, and nothing else."""
    text = text.strip()
    if text.startswith(("{", "[")) and text.endswith(("}", "]", '"', ")")):
        value = read_json(text)
        found = list(_calls_in(value, names)) if value is not None else []
        if found:
            return found
    return _python(text, names)


def _calls_in(value: Any, names: Collection[str]) -> Iterator[Written]:
    if isinstance(value, list):
        for one in value:
            yield from _calls_in(one, names)
    if not isinstance(value, Mapping):
        return
    if isinstance(value.get("tool_calls"), list):
        yield from _calls_in(value["tool_calls"], names)
        return
    if isinstance(value.get("function"), Mapping):
        yield from _calls_in(value["function"], names)
        return
    key = next((one for one in _NAMES if str(value.get(one)) in names), None)
    if key is None:
        return
    given = next((value[one] for one in _ARGUMENTS if one in value), None)
    if given is None:  # beside the name
        given = {one: part for one, part in value.items() if one not in (key, "type", "id")}
    if isinstance(given, str):
        given = read_json(given) if given.strip() else {}
    yield Written(str(value[key]), dumped(given))


def _python(text: str, names: Collection[str]) -> list[Written]:
    """Calls in Python's form with literal keyword arguments, as Llama and Gemma write them."""
    begun = _PYTHON.match(text)
    if begun is None or begun.group(1) not in names:
        return []
    try:
        tree = ast.parse(text, mode="eval").body
        calls = tree.elts if isinstance(tree, ast.List) else [tree]
        return [_python_call(one, names) for one in calls]
    except (_NoCallError, SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def _python_call(node: ast.expr, names: Collection[str]) -> Written:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        raise _NoCallError
    if node.func.id == "print" and len(node.args) == 1:
        return _python_call(node.args[0], names)
    if node.func.id not in names or node.args:
        raise _NoCallError
    values = {str(one.arg): ast.literal_eval(one.value) for one in node.keywords}
    return Written(node.func.id, dumped(values))


def _value(text: str) -> Any:
    """A parameter's value: JSON where it is, else the text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def dumped(value: Any) -> str:
    """A value as JSON; only the name of its type where it cannot be written, being too deep."""
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):
        return str(type(value))

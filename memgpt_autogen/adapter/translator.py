"""The translator: AutoGen messages → events; steps → an AutoGen reply and what shows of them."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any, Literal, Protocol, runtime_checkable

from memgpt_autogen.adapter.display import show_eviction, show_step
from memgpt_autogen.arguments import checked
from memgpt_autogen.events import MessageEvent
from memgpt_autogen.steps import Eviction, Step, Turn

Show = Literal["hidden", "developer", "reply"]
AutoGenMessage = Mapping[str, Any]


@runtime_checkable
class Translator(Protocol):
    """Stands between AutoGen's messages and the agent's events and steps.

    Implement it to change what the model reads of a chat or what the chat hears of
    the model; `AutoGenTranslator` is the default.
    """

    def to_event(
        self, message: AutoGenMessage, *, speaker: str, own: bool, timestamp: datetime
    ) -> MessageEvent:
        """One AutoGen message as the event that enters the queue and recall storage."""
        ...

    def to_reply(self, turn: Turn) -> str | dict[str, Any] | None:
        """A turn as one AutoGen reply; None leaves it to `default_auto_reply`."""
        ...

    def on_step(self, agent: str, step: Step) -> None:
        """A step of `agent` ended."""
        ...

    def on_eviction(self, agent: str, eviction: Eviction) -> None:
        """Messages left the queue of `agent`."""
        ...


class AutoGenTranslator:
    """The default translator.

    Args:
        monologue: where inner monologue shows: `"hidden"`; `"developer"`, as AutoGen
            events where the version has them and as IOStream prints elsewhere; or
            `"reply"`, before the sent messages, for everyone in the chat.
        calls: the same for function calls and their results.
    """

    @checked
    def __init__(self, *, monologue: Show = "hidden", calls: Show = "hidden") -> None:
        self.monologue = monologue
        self.calls = calls

    def to_event(
        self, message: AutoGenMessage, *, speaker: str, own: bool, timestamp: datetime
    ) -> MessageEvent:
        text, images = readable(message)
        return MessageEvent(
            timestamp=timestamp,
            speaker=speaker,
            text=text,
            own=own,
            images=images,
            results=tuple(
                (str(each.get("tool_call_id")), _content(each.get("content"))[0])
                for each in message.get("tool_responses") or ()
            ),
        )

    def to_reply(self, turn: Turn) -> str | dict[str, Any] | None:
        text = self._text(turn)
        if not turn.calls:
            return _said(text, turn)
        fields = dict(turn.retrieved) if isinstance(turn.retrieved, Mapping) else {}
        if "function_call" in fields:
            fields["function_call"] = None  # it is among the tool calls
        return {
            "role": "assistant",
            **fields,
            "content": text or None,
            "tool_calls": [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                }
                for call in turn.calls
            ],
        }

    def _text(self, turn: Turn) -> str:
        if self.monologue != "reply" and self.calls != "reply":
            return "\n\n".join(turn.messages)
        parts: list[str] = []
        for step in turn.steps:
            if self.monologue == "reply" and step.monologue:
                parts.append(f"(thinks) {step.monologue}")
            if self.calls == "reply":
                parts.extend(
                    f"(calls) {call.name} {call.arguments}"
                    for call in step.calls
                    if call.name != "send_message"
                )
        return "\n\n".join([*parts, *turn.messages])

    def on_step(self, agent: str, step: Step) -> None:
        monologue, calls = self.monologue == "developer", self.calls == "developer"
        if monologue or calls:
            show_step(agent, step, monologue=monologue, calls=calls)

    def on_eviction(self, agent: str, eviction: Eviction) -> None:
        if self.calls == "developer":
            show_eviction(agent, eviction)


def _said(text: str, turn: Turn) -> str | dict[str, Any] | None:
    """A text as a reply; where the model's last words became one, in the form AutoGen gives it.

    Words that were empty make an empty reply, and only none at all leave it to AutoGen.
    """
    said = turn.retrieved
    if not turn.steps or turn.steps[-1].calls or said is None:
        return text or None
    words = said.get("content") if isinstance(said, Mapping) else said
    if words is None:
        return text or None
    blank = words if isinstance(words, str) and not words.strip() else ""
    return {**said, "content": text or blank} if isinstance(said, Mapping) else text or blank


@dataclass(frozen=True)
class Template:
    """Fills in what AutoGen lets messages leave open: texts by functions of a context.

    Attributes:
        context: of the last message in the chat; None: each message has its own, if any.
        format_texts: texts are filled by `str.format` too (`allow_format_str_template`).
    """

    context: Mapping[str, Any] | None = None
    format_texts: bool = False

    def filled(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        """The message with its content filled in."""
        content = message.get("content")
        filled = self.fill(content, message.get("context"))
        return message if filled is content else {**message, "content": filled}

    def fill(self, content: Any, context: Mapping[str, Any] | None = None) -> Any:
        """A content filled in; `context` counts where the chat has none."""
        values = self.context or context
        if not values:
            return content
        if callable(content):
            return content(values)
        if self.format_texts and isinstance(content, str):
            return content.format(**values)
        return content


def readable(message: AutoGenMessage) -> tuple[str, tuple[Mapping[str, Any], ...]]:
    """A message's content as plain text, and its image parts.

    Tool calls and results of others become sentences, never JSON, which the model
    would imitate.
    """
    text, images = _content(message.get("content"))
    calls = message.get("tool_calls") or ()
    if message.get("function_call"):
        calls = [*calls, {"function": message["function_call"]}]
    responses = message.get("tool_responses") or ()
    if calls and text == "None":  # AutoGen writes the word for a null content
        text = ""
    if responses:
        text = "\n".join(f"(result) {_content(each.get('content'))[0]}" for each in responses)
    elif message.get("role") in ("tool", "function"):
        text = f"(result) {text}"
    sentences = [_call_sentence(call.get("function") or {}) for call in calls]
    return "\n".join(part for part in (text, *sentences) if part), images


def text_of(system_message: Any) -> str:
    """A system message as one text; AutoGen's may be a list of parts."""
    return _content(system_message)[0]


def _content(content: Any) -> tuple[str, tuple[Mapping[str, Any], ...]]:
    if content is None:
        return "", ()
    if not isinstance(content, list):
        return str(content), ()
    texts: list[str] = []
    images: list[Mapping[str, Any]] = []
    for part in content:
        if not isinstance(part, Mapping):
            texts.append(str(part))
        elif part.get("type") == "image_url":
            if image := _image(part.get("image_url")):
                images.append({"type": "image_url", "image_url": image})
            texts.append("(image)")
        elif "text" in part:
            texts.append(str(part["text"]))
        else:
            texts.append(f"({part.get('type', 'attachment')})")
    return "\n".join(texts), tuple(images)


def _image(image: Any) -> Any:
    """An image part's `image_url` as providers take it; None for what is no picture."""
    url = image.get("url") if isinstance(image, Mapping) else image
    if isinstance(url, str):
        return image
    if url is None or not hasattr(url, "save"):
        return None
    file = BytesIO()  # AutoGen's multimodal agents hold pictures as objects of Pillow
    url.save(file, format="PNG")
    return {"url": "data:image/png;base64," + b64encode(file.getvalue()).decode("ascii")}


def _call_sentence(function: Mapping[str, Any]) -> str:
    name = function.get("name") or "a function"
    arguments = function.get("arguments") or ""
    try:
        values = json.loads(arguments) if isinstance(arguments, str) else arguments
    except ValueError:
        values = None
    if isinstance(values, Mapping):
        arguments = ", ".join(f"{key} = {value}" for key, value in values.items())
    return f"(calls {name} with {arguments})" if arguments else f"(calls {name})"

"""The scripted model as other providers: what each refuses, in which words, and how it answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import openai
import pytest

from memgpt_autogen.testing import (
    PROFILES,
    Profile,
    ScriptedModel,
    call,
    calls,
    raw_call,
    reasoning,
    say,
)
from memgpt_autogen.testing.profiles import catalogue
from memgpt_autogen.testing.profiles.parameters import request_bytes
from memgpt_autogen.testing.requests import count_prompt
from tests.clients import client_of, post
from tools.providers_page import PAGE, missing, with_tables

JSON = dict[str, Any]
NAMES = list(PROFILES)
ID = "abcdefgh1"


# --- requests


def system(text: str = "Be brief.") -> JSON:
    return {"role": "system", "content": text}


def user(content: Any = "hi", **more: Any) -> JSON:
    return {"role": "user", "content": content, **more}


def assistant(content: Any = "hello", **more: Any) -> JSON:
    return {"role": "assistant", "content": content, **more}


def calling(*ids: str, content: Any = "", arguments: str = "{}", **more: Any) -> JSON:
    function = {"name": "look", "arguments": arguments}
    made = [{"id": name, "type": "function", "function": function} for name in ids or (ID,)]
    return assistant(content, tool_calls=made, **more)


def result(name: str = ID, content: str = "ok") -> JSON:
    return {"role": "tool", "tool_call_id": name, "content": content}


def image(url: str = "data:image/png;base64,AAAA") -> JSON:
    return user([{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": url}}])


def tool(name: str = "look", **properties: Any) -> JSON:
    parameters = {"type": "object", "properties": properties}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def schema(**more: Any) -> JSON:
    """A tool whose parameters have more than their properties."""
    declared = tool(x={"type": "string"})
    declared["function"]["parameters"].update(more)
    return declared


LOOK = tool(place={"type": "string"})


def ask(model: ScriptedModel, *messages: Any, **more: Any) -> Any:
    with client_of(model) as client:
        return client.chat.completions.create(model="m", messages=list(messages), **more)


# --- refusals


@dataclass(frozen=True)
class Breach:
    """A request that breaks one rule, and what the provider says to it."""

    profile: str
    rule: str
    messages: tuple[JSON, ...]
    status: int
    words: str
    parameters: JSON
    without: tuple[str, ...]


def breach(
    where: str,
    *messages: JSON,
    says: str,
    status: int = 400,
    without: tuple[str, ...] = (),
    **more: Any,
) -> Breach:
    profile, _, rule = where.partition(": ")
    return Breach(profile, rule, messages or (user(),), status, says, more, without)


def breaches() -> Iterator[Breach]:
    yield from of_openai("openai")
    yield from of_openai("azure")
    yield breach(
        "azure: content filter", user("How do I FORBIDDEN?"), says="content management policy"
    )
    yield from of_anthropic()
    yield from of_gemini()
    yield from of_mistral()
    yield from of_deepseek()
    yield from of_servers()


def of_openai(name: str) -> Iterator[Breach]:
    long = "c" * 41
    yield breach(
        f"{name}: call ids of at most 40 characters",
        user(),
        calling(long),
        result(long),
        says="Invalid 'messages[1].tool_calls[0].id': string too long. Expected a string with"
        " maximum length 40, but got a string with length 41 instead.",
    )
    many = [tool(f"look{number}") for number in range(129)]
    yield breach(f"{name}: at most 128 tools", says="but got an array with length 129", tools=many)
    yield breach(f"{name}: no max_tokens", says="Use 'max_completion_tokens'", max_tokens=9)
    yield breach(f"{name}: no temperature", says="does not support 0.0 with", temperature=0.0)
    yield breach(
        f"{name}: no parallel_tool_calls",
        says="Unsupported parameter: 'parallel_tool_calls'",
        parallel_tool_calls=False,
        tools=[LOOK],
    )
    yield breach(f"{name}: no images", image(), says="image_url is only supported by certain")


def of_anthropic() -> Iterator[Breach]:
    def at(rule: str, *messages: JSON, **more: Any) -> Breach:
        return breach(f"anthropic: {rule}", *messages, **more)

    yield at(
        "calls are answered",
        user(),
        calling(),
        user(),
        says=f"messages.1: `tool_use` ids were found without `tool_result` blocks immediately"
        f" after: {ID}.",
        tools=[LOOK],
    )
    yield at(
        "results are asked for",
        user(),
        result(),
        says=f"unexpected `tool_use_id` found in `tool_result` blocks: {ID}",
        tools=[LOOK],
    )
    yield at(
        "call ids of letters, digits, _ and -",
        user(),
        calling("look:1"),
        result("look:1"),
        says="messages.1.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'",
        tools=[LOOK],
    )
    yield at(
        "arguments are JSON objects",
        user(),
        calling(arguments='{"x": '),
        result(),
        says="tool_use.input: Input should be a valid dictionary",
        tools=[LOOK],
    )
    yield at("no empty text", user(), assistant(""), user(), says="must be non-empty")
    yield at("no blank text", user("  \n"), says="must contain non-whitespace text")
    yield at("the user begins", assistant(), user(), says="must start with a user message")
    yield at("the assistant is not last", user(), assistant(), says="assistant message prefill")
    yield at(
        "no white space at the end",
        user(),
        assistant("hello "),
        says="final assistant content cannot end with trailing whitespace",
        without=("the assistant is not last",),
    )
    yield at("tools beside calls", user(), calling(), result(), says="toolConfig field must")
    yield at("temperature or top_p", says="cannot both be specified", temperature=0, top_p=1)
    yield at(
        "no alternatives at a schema's top",
        says="tools.1.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf",
        tools=[tool("a", x={"anyOf": [{"type": "string"}]}), schema(anyOf=[])],
    )
    yield at(
        "images of at most 5 MB",
        image("data:image/png;base64," + "A" * 5_242_884),
        says="messages.0.content.1.image.source.base64: image exceeds 5 MB maximum: 5242884 bytes"
        " > 5242880 bytes",
    )
    yield at(
        "requests of at most 32 MB",
        user("a" * 32_000_000),
        status=413,
        says="Request exceeds the maximum size",
    )
    yield at("no temperature", says="`temperature` is deprecated", temperature=0.2)


def of_gemini() -> Iterator[Breach]:
    def at(rule: str, *messages: JSON, **more: Any) -> Breach:
        return breach(f"gemini: {rule}", *messages, **more)

    yield at(
        "as many results as calls",
        user(),
        calling(ID, "b"),
        result(),
        says="function response parts is equal",
    )
    yield at(
        "results are asked for",
        user(),
        result(),
        says="response turn comes immediately after a function call turn",
    )
    yield at(
        "calls follow the user or a result",
        system(),
        calling(),
        result(),
        user(),
        says="function call turn comes immediately after a user turn",
    )
    yield at(
        "thought signatures come back",
        system(),
        user(),
        calling(),
        result(),
        says="missing a thought_signature in functionCall parts. This is required for tools to"
        " work correctly, and missing thought_signature may lead to degraded model performance."
        " Additional data, function call `default_api:look` , position 2.",
    )
    yield at("not only system messages", system(), says="contents is not specified")
    yield at(
        "no empty text",
        user(),
        assistant(""),
        user(),
        says="contents[1].parts: contents.parts must not be empty",
    )
    yield at(
        "function names begin with a letter",
        says="tools[0].function_declarations[0].name: [FIELD_INVALID] Invalid function name.",
        tools=[tool("2fast", x={"type": "string"})],
    )
    yield at(
        "schemas of known keywords",
        says='Unknown name "const" at'
        " 'tools[0].function_declarations[1].parameters.properties[1].value.any_of[0]'",
        tools=[LOOK, tool("b", x={"type": "string"}, y={"anyOf": [{"const": 1}]})],
    )
    yield at(
        "one type for each schema",
        says="parameters.properties[0].value.items': Proto field is not repeating",
        tools=[tool(x={"type": "array", "items": {"type": ["string", "null"]}})],
    )
    yield at(
        "enums of strings",
        says="parameters.properties[0].value.enum[1]' (TYPE_STRING), 2",
        tools=[tool(x={"type": "string", "enum": ["1", 2]})],
    )
    yield at("no seed, no penalty", says='Unknown name "seed": Cannot find field.', seed=1)
    yield at(
        "no empty objects",
        says="function_declarations[0].parameters.properties: should be non-empty for OBJECT type",
        tools=[tool()],
    )
    yield at(
        "no parallel_tool_calls",
        says="Parallel tool calls are not supported.",
        parallel_tool_calls=True,
        tools=[LOOK],
    )


def of_mistral() -> Iterator[Breach]:
    def at(rule: str, *messages: JSON, **more: Any) -> Breach:
        return breach(f"mistral: {rule}", *messages, **more)

    yield at(
        "known parameters and fields",
        user(name="Ann"),
        status=422,
        says="{'detail': [{'type': 'extra_forbidden', 'loc': ['body', 'messages', 0, 'user',"
        " 'name'], 'msg': 'Extra inputs are not permitted', 'input': 'Ann'}]}",
    )
    yield at(
        "known parameters and fields",
        status=422,
        says="'loc': ['body', 'max_completion_tokens']",
        max_completion_tokens=9,
    )
    yield at(
        "no user right after a result",
        user(),
        calling(),
        result(),
        user(),
        says="Unexpected role 'user' after role 'tool'",
    )
    yield at(
        "the assistant is not last",
        user(),
        assistant(),
        says="Expected last role User or Tool (or Assistant with prefix True) for serving but got"
        " assistant",
    )
    yield at(
        "call ids of nine letters and digits",
        user(),
        calling("call_0fypS"),
        result("call_0fypS"),
        says="Tool call id was call_0fypS but must be a-z, A-Z, 0-9, with a length of 9.",
    )
    yield at(
        "as many results as calls",
        user(),
        calling(ID, "abcdefgh2"),
        result(),
        says="Not the same number of function calls and responses",
    )
    yield at(
        "content or calls",
        user(),
        calling(content="hm"),
        result(),
        says="must have either content or tool_calls, but not both.",
    )


def of_deepseek() -> Iterator[Breach]:
    def at(rule: str, *messages: JSON, **more: Any) -> Breach:
        return breach(f"deepseek: {rule}", *messages, **more)

    yield at(
        "known roles",
        {"role": "developer", "content": "Be brief."},
        user(),
        says="target type: messages[0].role: unknown variant `developer`, expected one of"
        " `system`, `user`, `assistant`, `tool`, `latest_reminder` at line 1 column",
    )
    yield at("no images", image(), says="messages[0]: unknown variant `image_url`, expected `text`")
    yield at(
        "calls are answered",
        user(),
        calling(reasoning_content="hm"),
        says="(insufficient tool messages following tool_calls message)",
    )
    yield at("some content or calls", user(), assistant(""), user(), says="must be set")
    yield at(
        "thoughts come back",
        user(),
        calling(),
        result(),
        says="The `reasoning_content` in the thinking mode must be passed back to the API.",
    )
    yield at(
        "no call is demanded",
        says="Thinking mode does not support this tool_choice",
        tools=[LOOK],
        tool_choice="required",
    )
    yield at("no tools", says="m does not support Function Calling", tools=[LOOK])
    yield at(
        "no two messages of one role",
        user(),
        user(),
        says="successive user or assistant messages (messages[0] and messages[1] in your input)",
    )
    yield at(
        "thoughts stay out",
        user(),
        assistant(reasoning_content="hm"),
        user(),
        says="reasoning_content",
    )


def of_servers() -> Iterator[Breach]:
    """Ollama, llama.cpp and vLLM."""
    broken = (user(), calling(arguments='{"x": '), result(), user())
    value = "Expecting value: line 1 column 7 (char 6)"
    two = (user(), calling(ID, "b"), result(), result("b"))
    yield breach("ollama: arguments are JSON objects", *broken, says="invalid tool call arguments")
    yield breach(
        "ollama: images in the request", image("https://x.org/a.png"), says="invalid image"
    )
    null = calling(content=None)
    yield breach("ollama: no null beside calls", user(), null, result(), says="type: <nil>")
    says = "registry.ollama.ai/library/m does not support tools"
    yield breach("ollama: no tools", says=says, tools=[LOOK])
    yield breach("ollama: no images", image(), status=500, says="required for image input")
    for name, status, ahead in (("llama.cpp", 500, "Jinja Exception: "), ("vllm", 400, "")):
        yield breach(
            f"{name}: user and assistant alternate",
            system(),
            user(),
            calling(),
            result(),
            user(),
            status=status,
            says=ahead + "After the optional system message, conversation roles must alternate",
        )
        says = ahead + "System message must be at the beginning."
        yield breach(f"{name}: the system is first", user(), system(), status=status, says=says)
        says = ahead + "No user query found in messages."
        yield breach(f"{name}: there is a user", system(), status=status, says=says)
        says = f"[json.exception.parse_error.101] {value}" if ahead else value
        without = ("user and assistant alternate",)
        yield breach(
            f"{name}: arguments are JSON objects",
            *broken,
            status=status,
            says=says,
            without=without,
        )
        says = ahead + "This model only supports single tool-calls at once!"
        yield breach(f"{name}: one call at once", *two, status=status, says=says)
    yield breach("vllm: no names of users", user(name="Ann"), says="messages.0.user.name")
    yield breach("vllm: no tools", says='"auto" tool choice requires --enable', tools=[LOOK])
    yield breach("vllm: no images", image(), says="m is not a multimodal model")
    yield breach(
        "llama.cpp: one assistant at the end",
        user(),
        assistant(),
        assistant(),
        says="2 or more assistant",
    )
    yield breach(
        "llama.cpp: the assistant is not last",
        user(),
        assistant(),
        says="incompatible with enable_thinking",
    )
    says = "tools param requires --jinja flag"
    yield breach("llama.cpp: no tools", status=500, says=says, tools=[LOOK])
    yield breach("llama.cpp: no images", image(), status=500, says="image input is not supported")


BREACHES = list(breaches())


def error_of(profile: Profile, body: Any) -> JSON:
    """The error in a body of the provider's form."""
    if profile.envelope == "flat":
        assert body["object"] == "error"
        return dict(body)
    (body,) = body if profile.envelope == "list" else [body]
    assert list(body) == ["error"]
    return dict(body["error"])


@pytest.mark.parametrize("case", BREACHES, ids=lambda case: f"{case.profile}: {case.rule}")
def test_a_breach_is_answered_with_the_providers_status_and_words(case: Breach) -> None:
    profile = PROFILES[case.profile].plus(case.rule).minus(*case.without)
    body = {"model": "m", "messages": list(case.messages), **case.parameters}
    with ScriptedModel([], window=10**8, profile=profile) as model:
        status, answer = post(model, body)
        found = [refusal.rule.name for refusal in model.refusals]
        found += [text.partition(":")[0] for text in model.violations]
        model.violations.clear()
    assert found == [case.rule]
    assert status == case.status
    assert case.words in str(error_of(profile, answer)["message"])


def test_there_is_a_breach_of_each_rule_and_each_is_told_in_words() -> None:
    rules = {(p.name, r.name) for p in PROFILES.values() for r in (*p.rules, *p.options)}
    assert {(case.profile, case.rule) for case in BREACHES} == rules
    told = json.loads(Path(catalogue.__file__).with_name("refusals.json").read_text("utf-8"))
    assert {(name, rule) for name in told for rule in told[name]["rules"]} == rules


@pytest.mark.parametrize("name", NAMES)
def test_a_client_that_echoes_what_it_got_is_never_refused(name: str) -> None:
    script = [call("look", place="shelf"), say("On the shelf."), say("Yes.")]
    messages: list[Any] = [system(), user("where?")]
    with ScriptedModel(script, profile=name) as model:
        first = ask(model, *messages, tools=[LOOK]).choices[0].message
        messages += [first.model_dump(exclude_none=True), result(first.tool_calls[0].id)]
        second = ask(model, *messages, tools=[LOOK]).choices[0].message
        messages += [second.model_dump(exclude_none=True), user("sure?")]
        third = ask(model, *messages, tools=[LOOK]).choices[0].message
        assert [second.content, third.content] == ["On the shelf.", "Yes."]
        assert not model.refusals


@pytest.mark.parametrize(
    ("name", "error", "members"),
    [
        ("openai", openai.BadRequestError, {"code": "array_above_max_length", "param": "tools"}),
        ("anthropic", openai.BadRequestError, {"type": "invalid_request_error"}),
        ("gemini", openai.BadRequestError, {"code": 400, "status": "INVALID_ARGUMENT"}),
        ("mistral", openai.UnprocessableEntityError, {"type": "invalid_request_error"}),
        ("deepseek", openai.BadRequestError, {"code": "invalid_request_error"}),
        ("ollama", openai.BadRequestError, {"type": "api_error", "code": None}),
        ("llama.cpp", openai.InternalServerError, {"type": "server_error", "code": 500}),
        ("vllm", openai.BadRequestError, {"type": "BadRequestError", "code": 400}),
    ],
)
def test_openais_client_reads_each_providers_errors(
    name: str, error: type[openai.APIStatusError], members: JSON
) -> None:
    profile = PROFILES[name]
    more: JSON = {"tools": [tool(f"look{number}") for number in range(129)]}
    profile = profile.plus("no tools") if name in ("ollama", "llama.cpp", "vllm") else profile
    if name not in ("openai", "ollama", "llama.cpp", "vllm"):
        more = {"seed": 1, "tool_choice": "required", "tools": [schema(anyOf=[])]}
    with ScriptedModel([], profile=profile) as model:
        with pytest.raises(error) as caught:
            ask(model, user(), **more)
        model.violations.clear()
    body = caught.value.body
    found = body[0]["error"] if isinstance(body, list) else body
    assert isinstance(found, dict) and members.items() <= found.items()


def test_azures_filter_tells_what_it_found() -> None:
    with ScriptedModel([], profile="azure") as model:
        _, body = post(model, {"model": "m", "messages": [user("FORBIDDEN")]})
    error = body["error"]
    assert (error["code"], error["param"], error["status"]) == ("content_filter", "prompt", 400)
    assert error["innererror"]["content_filter_result"]["violence"]["filtered"] is True


# --- mistakes, and what can only be learnt


def test_a_rule_is_learnt_from_one_refusal() -> None:
    body = {"model": "m", "messages": [user(), user()]}
    model = ScriptedModel([say("hello")], profile="vllm").start()
    assert post(model, body)[0] == 400
    assert [refusal.rule.name for refusal in model.refusals] == ["user and assistant alternate"]
    assert not model.violations
    assert post(model, body)[0] == 400
    assert len(model.refusals) == 1
    ask(model, user())
    with pytest.raises(AssertionError, match="alternate, though refused before"):
        model.close()


def test_what_the_protocol_forbids_as_well_is_a_mistake_at_once() -> None:
    model = ScriptedModel([], profile="gemini").start()
    post(model, {"model": "m", "messages": [user(), calling()]})
    assert not model.refusals
    with pytest.raises(AssertionError, match="as many results as calls: Please ensure"):
        model.close()


def test_other_breaches_are_refused_in_the_providers_form() -> None:
    with ScriptedModel([], profile="gemini") as model:
        status, body = post(model, {"model": "m", "messages": [user(None)]})
        assert post(model, {"messages": [1]})[0] == post(model, [])[0] == 400
        model.violations.clear()
    assert status == 400 and body[0]["error"]["status"] == "INVALID_ARGUMENT"
    assert "'content' of a user message" in body[0]["error"]["message"]


def test_a_filter_is_about_a_text() -> None:
    with ScriptedModel([], profile="azure") as model:
        for text in ("FORBIDDEN one", "FORBIDDEN two", "FORBIDDEN one"):
            post(model, {"model": "m", "messages": [user(text)]})
        assert [refusal.subject for refusal in model.refusals] == ["FORBIDDEN one", "FORBIDDEN two"]
        assert len(model.violations) == 1
        model.violations.clear()


def test_each_unknown_field_is_a_lesson_of_its_own() -> None:
    with ScriptedModel([], profile="mistral") as model:
        for message in (user(name="Ann"), user(mood="good"), system() | {"name": "rules"}):
            post(model, {"model": "m", "messages": [message]})
        post(model, {"model": "m", "messages": [user()], "seed": 1})
        assert [refusal.subject for refusal in model.refusals] == ["name", "mood", "seed"]
        assert len(model.violations) == 1 and "'rules'" in model.violations[0]
        model.violations.clear()


def test_of_what_was_too_large_less_may_be_tried() -> None:
    rule = PROFILES["anthropic"].rule("requests of at most 32 MB")
    profile = PROFILES["anthropic"].plus(replace(rule, find=request_bytes(1000)))
    with ScriptedModel([], profile=profile) as model:
        for size in (3000, 2000, 2500):
            assert post(model, {"model": "m", "messages": [user("a" * size)]})[0] == 413
        assert len(model.refusals) == 2 and len(model.violations) == 1
        model.violations.clear()


def test_rules_come_and_go_by_name() -> None:
    vllm = PROFILES["vllm"]
    loose = vllm.minus("user and assistant alternate", "there is a user")
    assert len(loose.rules) == len(vllm.rules) - 2
    assert loose.plus("there is a user", "no tools").rule("no tools") in vllm.options
    with pytest.raises(ValueError, match="vllm has no rule 'no jokes'; it has "):
        vllm.plus("no jokes")
    with pytest.raises(ValueError, match="there is no profile 'openay'; there are openai, azure"):
        ScriptedModel([], profile="openay")


# --- the window


@pytest.mark.parametrize(
    ("name", "words", "with_reply"),
    [
        ("azure", "your messages resulted in {n} tokens", "({n} in the messages, 9 in the"),
        ("anthropic", "prompt is too long: {n} tokens > {w} maximum", "{n} + 9 > {w}"),
        ("gemini", "The input token count ({n}) exceeds the maximum number of tokens", None),
        ("mistral", "Prompt contains {n} tokens and 0 draft tokens, too large for model", None),
        ("deepseek", "However, you requested {n} tokens ({n} in the messages", "9 in the comp"),
        ("llama.cpp", "request ({n} tokens) exceeds the available context size", None),
        ("vllm", "However, your request has {n} input tokens", "is too large: 9. This model's"),
    ],
)
def test_a_prompt_over_the_window(name: str, words: str, with_reply: str | None) -> None:
    messages, profile = [user("word " * 100)], PROFILES[name]
    size = count_prompt({"messages": messages})
    with ScriptedModel([say("fits")], window=size - 1, profile=profile) as model:
        status, body = post(model, {"model": "m", "messages": messages})
        assert len(model.overflows) == 1 and not model.violations
        ask(model, user())
    assert status == 400
    assert words.format(n=size, w=size - 1) in error_of(profile, body)["message"]
    script = [] if with_reply else [say("fits")]
    with ScriptedModel(script, window=size + 1, profile=profile) as model:
        status, body = post(model, {"model": "m", "messages": messages, "max_tokens": 9})
    assert status == (400 if with_reply else 200)
    if with_reply:
        assert with_reply.format(n=size, w=size + 1) in error_of(profile, body)["message"]


def test_ollama_drops_the_oldest_messages_without_a_word() -> None:
    story = [message for n in range(9) for message in (user(f"{n} " + "word " * 30), assistant())]
    sent = [system("Be kind."), *story, user("why?"), calling(), result(), user("and?")]
    whole = count_prompt({"messages": sent})
    with ScriptedModel([say("ok")], window=whole // 2, profile="ollama") as model:
        usage = ask(model, *sent).usage
    seen = model.requests[0]
    assert (
        seen.messages[0] == system("Be kind.")
        and seen.messages[1:] == sent[-len(seen.messages) + 1 :]
    )
    assert seen.contains("0 word") == 0 and seen.contains("8 word") == 1
    assert usage.prompt_tokens == seen.prompt_tokens <= whole // 2
    assert model.truncated[0].messages == sent and not model.overflows


def test_ollama_parts_no_call_from_its_result() -> None:
    sent = [user("word " * 80), calling(), result(content="found " * 40)]
    with ScriptedModel([say("ok")], window=100, profile="ollama") as model:
        ask(model, *sent, tools=[LOOK])
    assert model.requests[0].messages == sent[1:] and model.requests[0].tool_names == ["look"]


def test_of_one_message_over_the_window_ollama_keeps_the_end_alone() -> None:
    with ScriptedModel([say("ok")], window=100, profile="ollama") as model:
        usage = ask(model, system(), user("word " * 300 + "the end"), tools=[LOOK]).usage
    seen = model.requests[0]
    assert usage.prompt_tokens == 52 and not seen.tools and len(seen.messages) == 1
    assert seen.last_text.endswith("the end") and seen.contains("word") < 60


def test_an_ollama_that_refuses_wraps_the_error_of_its_inner_server() -> None:
    profile = replace(PROFILES["ollama"], truncates=False)
    with ScriptedModel([], window=5, profile=profile) as model:
        _, body = post(model, {"model": "m", "messages": [user()]})
    inner = json.loads(body["error"]["message"])["error"]
    assert (inner["type"], inner["n_ctx"]) == ("exceed_context_size_error", 5)


def test_who_lists_the_window() -> None:
    for name in NAMES:
        with ScriptedModel([], profile=name) as model, client_of(model) as client:
            told = "max_model_len" in (client.models.list().data[0].model_extra or {})
        assert told == (name in ("openai", "vllm"))


# --- answers


def answer(profile: Profile, step: Any = None) -> Any:
    with ScriptedModel([step or call("look")], profile=profile) as model:
        return ask(model, user())


OPENAI = PROFILES["openai"]


@pytest.mark.parametrize(
    ("usage", "told"),
    [("absent", [None, None]), ("null", [None, None]), ("zero", [0, 0]), ("running", [8, 16])],
)
def test_token_counts_that_are_not_told_or_told_wrong(usage: Any, told: list[int | None]) -> None:
    with ScriptedModel(lambda _: say("x"), profile=replace(OPENAI, usage=usage)) as model:
        counts = [ask(model, user()).usage for _ in told]
        _, body = post(model, {"model": "m", "messages": [user()]})
    assert ("usage" in body) == (usage != "absent")
    size = count_prompt({"messages": [user()]})
    expected = [size * (number + 1) for number in range(2)] if usage == "running" else told
    assert [count and count.prompt_tokens for count in counts] == expected


def test_arguments_as_an_object_and_none_at_all() -> None:
    objects = replace(OPENAI, arguments="object", no_arguments=None)
    script = calls(call("a", x=1), raw_call("b", '{"x": '), call("c"))
    made = answer(objects, script).choices[0].message.tool_calls
    assert [one.function.arguments for one in made] == [{"x": 1}, '{"x": ', None]
    assert answer(PROFILES["anthropic"]).choices[0].message.tool_calls[0].function.arguments == ""


def test_the_ids_of_calls() -> None:
    def ids(profile: Profile) -> Any:
        return answer(profile, call("look", id="given")).choices[0].message.tool_calls[0].id

    assert ids(replace(OPENAI, call_ids="empty")) == ""
    assert ids(replace(OPENAI, call_ids="absent")) is None
    assert ids(PROFILES["mistral"]) == ids(OPENAI) == "given"
    made = answer(PROFILES["mistral"]).choices[0].message
    assert made.tool_calls[0].id.isalnum() and len(made.tool_calls[0].id) == 9
    assert made.content == ""


def test_gemini_ends_with_stop_and_signs_the_first_call() -> None:
    choice = answer(PROFILES["gemini"], calls(call("a"), call("b"))).choices[0]
    assert choice.finish_reason == "stop"
    first, second = choice.message.tool_calls
    assert first.extra_content["google"]["thought_signature"]
    assert second.model_extra == {}


def test_thoughts_in_the_content_or_in_a_field() -> None:
    tags = replace(OPENAI, thinks="content")
    message = answer(tags, reasoning("hm", say("42"))).choices[0].message
    assert message.content == "<think>\nhm\n</think>\n\n42" and message.model_extra == {}
    assert answer(tags, say("42")).choices[0].message.content == "42"
    assert (
        answer(PROFILES["ollama"], reasoning("hm", say("42"))).choices[0].message.reasoning == "hm"
    )
    assert answer(PROFILES["deepseek"]).choices[0].message.reasoning_content


def test_calls_left_in_the_text() -> None:
    choice = answer(replace(OPENAI, calls_in_text=True), call("look", place="shelf")).choices[0]
    assert choice.finish_reason == "stop" and choice.message.tool_calls is None
    inner = choice.message.content.removeprefix("<tool_call>\n").removesuffix("\n</tool_call>")
    assert json.loads(inner) == {"name": "look", "arguments": {"place": "shelf"}}


def test_a_stream_has_the_same_manner() -> None:
    manner = replace(OPENAI, arguments="object", thinks="reasoning", finish_with_calls="stop")
    script = [reasoning("hm", call("look", x=1))]
    with ScriptedModel(script, profile=manner) as model, client_of(model) as client:
        asked: Any = [user()]
        stream: Any = client.chat.completions.create(model="m", messages=asked, stream=True)
        choices = [chunk.choices[0] for chunk in stream]
    made = [choice.delta.tool_calls[0] for choice in choices if choice.delta.tool_calls]
    assert [one.function.arguments for one in made] == [{"x": 1}]
    assert choices[-1].finish_reason == "stop"
    assert any(getattr(choice.delta, "reasoning", None) == "hm" for choice in choices)


# --- the document


def test_the_document_shows_what_the_profiles_hold() -> None:
    text = PAGE.read_text("utf-8")
    assert list(missing(text)) == []
    assert with_tables(text) == text, "run 'make reference'"
    assert list(missing(text.replace("<!-- vllm:", "<!-- vlm:")))


def test_each_rule_has_a_source() -> None:
    for profile in PROFILES.values():
        for source in (profile.overflow.source, *(rule.source for rule in profile.rules)):
            assert source.startswith("https://") or "#" in source

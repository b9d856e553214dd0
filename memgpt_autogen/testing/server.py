"""The scripted model: an HTTP server on loopback that answers from a script."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from . import wire
from .loopback import HttpRequest, LoopbackServer, Response, json_response
from .profiles import Profile, Refusal, profile_of, truncated
from .protocol import completion_limit, error_body, readable, violation
from .replies import Failure, Malformed, Slow, Step, as_reply
from .requests import ChatRequest, count_prompt

Script: TypeAlias = Sequence[Step] | Callable[[ChatRequest], Step]


class ScriptedModel:
    """A model that answers what it is told to, behind OpenAI's chat completions protocol.

    Requests are checked before they reach the script: one that breaks the protocol
    or exceeds the window is refused and takes no reply. Requests take replies in
    the order of their arrival, whatever the thread.

    Attributes:
        requests: the requests answered so far, as the model saw them; `requests[i]`
            took reply i.
        overflows: the requests refused because they exceeded the window.
        truncated: the requests, as they were sent, of which the provider dropped a part.
        refusals: what a client can only learn from the provider's refusal, once for each
            rule, or for each thing that it is about.
        violations: what was wrong with requests that broke the protocol, or a rule that
            the client had been refused by. `close` raises while there are any: a test
            that provokes them clears the list.
        unexpected: the requests that came after the script's end.

    Args:
        script: the replies in order, or a function from request to reply, which has
            no end. An exception of the function is raised again by `close`.
        window: the context window in tokens.
        model_name: the model's name in `llm_config` and `GET /v1/models`.
        profile: the provider whose rules are kept and whose manner is taken, by name or
            as a value; docs/providers.md lists them.
    """

    def __init__(
        self,
        script: Script,
        window: int = 8192,
        *,
        model_name: str = "scripted-model",
        profile: str | Profile = "openai",
    ) -> None:
        self.window = window
        self.model_name = model_name
        self.profile = profile_of(profile)
        self.api_key = f"sk-scripted-{secrets.token_hex(24)}"
        self.requests: list[ChatRequest] = []
        self.overflows: list[ChatRequest] = []
        self.truncated: list[ChatRequest] = []
        self.refusals: list[Refusal] = []
        self.violations: list[str] = []
        self.unexpected: list[ChatRequest] = []
        self._rule = script if callable(script) else None
        self._steps: list[Step] = [] if callable(script) else [_checked(step) for step in script]
        self._crash: Exception | None = None
        self._told: Counter[str] = Counter()  # tokens of all replies, where they are summed up
        self._lock = threading.Lock()
        self._server: LoopbackServer | None = None

    @property
    def base_url(self) -> str:
        """The address to give to a client, such as http://127.0.0.1:40123/v1."""
        if self._server is None:
            raise RuntimeError("the scripted model is not running: use it in a with statement")
        return f"http://127.0.0.1:{self._server.port}/v1"

    @property
    def llm_config(self) -> dict[str, Any]:
        """A new llm_config for an AutoGen agent, valid on every supported distribution."""
        entry = {
            "model": self.model_name,
            "base_url": self.base_url,
            "api_key": self.api_key,
            "price": [0, 0],  # AutoGen warns at every call to a model whose price it does not know
        }
        return {"config_list": [entry], "temperature": 0.0, "timeout": 60, "cache_seed": None}

    @property
    def remaining(self) -> list[Step]:
        """The replies that no request has taken yet."""
        return self._steps[len(self.requests) :]

    def start(self) -> ScriptedModel:
        """Listen on a free port of 127.0.0.1; `with` does this."""
        if self._server is None:
            self._server = LoopbackServer(self._respond)
        return self

    def close(self) -> None:
        """Stop, then raise AssertionError if the script and the requests did not match."""
        self.stop()
        if self._crash is not None:
            raise self._crash
        problems = [f"a request broke the protocol: {text}" for text in self.violations]
        problems += self._mismatches()
        if problems:
            raise AssertionError("\n".join(problems))

    def stop(self) -> None:
        """Stop without judging; used when another exception is on its way already."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def __enter__(self) -> ScriptedModel:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        if kind is None:
            self.close()
        else:
            self.stop()

    def _mismatches(self) -> list[str]:
        problems = []
        if self.unexpected:
            count = len(self.requests) + len(self.unexpected)
            problems.append(
                f"called {count} times, scripted {len(self._steps)}; "
                f"the request was: {_brief(self.unexpected[0])}"
            )
        if self._rule is None and self.remaining:
            left = "\n".join(f"  {step!r}" for step in self.remaining)
            problems.append(f"{len(self.remaining)} of the scripted replies were not used:\n{left}")
        return problems

    def _respond(self, sent: HttpRequest) -> Response:
        if sent.method == "GET" and sent.path.startswith("/v1/models"):
            window = self.window if self.profile.lists_window else None
            return json_response(200, wire.models(self.model_name, window))
        if sent.method != "POST" or sent.path != "/v1/chat/completions":
            return _refused(404, f"no such endpoint: {sent.method} {sent.path}", "not_found_error")
        try:
            body = json.loads(sent.body)
        except ValueError:
            body = None
        with self._lock:
            taken = self._take(body)
        return taken if isinstance(taken, Response) else self._answer(*taken)

    def _take(self, body: Any) -> Response | tuple[ChatRequest, Step]:
        if readable(body) and (refusal := self.profile.refusal(body)):
            return self._refuse(refusal)
        if problem := violation(body):
            self.violations.append(problem)
            return json_response(400, self.profile.error(problem))
        request = ChatRequest(body, count_prompt(body))
        if self.profile.truncates:
            if request.prompt_tokens > self.window:
                self.truncated.append(request)
                request = truncated(body, self.window)
            return self._next(request)
        size, limit = request.prompt_tokens, completion_limit(body)
        if error := self.profile.overflow_error(self.window, size, limit):
            self.overflows.append(request)
            return json_response(400, error)
        return self._next(request)

    def _refuse(self, refusal: Refusal) -> Response:
        rule = refusal.rule
        if not rule.learnable:
            self.violations.append(f"{rule.name}: {refusal.message}")
        elif any(refusal.repeats(one) for one in self.refusals):
            self.violations.append(f"{rule.name}, though refused before: {refusal.message}")
        else:
            self.refusals.append(refusal)
        return json_response(rule.status, refusal.body)

    def _next(self, request: ChatRequest) -> Response | tuple[ChatRequest, Step]:
        if self._rule is not None:
            try:
                step = _checked(self._rule(request))
            except Exception as crash:  # noqa: BLE001 - the test's own code: close() raises it
                self._crash = self._crash or crash
                return _refused(400, f"the script raised {crash!r}", "scripted_model_error")
        elif not self.remaining:
            self.unexpected.append(request)
            text = f"the script has {len(self._steps)} replies and all are used; "
            text += f"the request was: {_brief(request)}"
            return _refused(400, text, "scripted_model_error", "script_exhausted")
        else:
            step = self._steps[len(self.requests)]
        self.requests.append(request)
        return request, step

    def _answer(self, request: ChatRequest, step: Step) -> Response:
        if isinstance(step, Slow):
            time.sleep(step.seconds)
            return self._answer(request, step.step)
        if isinstance(step, Failure):
            return _refused(step.status, step.message, step.type, step.code)
        if isinstance(step, Malformed):
            return Response(200, [step.body.encode()])
        reply = as_reply(step)
        usage = self._reported(wire.usage_of(request, reply))
        return wire.response(
            request.body, reply, model=request.model, usage=usage, profile=self.profile
        )

    def _reported(self, usage: dict[str, int]) -> dict[str, int] | None:
        """The token counts that the provider tells, right or wrong."""
        with self._lock:
            self._told.update(usage)
            running = dict(self._told)
        told = {"right": usage, "zero": dict.fromkeys(usage, 0), "running": running}
        return told.get(self.profile.usage)


def _checked(step: Any) -> Step:
    if isinstance(step, Step):
        return step
    raise TypeError(f"a script holds say(…), call(…), fail(…) and the like, not {step!r}")


def _refused(
    status: int, message: str, kind: str | None, code: str | int | None = None
) -> Response:
    return json_response(status, error_body(message, kind, code=code))


def _brief(request: ChatRequest) -> str:
    text = request.last_text
    return f"{request.last['role']}: {text if len(text) <= 300 else text[:300] + ' …'}"

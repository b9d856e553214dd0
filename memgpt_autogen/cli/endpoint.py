"""The endpoint: whether a model's server answers, in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from memgpt_autogen.cli.config import Config
from memgpt_autogen.errors import ConfigurationError

if TYPE_CHECKING:
    import httpx

SECONDS = 10.0  # that a server has to answer
_NAMED = 5  # of the models that a server lists


def problem_with(config: Config, seconds: float = SECONDS) -> str:
    """What is wrong with a configuration's endpoint, in a sentence; empty where it answers.

    Its models are listed; a server that lists none, and Azure's, is asked for one token.

    Args:
        config: as it is to be written.
        seconds: that the server has to answer.
    """
    import httpx  # only where a server is asked: it takes a while to import

    try:
        key = config.key
    except ConfigurationError as problem:
        return str(problem)
    url = config.base_url.rstrip("/")
    if not url.startswith(("http://", "https://")):
        return f"{url} is no address of a server: it begins with http:// or https://"
    azure = config.kind == "azure"
    headers = {} if not key else {"api-key": key} if azure else {"Authorization": f"Bearer {key}"}
    try:
        with httpx.Client(timeout=seconds, headers=headers, follow_redirects=True) as client:
            if azure:
                model = config.deployment or config.model
                place = f"{url}/openai/deployments/{model}/chat/completions"
                return _asked(client, f"{place}?api-version={config.api_version}", config)
            listed = client.get(f"{url}/models")
            if listed.is_success:
                return _missing(listed, config)
            if listed.status_code in (404, 405, 501):
                return _asked(client, f"{url}/chat/completions", config)
            return _refusal(listed, config)
    except httpx.TimeoutException:
        return f"{url} did not answer within {seconds:g} seconds."
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        return f"{url} is no address of a server."
    except httpx.HTTPError as problem:
        return f"{url} cannot be reached: {str(problem) or type(problem).__name__}."


def _asked(client: httpx.Client, place: str, config: Config) -> str:
    """Ask for one token."""
    request = {
        "model": config.model,
        "messages": [{"role": "user", "content": "Hello"}],
        "max_tokens": 1,
    }
    answer = client.post(place, json=request)
    if answer.status_code == 400 and "max_tokens" in answer.text:
        del request["max_tokens"]
        answer = client.post(place, json={**request, "max_completion_tokens": 1})
    return "" if answer.is_success else _refusal(answer, config)


def _missing(answer: httpx.Response, config: Config) -> str:
    """That the model is not among those that a server lists; empty where it is, or none are."""
    try:
        data: Any = answer.json().get("data")
        names = [str(one["id"]) for one in data]
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{config.base_url} answers, but not as a server of OpenAI's protocol does."
    if not names or config.model in names:
        return ""
    more = ", …" if len(names) > _NAMED else ""
    return (
        f"{config.base_url} answers, and has no model {config.model!r}; it has"
        f" {', '.join(sorted(names)[:_NAMED])}{more}."
    )


def _refusal(answer: httpx.Response, config: Config) -> str:
    url, status = config.base_url, answer.status_code
    if status in (401, 403):
        whose = f"in {config.key_variable}" if config.key_variable else "it asks for"
        return f"{url} does not take the key {whose} (status {status})."
    if status == 404:
        hint = "" if url.rstrip("/").endswith("/v1") else " Many addresses end with /v1."
        return f"{url} answers, and knows no {config.model!r} there (status 404).{hint}"
    return f"{url} answers with status {status}: {answer.text[:200].strip() or 'nothing'}"

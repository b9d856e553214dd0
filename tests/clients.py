"""Clients of the scripted model: openai's, and plain HTTP."""

from __future__ import annotations

import http.client
import json
from typing import Any

import openai

from memgpt_autogen.testing import ScriptedModel


def client_of(model: ScriptedModel, **options: Any) -> openai.OpenAI:
    return openai.OpenAI(api_key=model.api_key, base_url=model.base_url, **options)


def post(model: ScriptedModel, body: Any) -> tuple[int, Any]:
    """A request as written, past the client's own checks."""
    port = int(model.base_url.split(":")[2].split("/")[0])
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("POST", "/v1/chat/completions", json.dumps(body))
    response = connection.getresponse()
    answer = response.status, json.loads(response.read())
    connection.close()
    return answer

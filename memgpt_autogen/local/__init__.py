"""A real small language model on this machine, behind the OpenAI protocol; no key needed.

    from memgpt_autogen.local import local_llm_config

    agent = MemGPTAgent("assistant", llm_config=local_llm_config())

Needs the extra: pip install "memgpt-autogen[local]".
"""

from memgpt_autogen.local.config import llm_config, local_llm_config, stop_all
from memgpt_autogen.local.downloads import Progress, silent, terminal_progress
from memgpt_autogen.local.models import DEFAULT_MODEL, MODELS, LocalModel, Part, find_model
from memgpt_autogen.local.running import RunningModel, best_running, running_models
from memgpt_autogen.local.server import LocalServer
from memgpt_autogen.local.weights import Sources, default_cache, resolve_weights

__all__ = [
    "DEFAULT_MODEL",
    "MODELS",
    "LocalModel",
    "LocalServer",
    "Part",
    "Progress",
    "RunningModel",
    "Sources",
    "best_running",
    "default_cache",
    "find_model",
    "llm_config",
    "local_llm_config",
    "resolve_weights",
    "running_models",
    "silent",
    "stop_all",
    "terminal_progress",
]

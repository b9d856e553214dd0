"""Memory that outlives the context window, for AutoGen agents (MemGPT, arXiv 2310.08560)."""

from __future__ import annotations

from memgpt_autogen.installation import check_autogen

check_autogen()  # first of all: a broken installation is told by its name

import lazy_loader  # noqa: E402

# What is exported, and from where, stands in __init__.pyi. It is loaded at first use: AutoGen
# and Chroma take seconds to import, `--help` should not.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__version__ = "0.1.0"

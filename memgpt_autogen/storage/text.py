"""Text made safe for Chroma, SQLite and tokenizers."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

# Of a text: the same with each lone surrogate, which UTF-8 cannot hold, as U+FFFD.
clean: Callable[[str], str] = partial(re.compile("[\ud800-\udfff]").sub, "\ufffd")

"""What was never closed: it is closed once its owner has become garbage.

Agents sit in reference cycles, so Python's collector finds them, some time, in the
midst of any code and of any lock that it holds. So closing is left to a thread.
"""

from __future__ import annotations

import gc
import logging
import threading
import weakref
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

logger = logging.getLogger(__name__)

_PATIENCE = 60.0  # seconds

_left: SimpleQueue[Callable[[], object]] = SimpleQueue()  # a collector may put things there
_guard = threading.Lock()
_thread: threading.Thread | None = None


def close_when_collected(owner: object, close: Callable[[], None]) -> weakref.finalize[Any, Any]:
    """Call `close`, which must not refer to `owner`, some time after `owner` is garbage.

    Returns:
        To be detached when it was closed properly. Nothing is called at the end of the
        process.
    """
    global _thread  # noqa: PLW0603 - one thread for the process, made when first needed
    with _guard:
        if _thread is None:
            _thread = threading.Thread(target=_work, name="memgpt leftovers", daemon=True)
            _thread.start()
    end = weakref.finalize(owner, _left.put, close)
    end.atexit = False
    return end


def close_garbage() -> None:
    """Collect garbage now, and wait until what it left is closed."""
    gc.collect()
    if _thread is not None:
        done = threading.Event()
        _left.put(done.set)
        done.wait(_PATIENCE)


def weakly(method: Callable[[T], None]) -> Callable[[T], None]:
    """A method that does not keep its object alive, and then does nothing."""
    weak = weakref.WeakMethod(method)

    def call(value: T) -> None:
        strong = weak()
        if strong is not None:
            strong(value)

    return call


def _work() -> None:
    while True:
        close = _left.get()
        try:
            close()
        except Exception:
            logger.exception("the memory of an agent that was not closed could not be written")
        del close

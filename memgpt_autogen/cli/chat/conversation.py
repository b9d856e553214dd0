"""A conversation in the terminal: turns that can be stopped, undone and tried again."""

from __future__ import annotations

import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import openai

from memgpt_autogen.cli.chat.lines import lines_of
from memgpt_autogen.cli.chat.reading import Reader
from memgpt_autogen.cli.chat.screen import Screen, Working
from memgpt_autogen.client.session import Session
from memgpt_autogen.engine.turn_lock import Stop
from memgpt_autogen.errors import MemGPTError
from memgpt_autogen.events import Event, Login, MessageEvent, SystemAlert
from memgpt_autogen.steps import Eviction, Step, Turn, TurnEnd
from memgpt_autogen.upkeep.undo import Undone, redo, undo

OPENING = (
    "{name} has just opened this chat and has said nothing yet. Open the conversation: one short,"
    " personal message that takes up something you remember of {name}, from core memory or from"
    " what was said before. Where you remember nothing of {name}, introduce yourself in a sentence."
    " Do not speak of others' affairs, and invent nothing."
)
_EARLIER = 100  # messages that the arrow keys bring back


@dataclass(eq=False)
class Conversation:
    """A person and an agent.

    Attributes:
        session: the agent's turns.
        screen: shows what happens.
        reader: asks the person.
        user: who the person is.
        open_agent: gives another agent's session, made if new.
        debug: tracebacks are shown.
    """

    session: Session
    screen: Screen
    reader: Reader
    user: str
    open_agent: Callable[[str], Session]
    debug: bool = False
    _undone: list[Undone] = field(default_factory=list)

    @property
    def agent(self) -> str:
        """The agent's name."""
        return self.session.identity.name

    # --- turns -----------------------------------------------------------------------

    def say(self, text: str) -> Turn | None:
        """Let the person say something."""
        event = MessageEvent(
            timestamp=self.session.clock(), speaker=self.user, text=text, origin=self.user
        )
        return self.act([event])

    def begin(self, *, verify: bool) -> None:
        """Let the agent open the conversation; `verify`: once more where it says nothing."""
        events = [Login(self.user), SystemAlert(OPENING.format(name=self.user))]
        turn = self.act(events)
        if verify and turn is not None and not turn.messages and turn.end is TurnEnd.SILENT:
            self.undo()
            self.act(events)

    def act(self, events: Sequence[Event]) -> Turn | None:
        """A turn about events, shown as it goes; None where it failed, which is told."""
        self._undone.clear()
        stop, outcome = Stop(), list[Turn | BaseException]()
        with _interrupts(stop), self.screen.working(self.agent) as working:

            def work() -> None:
                try:
                    outcome.append(self._turn(events, stop, working))
                except BaseException as problem:  # noqa: BLE001 - it is told below
                    outcome.append(problem)

            thread = threading.Thread(target=work, name="memgpt turn", daemon=True)
            thread.start()
            with stop.telling(lambda: working.doing("stopping")):
                while thread.is_alive():
                    thread.join(0.1)  # by parts, so that a signal is seen
        return self._told(outcome[0])

    def _turn(self, events: Sequence[Event], stop: Stop, working: Working) -> Turn:
        def on_step(step: Step) -> None:
            self.screen.show(self.agent, lines_of(step))
            working.on_step(step)

        return self.session.turn(
            events,
            partner=self.user,
            stop=stop,
            watch=None if self.screen.plain else working.grow,
            on_step=on_step,
            on_eviction=self._evicted,
        )

    def _evicted(self, eviction: Eviction) -> None:
        self.screen.note(
            f"· {eviction.entries} old entries left the view for the summary"
            f" ({eviction.tokens_before:,} → {eviction.tokens_after:,} tokens)"
        )

    def _told(self, outcome: Turn | BaseException) -> Turn | None:
        """The turn; what went wrong is told, and a defect of ours is raised."""
        if isinstance(outcome, Turn):
            if outcome.end is TurnEnd.STOPPED:
                self.screen.note("(stopped; what was done is kept, /heartbeat goes on)")
            elif not outcome.messages:
                self.screen.note(f"({self.agent} says nothing)")
            return outcome
        if not isinstance(outcome, (MemGPTError, openai.OpenAIError)):
            raise outcome
        self.fail(outcome)
        return None

    def fail(self, problem: BaseException) -> None:
        """Tell what went wrong."""
        if self.debug:
            self.screen.fail("".join(traceback.format_exception(problem)))
        away = isinstance(problem, openai.APIConnectionError)
        hint = " Does the server of the model run?" if away else ""
        self.screen.fail(f"error: {problem}{hint}")

    # --- what was said ---------------------------------------------------------------

    def undo(self) -> Undone | None:
        """Undo the last exchange; None where none is in view."""
        with self.session.held() as engine:
            undone = undo(engine, self.user)
        if undone is not None:
            self._undone.append(undone)
        return undone

    def redo(self) -> tuple[str, ...] | None:
        """Redo what was undone last; in words what could not be. None where nothing was."""
        if not self._undone:
            return None
        with self.session.held() as engine:
            left = redo(engine, self._undone[-1], self.user)
        self._undone.pop()
        return left

    def retry(self) -> bool:
        """Undo the last exchange and let it happen again; False where none is in view."""
        undone = self.undo()
        if undone is None:
            return False
        said = [one.model_copy(update={"id": ""}) for one in undone.said]
        self.act(said or [Login(self.user), SystemAlert(OPENING.format(name=self.user))])
        return True

    def switch(self, session: Session) -> None:
        """Go on with another agent."""
        self._undone.clear()
        self.session = session

    def forgot(self) -> None:
        """Keep nothing of what was undone: it may have been erased."""
        self._undone.clear()


@contextmanager
def _interrupts(stop: Stop) -> Iterator[None]:
    """Inside the `with` block Ctrl-C sets `stop`, and is no exception wherever it strikes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupted(*_: object) -> None:  # in a thread: this one may hold the stop's lock
        threading.Thread(target=stop.set, daemon=True).start()

    before = signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def typed_earlier(session: Session, user: str) -> list[str]:
    """What a person said to the agent before, the oldest first."""
    page = session.open().workspace.recall.search("", limit=_EARLIER, speaker=user)
    return [one.text for one in reversed(page.items)]

"""The demo's acts, one process each: `tell` and then, in a new process, `ask`.

    \b
    python acts.py tell --memory .memgpt-demo
    python acts.py ask --memory .memgpt-demo
    python acts.py ask "What do I drink?" --memory .memgpt-demo

Tessa, Oskar and Lena work at an observatory; `guide` is the agent. All words but the
agent's come from this file and from observatory.txt.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from autogen import GroupChat, GroupChatManager
from models import Model, ModelOption
from screen import Screen, stage
from talk import person, talk

from memgpt_autogen import MemGPTAgent
from memgpt_autogen.model.presets import is_small
from memgpt_autogen.model.tokens import TokenCounter

PLACE = Path(".memgpt-demo")
FIGURES = "demo.json"  # by which a demo's memory is told, too
CHATTER = Path(__file__).with_name("observatory.txt")
SMALL_WINDOW, WINDOW = 2560, 3584  # tokens; the instructions of large models are longer

ROLE = "You are the guide of a small observatory. You know its people and what they told you."
FACTS = "Tessa: Hello, I am Tessa. I run the night shift here. I only drink peppermint tea."
CORRECTION = "Tessa: I was moved: from today on I run the day shift."

# "You run the day shift now, not the night shift" says nothing of the night shift.
_NOT_NOW = re.compile(r"\b(?:not|no longer|instead of|rather than|from)(?: on)?(?: the)? \w+")

app = typer.Typer(add_completion=False)


@dataclass(frozen=True)
class Question:
    """A question, what its answer must hold and must not, and where it has to come from."""

    text: str
    holds: tuple[str, ...]
    lacks: tuple[str, ...]
    source: str


QUESTIONS = (
    Question("What do I drink?", ("peppermint",), (), "core memory"),
    Question("Where does the spare key for the dome hang?", ("star chart",), (), "recall storage"),
    Question("Which shift do I run?", ("day",), ("night",), "a correction"),
)


@dataclass
class Turn:
    """One message of Tessa's and its answer, in figures."""

    message: str
    answer: str
    seconds: float
    tokens: int
    searched: bool
    problems: list[str] = field(default_factory=list)


class Calls(logging.Handler):
    """The model calls of the agent: their prompts, and what each cost."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.prompts: list[str] = []
        self.costs: list[tuple[int, int, float]] = []  # tokens read, tokens written, seconds

    @property
    def pace(self) -> float:
        """Seconds a token of a prompt that no cache holds: the first call's.

        What it wrote is taken off at the slowest pace that any other call allows.
        """
        if not self.costs:
            return 0.0
        read, wrote, seconds = self.costs[0]
        slowest = min(took / max(count, 1) for _, count, took in self.costs)
        return max(seconds - wrote * slowest, 0.0) / max(read, 1)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line of the log."""
        text = record.getMessage()
        cost = re.search(r"call, (\d+) ms, (\d+) prompt and (\d+) completion", text)
        if "prompt:\n" in text:
            self.prompts.append(text.split("prompt:\n", 1)[1])
        elif cost:
            self.costs.append((int(cost[2]), int(cost[3]), int(cost[1]) / 1000))


@contextmanager
def watched() -> Iterator[Calls]:
    """What the package logs of its model calls inside the `with` block."""
    calls, logger = Calls(), logging.getLogger("memgpt_autogen.model.call_log")
    level, passed_on = logger.level, logger.propagate
    logger.addHandler(calls)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    try:
        yield calls
    finally:
        logger.removeHandler(calls)
        logger.setLevel(level)
        logger.propagate = passed_on


class Observatory:
    """The group chat: Tessa is answered, the others talk among themselves."""

    def __init__(self, model: Model, memory: Path, screen: Screen, calls: Calls) -> None:
        name = str(model.llm_config["config_list"][0]["model"])
        self.screen, self.calls = screen, calls
        self.guide = MemGPTAgent(
            "guide",
            ROLE,
            model.llm_config,
            memory=memory,
            context_window=SMALL_WINDOW if is_small(name) else WINDOW,
            translator=screen,
        )
        self.people = {name: person(name) for name in ("Tessa", "Oskar", "Lena")}
        tessa, guide = self.people["Tessa"], self.guide
        chat = GroupChat(
            [*self.people.values(), guide],
            [],
            max_round=2,
            speaker_selection_method=lambda last, chat: guide if last is tessa else None,
        )
        self.manager = GroupChatManager(chat, llm_config=False, silent=True)

    def chatter(self) -> int:
        """Oskar and Lena talk; the guide hears it and is not asked. How many messages."""
        lines = CHATTER.read_text("utf-8").splitlines()
        talk(self.people, self.manager, lines)
        return len(lines)

    def say(self, message: str, question: Question | None = None) -> Turn:
        """Tessa says something and is answered."""
        before = self.guide.context_overview().counters
        started = time.monotonic()
        with self.screen.waiting("the model reads and decides"):
            talk(self.people, self.manager, [message])
        seconds = time.monotonic() - started
        after = self.guide.context_overview().counters
        steps = self.guide.last_steps
        answer = " ".join(text for step in steps for text in step.sent)
        searched = any("search" in call.name for step in steps for call in step.calls)
        tokens = after.prompt_tokens - before.prompt_tokens
        turn = Turn(message, answer, seconds, tokens, searched)
        if question is not None:
            turn.problems = problems_of(question, turn)
        self.screen.note(f"  ({seconds:.1f} s, {tokens:,} tokens read)")
        return turn

    def source_of(self, turn: Turn, question: Question) -> str:
        """Where an answer came from."""
        if turn.searched:
            return "recall storage, by a search"
        held = " ".join(one.value for one in self.guide.core_memory).lower()
        is_held = all(words.lower() in held for words in question.holds)
        return "core memory" if is_held else "recall storage, looked up ahead"

    def explain(self, turn: Turn) -> None:
        """Why an answer is wrong, what the memory holds, and what the model was given."""
        console = self.screen.console
        console.print(f"[bold red]This answer is wrong:[/] {'; '.join(turn.problems)}.")
        self.screen.blocks(self.guide, "human")
        found = self.guide.recall.search(turn.message.partition(": ")[2], limit=3).items
        for one in found:
            self.screen.note(f"recall storage: {one.speaker}: {one.text}")
        self.screen.note("The model's last prompt was:")
        self.screen.note("\n".join(self.calls.prompts[-1:])[-2500:])


def problems_of(question: Question, turn: Turn) -> list[str]:
    """What is wrong with an answer, in plain words."""
    said = turn.answer.lower()
    wrong = ["it is empty"] if not said.strip() else []
    wrong += [f"it does not say “{words}”" for words in question.holds if words.lower() not in said]
    own = turn.answer.partition(": ")[0]  # a quotation may be in the first person
    if re.search(r"\bI (?:only )?(?:run|work|drink)\b", own):
        wrong.append("it takes what Tessa said for its own")
    wrong += [f"it says “{words}”" for words in question.lacks if _says(turn.answer, words)]
    return wrong


def _says(answer: str, words: str) -> bool:
    return re.search(rf"\b{re.escape(words)}\b", _NOT_NOW.sub(" ", answer)) is not None


def tell(model: Model, memory: Path, screen: Screen, calls: Calls) -> list[Turn]:
    """Acts one and two: a fact, forty messages, and a correction."""
    place = Observatory(model, memory, screen, calls)
    screen.watch(place.people["Tessa"], place.guide)
    with place.guide:
        screen.title("1. A fact is told")
        turns = [place.say(FACTS)]
        screen.title("2. Forty messages push it out of the window")
        count = place.chatter()
        screen.note(
            f"{count} messages of two scripted colleagues; the guide hears them and is not asked.\n"
            f"  The window holds {place.guide.context_overview().window:,} tokens."
        )
        turns.append(place.say(CORRECTION))
        screen.account(place.guide)
        evicted = place.guide.context_overview().counters.evictions
        if not evicted:
            turns[-1].problems.append("nothing left the window")
        held = {one.name: one.value for one in place.guide.core_memory}
        if "night shift" in held.get("human:Tessa", ""):
            turns[-1].problems.append("core memory still holds the night shift")
        for turn in turns:
            if turn.problems:
                place.explain(turn)
    return turns


def ask(
    model: Model, memory: Path, screen: Screen, calls: Calls, questions: Sequence[Question]
) -> list[Turn]:
    """Act three: questions, each held against what is true."""
    place = Observatory(model, memory, screen, calls)
    screen.watch(place.people["Tessa"], place.guide)
    turns: list[Turn] = []
    with place.guide:
        screen.title("3. A new process is asked: only the memory is left")
        for question in questions:
            turn = place.say(f"Tessa: {question.text}", question)
            turns.append(turn)
            found = place.source_of(turn, question)
            verdict = "wrong" if turn.problems else "right"
            source = f" (wanted: {question.source})" if question.source else ""
            screen.note(f"  {verdict}; it came from {found}{source}")
            if turn.problems:
                place.explain(turn)
    return turns


def keep(memory: Path, act: str, turns: Sequence[Turn], calls: Calls) -> None:
    """Write down what an act came to, for the demo's account."""
    file = memory / FIGURES
    known: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    known[act] = {"turns": [asdict(turn) for turn in turns]}
    if act == "tell":
        known["seconds_a_token"] = calls.pace
    with MemGPTAgent("guide", llm_config=False, memory=memory) as guide:
        counter = TokenCounter("gpt-4o")
        said = guide.recall.latest(len(guide.recall))
        known["messages"] = len(said)
        known["history"] = sum(counter.message({"content": one.line()}) for one in said)
    file.write_text(json.dumps(known, indent=1), "utf-8")


@app.command(help=__doc__)
def main(
    act: Annotated[str, typer.Argument(help="tell | ask")],
    own: Annotated[list[str] | None, typer.Argument(help="Questions of your own.")] = None,
    model: ModelOption = "auto",
    memory: Annotated[Path, typer.Option("--memory", help="Where the memory lives.")] = PLACE,
) -> None:
    if act not in ("tell", "ask"):
        raise typer.BadParameter("the acts are: tell, ask")
    with stage(model) as (chosen, screen), watched() as calls:
        if act == "tell":
            turns = tell(chosen, memory, screen, calls)
        elif own:
            free = [Question(text, (), (), "") for text in own]
            turns = ask(chosen, memory, screen, calls, free)
        else:
            turns = ask(chosen, memory, screen, calls, QUESTIONS)
        if not own:
            keep(memory, act, turns, calls)
    if any(turn.problems for turn in turns):
        raise typer.Exit(1)


if __name__ == "__main__":
    app()

"""Cases for a small model whose people, facts and questions are drawn by a seed.

Nobody has written them, so no prompt can be fitted to them; what is right is told by rules
over the facts.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

NAMES = (
    *("Amara", "Bilal", "Carmen", "Dmitri", "Elif", "Farid", "Greta", "Hiroshi", "Ines", "Jonas"),
    *("Kavita", "Lorenzo", "Mila", "Nadia", "Otto", "Priya", "Quentin", "Ruth", "Sven", "Tariq"),
)
CITIES = ("Bergen", "Porto", "Lyon", "Krakow", "Ghent", "Malmo", "Turin", "Cork", "Graz", "Tartu")
JOBS = ("nurse", "carpenter", "welder", "botanist", "translator", "pilot", "baker", "geologist")
DRINKS = ("cider", "cocoa", "lemonade", "green tea", "espresso", "kefir", "ginger ale")
COLOURS = ("violet", "orange", "turquoise", "brown", "silver", "crimson")
PLAYED = ("the cello", "the flute", "the drums", "the trumpet", "the harp", "the banjo")
PETS = ("Pixel", "Mango", "Biscuit", "Comet", "Waffle", "Juniper", "Nimbus", "Truffle")
ANIMALS = ("cat", "dog", "parrot", "rabbit", "hamster")
FOODS = ("peanuts", "shellfish", "strawberries", "sesame", "celery")
DAYS = ("14 March", "2 April", "9 June", "30 August", "17 October", "5 November", "21 January")
HOSTS = ("heron", "falcon", "otter", "lynx", "badger", "puffin")
TOOLS = ("vim", "Emacs", "nano", "Kakoune", "Sublime Text")
BOSSES = ("Karim", "Yvonne", "Stellan", "Odile", "Ramona", "Wendell")
TOPICS = ("Finnish", "Swahili", "Catalan", "Icelandic", "Korean")


@dataclass(frozen=True)
class Kind:
    """A kind of fact, in the words in which it is told, kept, asked for and corrected."""

    values: tuple[str, ...]
    told: str
    kept: str
    asked: str
    asked_of: str
    corrected: str


KINDS = {
    "city": Kind(
        CITIES,
        "I live in {v}.",
        "{n} lives in {v}.",
        "Where do I live?",
        "Where does {n} live?",
        "I have moved, I live in {v} now.",
    ),
    "job": Kind(
        JOBS,
        "I work as a {v}.",
        "{n} works as a {v}.",
        "What is my job?",
        "What is {n}'s job?",
        "I have changed my job, I am a {v} now.",
    ),
    "drink": Kind(
        DRINKS,
        "My favourite drink is {v}.",
        "{n}'s favourite drink is {v}.",
        "What do I like to drink?",
        "What does {n} like to drink?",
        "I have a new favourite drink: {v}.",
    ),
    "colour": Kind(
        COLOURS,
        "The walls of my office are {v}.",
        "The walls of {n}'s office are {v}.",
        "Which colour do the walls of my office have?",
        "Which colour do the walls of {n}'s office have?",
        "My office was painted, its walls are {v} now.",
    ),
    "music": Kind(
        PLAYED,
        "On Tuesdays I play {v}.",
        "{n} plays {v} on Tuesdays.",
        "Which instrument do I play?",
        "Which instrument does {n} play?",
        "I have given that instrument up, these days I play {v}.",
    ),
    "pet": Kind(
        PETS,
        "My {a} is called {v}.",
        "{n}'s {a} is called {v}.",
        "What is my {a} called?",
        "What is {n}'s {a} called?",
        "We renamed our {a}, it is called {v} now.",
    ),
    "allergy": Kind(
        FOODS,
        "Please note that I am allergic to {v}.",
        "{n} is allergic to {v}.",
        "What must I not eat?",
        "What must {n} not eat?",
        "The doctor was wrong: I am not allergic to that, but to {v}.",
    ),
    "deadline": Kind(
        DAYS,
        "Our release is on {v}.",
        "The release of {n}'s team is on {v}.",
        "When is our release?",
        "When is the release of {n}'s team?",
        "The release was put off, it is on {v} now.",
    ),
    "server": Kind(
        HOSTS,
        "Our build server is called {v}.",
        "The build server of {n}'s team is called {v}.",
        "What is the name of our build server?",
        "What is the name of the build server of {n}'s team?",
        "We have a new build server, it is called {v}.",
    ),
    "editor": Kind(
        TOOLS,
        "I write all my code in {v}.",
        "{n} writes all code in {v}.",
        "Which editor do I use?",
        "Which editor does {n} use?",
        "I do not use that editor any more, I use {v} now.",
    ),
    "boss": Kind(
        BOSSES,
        "I report to {v}.",
        "{n} reports to {v}.",
        "Who is my boss?",
        "Who is {n}'s boss?",
        "I have a new boss, {v}.",
    ),
    "language": Kind(
        TOPICS,
        "I am learning {v} in the evenings.",
        "{n} is learning {v} in the evenings.",
        "Which language am I learning?",
        "Which language is {n} learning?",
        "I gave that language up, now I am learning {v}.",
    ),
}
SMALL_TALK = (
    ("Thanks a lot, that helped!", ""),
    ("Good morning!", ""),
    ("How many minutes are there in two hours?", "120"),
    ("What is the capital of France?", "Paris"),
    ("Write a Python function that adds two numbers.", "def "),
    ("Write a Python function that reverses a string.", "def "),
)
CHATTER = (
    "The coffee machine on the second floor is broken again.",
    "Somebody left an umbrella in the meeting room.",
    "The lift is being repaired until noon.",
    "There is cake in the kitchen.",
)


@dataclass(frozen=True)
class Fact:
    """A fact about somebody, of a kind."""

    kind: str
    name: str
    value: str
    animal: str = ""

    def said(self, form: str) -> str:
        """One of the forms of its kind, filled in."""
        return str(getattr(KINDS[self.kind], form)).format(n=self.name, v=self.value, a=self.animal)


@dataclass(frozen=True)
class Case:
    """One thing said to the agent, and what must come of it.

    Attributes:
        kind: told, corrected, asked, of another, older, unknown or talk.
        speaker: who says it.
        text: what is said.
        known: what core memory holds before, by speaker.
        older: (speaker, text) of messages that are in recall storage alone.
        said: words that the answer must hold.
        deed: the function that must be called first; empty: which is no matter.
        stored: words that the speaker's block must hold afterwards.
        gone: words that it must hold no more.
    """

    kind: str
    speaker: str
    text: str
    known: dict[str, tuple[str, ...]] = field(default_factory=dict)
    older: tuple[tuple[str, str], ...] = ()
    said: str = ""
    deed: str = "send_message"
    stored: str = ""
    gone: str = ""

    @property
    def sources(self) -> str:
        """All that anybody could know."""
        known = [line for lines in self.known.values() for line in lines]
        return " ".join([self.text, *self.known, *known, *(" ".join(one) for one in self.older)])


class Drawn:
    """Draws facts and cases.

    Args:
        seed: of all that is drawn.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def names(self, count: int) -> list[str]:
        return self._random.sample(NAMES, count)

    def facts(self, name: str, count: int) -> list[Fact]:
        """Facts about one, of different kinds."""
        return [self.fact(kind, name) for kind in self._random.sample(list(KINDS), count)]

    def fact(self, kind: str, name: str, other_than: str = "") -> Fact:
        values = [value for value in KINDS[kind].values if value != other_than]
        return Fact(kind, name, self._random.choice(values), self._random.choice(ANIMALS))

    def cases(self) -> Iterator[Case]:
        """Fifty cases."""
        for kind, count in (
            ("told", 11),
            ("corrected", 9),
            ("asked", 10),
            ("of another", 5),
            ("older", 7),
            ("unknown", 5),
            ("talk", 3),
        ):
            for _ in range(count):
                yield self.case(kind)

    def case(self, kind: str) -> Case:
        name, other = self.names(2)
        facts = self.facts(name, 3)
        fact, rest = facts[0], facts[1:]
        lines = [one.said("kept") for one in rest]
        self._random.shuffle(lines)
        whole = [*lines]
        whole.insert(self._random.randrange(3), fact.said("kept"))
        known = {name: tuple(lines)}
        if kind == "told":
            return Case(
                kind,
                name,
                fact.said("told"),
                known,
                deed="core_memory_append",
                stored=fact.value,
            )
        if kind == "corrected":
            new = self.fact(fact.kind, name, other_than=fact.value)
            new = Fact(new.kind, name, new.value, fact.animal)
            return Case(
                kind,
                name,
                new.said("corrected"),
                {name: tuple(whole)},
                deed="core_memory_replace",
                stored=new.value,
                gone=fact.value,
            )
        if kind == "asked":
            return Case(kind, name, fact.said("asked"), {name: tuple(whole)}, said=fact.value)
        if kind == "of another":
            known = {name: tuple(whole), other: (self.facts(other, 1)[0].said("kept"),)}
            return Case(kind, other, fact.said("asked_of"), known, said=fact.value)
        if kind == "older":
            older = [(name, fact.said("told")), *((other, text) for text in self._chatter())]
            self._random.shuffle(older)
            return Case(
                kind,
                name,
                fact.said("asked"),
                known,
                tuple(older),
                said=fact.value,
                deed="",  # it is found ahead of the first call, or searched for
            )
        if kind == "unknown":
            older = [(other, text) for text in self._chatter()]
            return Case(
                kind, name, fact.said("asked"), known, tuple(older), deed="conversation_search"
            )
        text, said = self._random.choice(SMALL_TALK)
        return Case(kind, name, text, known, said=said)

    def _chatter(self) -> list[str]:
        return self._random.sample(CHATTER, 3)

    def conversation(self) -> list[Case]:
        """Thirty turns of three speakers, who tell and correct and ask; facts come from turns."""
        names = self.names(3)
        facts = {name: self.facts(name, 3) for name in names}
        turns = [
            Case("told", name, facts[name][at].said("told"), stored=facts[name][at].value)
            for at in range(3)
            for name in names
        ]
        turns += [Case("talk", names[0], "Thank you all!"), Case("talk", names[1], "Good morning!")]
        asked: list[Case] = []
        for name in names:
            old = facts[name][0]
            new = Fact(old.kind, name, self.fact(old.kind, name, old.value).value, old.animal)
            facts[name][0] = new
            turns.append(
                Case("corrected", name, new.said("corrected"), stored=new.value, gone=old.value)
            )
            asked += [Case("asked", name, one.said("asked"), said=one.value) for one in facts[name]]
        for at, name in enumerate(names):
            other = names[at - 1]
            asked += [
                Case("of another", name, one.said("asked_of"), said=one.value)
                for one in facts[other][:2]
            ]
        self._random.shuffle(asked)
        unknown = next(kind for kind in KINDS if kind not in {one.kind for one in facts[names[2]]})
        last = Case("unknown", names[2], self.fact(unknown, names[2]).said("asked"))
        return [*turns, *asked, last]


# --- what is right -----------------------------------------------------------------------

_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_FIRST = re.compile(r"\b(?:I|I'm|I've|[Mm]y|[Mm]ine|our|we)\b")
_SECOND = re.compile(r"\byou(?:r|rs|'re|'ve)?\b", re.IGNORECASE)
_UNSURE = re.compile(
    r"n't (?:know|have|find|see|seem)|do not (?:know|have)|not (?:know|sure|find|found|mention)"
    r"|no (?:information|record|idea|mention)|couldn't|could not|nothing|unable|unaware",
    re.IGNORECASE,
)
_NAME = re.compile(r"(?<![.!?:]\s)(?<!^)(?<![\"'“*-])\b[A-Z][a-z]{2,}\b|\b\d+\b")
_KNOWN_WORDS = {"Python", "Paris", "France", "However", "The", "You", "Your", "Note", "Noted"}
_ALL_VALUES = sorted({value for kind in KINDS.values() for value in kind.values})


def wrong_words(case: Case, answer: str, sources: str = "") -> list[str]:
    """What is wrong with an answer, by rules over the facts.

    Args:
        case: what was asked.
        answer: what was said.
        sources: what else anybody could know, such as the conversation before.
    """
    if not answer.strip():
        return ["silent"]
    text = re.sub(r"```.*?```|\b\d{4}-\d\d-\d\d\b", " ", answer, flags=re.DOTALL)
    known = f"{sources} {case.sources}".lower()
    return [*_missing(case, answer), *_invented(case, text, known), *_of_itself(text)]


def _missing(case: Case, answer: str) -> Iterator[str]:
    if not all(word in answer.lower() for word in case.said.lower().split()):  # or "March 14"
        yield f"not said: {case.said}"
    unsure = _UNSURE.search(answer) is not None
    if case.kind == "unknown" and not unsure:
        yield "does not say that it does not know"
    if case.said and case.kind != "talk" and unsure:
        yield "says that it does not know"


def _invented(case: Case, text: str, known: str) -> Iterator[str]:
    yield from (f"nobody said: {value}" for value in _values_in(text) if value.lower() not in known)
    if case.kind != "talk":
        words = [word for word in _NAME.findall(text) if word not in _KNOWN_WORDS]
        yield from (f"invented: {word}" for word in words if word.lower() not in known)


def _of_itself(text: str) -> Iterator[str]:
    """Sentences in which the agent takes the facts of others for its own; a quotation does not."""
    text = re.sub(r'"[^"]*"', " ", text)
    for sentence in _SENTENCE.split(text):
        if _FIRST.search(sentence) and not _SECOND.search(sentence) and _values_in(sentence):
            yield f"claims for itself: {sentence.strip()}"


def _values_in(text: str) -> list[str]:
    return [value for value in _ALL_VALUES if re.search(rf"\b{re.escape(value)}\b", text)]

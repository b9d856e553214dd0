"""How often an agent opens a conversation with what it remembers of who comes, and only of them.

    python bench/opening_line.py [--people 20] [--model auto|local|NAME --endpoint URL]

MemGPT's second conversation task (arXiv 2310.08560, section 3.1, "conversation opener"). Each
person has told an agent three facts, another person three others. The person comes back, the agent
speaks first, and the exchange is undone before the next one. An opening uses a fact where it holds
a word that stands in that fact alone. Without a key the model is the packaged one.
"""

from __future__ import annotations

import argparse
import random
import re
from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import Any

from memgpt_autogen import Login, MemGPT, MessageEvent, SystemAlert
from memgpt_autogen.cli.chat.choosing import chosen_model
from memgpt_autogen.cli.chat.conversation import OPENING
from memgpt_autogen.client.session import Session
from memgpt_autogen.local import local_llm_config
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder
from memgpt_autogen.upkeep.undo import undo

NAMES = ("Tessa", "Igor", "Mina", "Pavel", "Ruth", "Omar", "Lena", "Jorge", "Aiko", "Samir")
# Each with the words by which it is told that an opening takes it up.
FACTS = (
    ("{0} keeps bees on the roof.", "bees honey hive"),
    ("{0} is learning the cello.", "cello"),
    ("{0}'s daughter plays chess in a club.", "chess daughter"),
    ("{0} is moving to Lisbon in March.", "lisbon moving move"),
    ("{0} bakes rye bread on Sundays.", "rye bread bake baking"),
    ("{0} runs the night shift at the observatory.", "observatory shift telescope"),
    ("{0} has a sailing boat called Wren.", "wren boat sailing sail"),
    ("{0} is writing a thesis on glaciers.", "glaciers glacier thesis"),
    ("{0} restores old motorcycles.", "motorcycles motorcycle"),
    ("{0}'s brother opens a bakery in Turin.", "turin bakery brother"),
    ("{0} is training for a marathon.", "marathon training"),
    ("{0} has a greyhound called Pixel.", "greyhound pixel"),
)
NOON = datetime(2026, 5, 8, 12, tzinfo=timezone.utc)


class Clock:
    """Two days pass before each login."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def told(text: str) -> set[int]:
    """Numbers of the facts that a text takes up."""
    words = set(re.findall(r"\w+", text.casefold()))
    return {number for number, (_, marks) in enumerate(FACTS) if words & set(marks.split())}


def opening(session: Session, name: str) -> str:
    """What the agent says first to who has come; undone again."""
    events = [Login(name), SystemAlert(OPENING.format(name=name))]
    turn = session.turn(events, partner=name)
    with session.held() as engine:
        undo(engine, name)
    return "\n".join(turn.messages)


def remember(session: Session, facts: dict[str, list[int]]) -> None:
    """Let both have told their facts, in chats of two, and the agent have noted them."""
    with session.held() as engine:
        for name, numbers in facts.items():
            lines = [FACTS[number][0].format(name) for number in numbers]
            for line in lines:
                said = line.replace(f"{name}'s", "My").replace(f"{name} ", "I ", 1)
                event = MessageEvent(
                    timestamp=session.clock(), speaker=name, text=said, origin=name
                )
                engine.queue.take_in([event])
        core = engine.workspace.core
        core.set("human", "")
        for name, numbers in facts.items():
            core.set(f"human:{name}", "\n".join(FACTS[one][0].format(name) for one in numbers))
        engine.queue.context.entries.clear()  # it was long ago: only memory is left
        engine.queue.refresh_head()
        engine.queue.save()


def measure(config: dict[str, Any], people: int, seed: int, *, shown: bool) -> Counter[str]:
    dice, clock, counts = random.Random(seed), Clock(), Counter[str]()  # noqa: S311 - no secret
    given: dict[str, Any] = {"embedder": HashingEmbedder(), "clock": clock}
    with MemGPT(llm_config=config, memory=":memory:", **given) as client:
        for number in range((people + 1) // 2):
            pair = dice.sample(NAMES, 2)
            drawn = dice.sample(range(len(FACTS)), 6)
            facts = {pair[0]: drawn[:3], pair[1]: drawn[3:]}
            session = client.session(client.create_agent(f"agent_{number}", human="basic"))
            remember(session, facts)
            clock.now += timedelta(days=2)
            for name, other in (pair, pair[::-1]):
                text = opening(session, name)
                found = told(text)
                own, others = found & set(facts[name]), found & set(facts[other])
                counts["openings"] += 1
                counts["own"] += bool(own)
                counts["others"] += bool(others)
                counts["right"] += bool(own) and not others
                if shown:
                    print(
                        f"{name}: {' '.join(text.split())}   own {len(own)}, other's {len(others)}"
                    )
            session.close()
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--people", type=int, default=20, help="openings; a few seconds each")
    parser.add_argument("--model", default="local", help="`local`, `auto`, or a name")
    parser.add_argument("--endpoint", help="the model's server, up to /v1")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    if asked.model == "local":
        config = local_llm_config()
    else:
        name = None if asked.model == "auto" else asked.model
        config = chosen_model(name, asked.endpoint, None, tell=print)
    counts = measure(config, asked.people, asked.seed, shown=True)
    whole = counts["openings"]
    print(f"\n{whole} openings by {config.get('model') or config['config_list'][0]['model']}")
    print(f"  use a stored fact of the person   {counts['own'] / whole:.0%}")
    print(f"  use a fact of somebody else       {counts['others'] / whole:.0%}")
    print(f"  the first and not the second      {counts['right'] / whole:.0%}")


if __name__ == "__main__":
    main()

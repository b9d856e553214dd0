"""The messages of the benchmarks: seeded words, every text different."""

from __future__ import annotations

import random

VOCABULARY = """
    the a of to in and we it that for with from about after before garden winter ship letter
    report meeting river cheese violin budget server harbour summer lamp ticket market doctor
    bridge engine coffee museum sister captain blue quiet early heavy broken cheap remember
    plan write carry visit repair paint choose finish begin sell borrow send measure forget
"""
WORDS = VOCABULARY.split()


def text_of(seed: str, words: int = 46) -> str:
    """Words of which every seed gives others: about 50 tokens."""
    dice = random.Random(seed)  # noqa: S311 - a text to count, no secret
    return " ".join(dice.choice(WORDS) for _ in range(words)).capitalize() + "."


def message(turn: int) -> str:
    """What the user says in a turn, from 1."""
    return text_of(f"message {turn}")


def reply(turn: int) -> str:
    """What the model answers in a turn."""
    return text_of(f"reply {turn}")


SMALL_TALK = {
    # Whether coefficients are fitted with it.
    True: (
        "thanks",
        "ok great",
        "hi there!",
        "see you tomorrow",
        "Thank you so much!",
        "Good morning",
        "sounds good to me",
        "haha nice one",
        "yes please",
        "no, not now",
        "got it",
        "ok",
        "I'll be right back",
        "bye",
        "good night everyone",
        "that's funny",
        "cool, let's do that",
        "sure, go ahead",
        "please continue",
        "what do you think?",
        "wow, really?",
        "I'm not sure",
        "never mind",
        "well done!",
        "how are you today?",
        "can you help me with something?",
        "I agree with you",
        "that makes sense",
        "one moment please",
        "let me think about it",
        "Have a nice weekend!",
        "congratulations!",
        "nice to meet you",
        "good to hear from you",
        "talk to you later",
    ),
    False: (
        "thx",
        "ok, perfect",
        "hello",
        "hey, how is it going?",
        "see you later",
        "thanks a lot for your help",
        "yep",
        "nope",
        "great job!",
        "lol",
        "awesome, thank you",
        "good evening",
        "okay, I understand",
        "no problem at all",
        "that's great to hear",
        "let's go on",
        "could you repeat that?",
        "I have a question",
        "all right",
        "take care!",
        "sorry, I was away",
        "what's up?",
        "fine by me",
        "amazing!",
        "have a good day",
        "you're welcome",
        "I see",
        "hm, interesting",
        "tell me more",
        "ready when you are",
    ),
}
"""What is said in passing, and asks for nothing that was said before."""

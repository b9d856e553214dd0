"""Search as the agent sees it: identifiers, scripts, times, speakers, repetitions, pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memgpt_autogen.events import Message
from memgpt_autogen.memory.archival import ArchivalStorage
from memgpt_autogen.memory.recall import RecallStorage
from memgpt_autogen.storage.embedders.arrays import Vectors
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder, resolve_embedder
from memgpt_autogen.storage.journal import matching
from tests.stores import opened

NOW = datetime(2026, 5, 13, 15, tzinfo=timezone.utc)  # a Wednesday


class Counting(HashingEmbedder):
    """It tells how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def embed(self, texts: object) -> Vectors:
        self.asked += 1
        return super().embed(texts)  # type: ignore[arg-type]


def clock() -> datetime:
    return NOW


EMBEDDER = Counting()


@pytest.fixture
def recall(tmp_path: Path) -> Iterator[RecallStorage]:
    with closing(opened(tmp_path, EMBEDDER)) as store:
        yield RecallStorage(store.recall, clock=clock)


@pytest.fixture
def archival(tmp_path: Path) -> Iterator[ArchivalStorage]:
    with closing(opened(tmp_path, EMBEDDER)) as store:
        yield ArchivalStorage(store.archival, clock=clock)


def said(recall: RecallStorage, days_ago: float, text: str, speaker: str = "Ann") -> str:
    return recall.append(text, speaker, NOW - timedelta(days=days_ago))


def insert_many(archival: ArchivalStorage, texts: list[str]) -> None:
    archival.write([archival.passage(text) for text in texts])


NOTES = [
    "The mail of the shop is orders@shop.example, ask for Kim",
    "deploy/config.yaml sets the retries, config.toml does not",
    "The pump showed E-42 twice, never E-43",
    "Call Kim at +1 (555) 010-9999 after six",
    "ticket 8f14e45f-ceea-467f-a9e1-3c2d1b4a5f60 is closed",
    "東京タワーの近くで会いましょう",
    "นัดกันที่ร้านกาแฟ",
    "다음 주에 서울에서 만나요",
    "Le café à côté de l'hôtel",
    "Встреча в четверг у ёлки",
    "कल दिल्ली में मिलेंगे",
    "The bread was good and the soup was cold",
]


@pytest.mark.parametrize(
    ("query", "note"),
    [
        ("orders@shop.example", 0),
        ("what does config.yaml set?", 1),
        ("e-42", 2),
        ("555-010-9999", 3),
        ("5550109999", 3),
        ("8F14E45F-CEEA-467F-A9E1-3C2D1B4A5F60", 4),
        ("東京タワー", 5),
        ("東京で何をする?", 5),
        ("ร้านกาแฟ", 6),
        ("서울", 7),
        ("cafe a cote", 8),
        ("елка четверг", 9),
        ("दिल्ली", 10),
        ('"soup was cold"', 11),
    ],
)
def test_identifiers_and_any_script_are_found_first(
    archival: ArchivalStorage, query: str, note: int
) -> None:
    insert_many(archival, NOTES)
    assert archival.search(query).items[0].text == NOTES[note]
    assert archival.search(query, by="words").items[0].text == NOTES[note]


@settings(max_examples=10)
@given(st.lists(st.uuids(), min_size=3, max_size=8, unique=True))
def test_a_chain_of_keys_is_followed_one_search_per_hop(
    archival: ArchivalStorage, keys: list[UUID]
) -> None:
    """Each key finds its own pair first, and next the pair whose value it is."""
    archival.delete([passage.id for passage in archival.everything()])
    chain = [str(key) for key in keys]
    pairs = zip(chain, [*chain[1:], "end"], strict=True)
    insert_many(archival, [f"Key-value pair: key = {key}, value = {value}" for key, value in pairs])
    for form in ("{}", "key = {}", "What is the value of {}?"):
        for place, key in enumerate(chain):
            first, second, *_ = archival.search(form.format(key)).items
            assert first.text.startswith(f"Key-value pair: key = {key},")
            assert not place or second.text.endswith(f"value = {key}")


def test_a_time_alone_is_answered_from_that_time(recall: RecallStorage) -> None:
    for days in range(30):
        said(recall, days, f"We did thing number {days}", "AB"[days % 2])
    page = recall.search("What did we talk about last week?")
    assert {(NOW - item.timestamp).days for item in page.items} == set(range(3, 10))
    (only,) = recall.search("What did we say two days ago?").items
    assert only.text == "We did thing number 2"
    assert recall.search("What did B say last week?").items[0].speaker == "B"
    assert recall.search("yesterday", start=NOW - timedelta(hours=3)).total == 1  # a filter holds


def test_a_time_beside_words_goes_before_equals_and_hides_nothing(recall: RecallStorage) -> None:
    for days in range(0, 40, 8):
        said(recall, days, f"The car has trouble again, visit {days}")
    page = recall.search("car trouble 8 days ago")
    assert page.items[0].text.endswith("visit 8") and page.total == 5
    assert recall.search("car trouble in 1999").total == 5


def test_a_named_speaker_goes_before_equals(recall: RecallStorage) -> None:
    for name in ("Ann Lee", "Bob", "Cy"):
        said(recall, 5, f"my favourite tea is {name.lower()[0]}-type", name)
    for asked, name in (("Bob", "Bob"), ("Ann", "Ann Lee"), ("cy", "Cy")):
        assert recall.search(f"What is {asked}'s favourite tea?").items[0].speaker == name


def test_repetitions_are_found_once_and_counted(recall: RecallStorage) -> None:
    for days in range(9):
        said(recall, days, ["Good night!", "good night"][days % 2])
    said(recall, 3, "Good night!", "Bob")
    said(recall, 4, "A good night to walk by the harbour")
    page = recall.search("good night")
    assert page.total == 3
    assert sorted((item.speaker, item.times) for item in page.items) == [
        ("Ann", 1),
        ("Ann", 9),
        ("Bob", 1),
    ]


def test_further_pages_continue_the_first_whatever_is_stored_meanwhile(
    recall: RecallStorage,
) -> None:
    for number in range(9):
        said(recall, number, f"apple {number}")
    first = recall.search("apple", limit=3)
    for number in range(9, 20):
        said(recall, 0, f"apple {number}")
    pages = [first, *(recall.search("apple", limit=3, page=page) for page in (1, 2, 3))]
    ids = [item.id for page in pages for item in page.items]
    assert len(ids) == len(set(ids)) == 9 and {page.total for page in pages} == {9}
    assert recall.search("apple", limit=3).total == 20
    recall.delete(ids[:2])
    assert not {*ids[:2]} & {item.id for item in recall.search("apple", limit=50, page=0).items}
    assert recall.search("apple", limit=3, page=1).total == 18


RARE = st.sampled_from(["orchid", "harbour", "violin", "invoice", "bakery", "lantern"])
PLAIN = "the a of we went and then it was nice with some more to see they said so".split()  # noqa: SIM905


@settings(max_examples=25)
@given(
    asked=st.lists(RARE, min_size=2, max_size=4, unique=True),
    before=st.lists(st.sampled_from(["Nice!", "I see", "So it goes", "Who said?"]), max_size=8),
    after=st.lists(st.sampled_from(["Great", "What for?", "As you like"]), max_size=8),
    length=st.integers(0, 400),
    data=st.data(),
)
def test_a_long_message_with_all_words_comes_before_short_ones_with_none(
    recall: RecallStorage,
    asked: list[str],
    before: list[str],
    after: list[str],
    length: int,
    data: st.DataObject,
) -> None:
    recall.delete([message.id for message in recall.everything()])
    filling = [PLAIN[n % len(PLAIN)] for n in range(length)]
    long = " ".join(data.draw(st.permutations([*asked, *filling])))
    for text in before:
        said(recall, 1, text, "Bob")
    key = said(recall, 1, long)
    for text in after:
        said(recall, 1, text, "Bob")
    for by in ("both", "words"):
        found = recall.search(f"what about the {' and the '.join(asked)}?", by=by).items
        assert found[0].id == key
        scores = [one.score or 0.0 for one in found]
        assert all(0 <= score <= 1 for score in scores) and scores == sorted(scores)[::-1]


def test_an_answer_without_the_questions_words_is_found_behind_it(recall: RecallStorage) -> None:
    for number in range(8):
        said(recall, number + 20, f"We had tea number {number}", "Bob")
    said(recall, 3, "Which instrument does your sister play?", "Bob")
    answer = said(recall, 3, "The violin, since she was six")
    found = recall.search("What instrument does the sister of Ann play?", by="words").items
    assert answer in [one.id for one in found[:2]]


def test_what_was_said_in_another_chat_or_long_after_is_no_neighbour(
    recall: RecallStorage,
) -> None:
    recall.append("Which instrument does your sister play?", "Bob", NOW - timedelta(days=9), "one")
    other = recall.append("As you like", "Ann", NOW - timedelta(days=9), "two")
    recall.append("So it goes", "Ann", NOW - timedelta(days=7), "two")
    recall.append("Who plays an instrument?", "Bob", NOW - timedelta(days=7), "one")
    same = recall.append("As they say", "Ann", NOW - timedelta(days=7), "one")
    found = recall.search("the sister's instrument", by="words")
    scores = {one.id: one.score or 0.0 for one in found.items}
    assert scores[same] > scores[other]


def test_a_question_of_nothing_but_a_name_is_answered_by_who_has_it(recall: RecallStorage) -> None:
    for number in range(60):
        said(recall, number, f"thing {number}", "Ann Lee" if number % 20 == 7 else "Bob")
    found = recall.search("Ann", by="words").items
    assert [one.speaker for one in found] == ["Ann Lee"] * 3


@pytest.mark.meaning
def test_small_talk_scores_below_any_question_that_is_answered(tmp_path: Path) -> None:
    with closing(opened(tmp_path, resolve_embedder())) as store:
        recall = RecallStorage(store.recall, clock=clock)
        for days, text, speaker in TALK:
            said(recall, days, text, speaker)
        store.indexer.settle()
        best = {
            asked: recall.search(asked).items[0].score or 0.0 for asked in (*ANSWERED, *PASSING)
        }
    least = min(best[asked] for asked in ANSWERED)
    assert least > 0.05 > max(best[asked] for asked in PASSING)


TALK = [
    (40, "Hi Bob! How was your holiday?", "Ann"),
    (40, "Great, thanks! We hiked around Lake Bled and slept in a hut.", "Bob"),
    (40, "Sounds lovely. I adopted a puppy in May, she is called Biscuit.", "Ann"),
    (40, "Ok great, send me a photo!", "Bob"),
    (20, "Good morning! My daughter starts school tomorrow.", "Bob"),
    (20, "Wow, time flies. What does she want to learn?", "Ann"),
    (20, "Mostly the violin, she is mad about music.", "Bob"),
    (5, "The budget of the harbour project was cut by a third.", "Ann"),
    (5, "Oh no. Thanks for telling me.", "Bob"),
    (5, "See you on Monday then!", "Ann"),
]
ANSWERED = (
    "What is the name of Ann's puppy?",
    "Where did Bob hike on holiday?",
    "Which instrument does Bob's daughter want to learn?",
    "What happened to the budget of the harbour project?",
)
PASSING = ("thanks", "ok great", "hi there!", "see you tomorrow", "good morning!", "wow")


def test_by_words_embeds_nothing(recall: RecallStorage) -> None:
    said(recall, 1, "A walk by the harbour")
    recall.search("harbour")  # waits until it is embedded
    before = EMBEDDER.asked
    assert recall.search("harbour walks", by="words").total == 1
    assert EMBEDDER.asked == before
    assert recall.search("nothing of it", by="meaning").total == 1
    assert EMBEDDER.asked == before + 1


def test_turns_around_a_message(recall: RecallStorage) -> None:
    ids = [said(recall, 1, f"turn {number}") for number in range(5)]
    assert [one.id for one in recall.around(ids[2])] == [ids[1], ids[3]]
    assert [one.id for one in recall.around(ids[0], 2)] == ids[1:3]
    assert recall.around("nonsense") == []


def test_frequent_words_are_bounded_and_rare_ones_still_found(
    recall: RecallStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With more records than one search may score."""
    monkeypatch.setattr(matching, "SCORED", 50)
    messages = [
        Message(
            text=f"the garden {'gate' if n % 4 else 'wall'} and row {n}",
            speaker="Ann",
            timestamp=NOW,
        )
        for n in range(300)
    ]
    recall.write(messages)
    rare = recall.append("an orchid grows in the garden", "Bob")
    assert recall.search("orchid garden", by="words").items[0].id == rare
    assert recall.search("row 123", by="words").items[0].text.endswith("row 123")
    both = recall.search("garden wall", by="words", limit=20).items  # each is in many records
    assert all("wall" in item.text for item in both[:5])
    assert recall.search("garden", by="words", speaker="Bob").items[0].id == rare

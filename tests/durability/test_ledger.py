"""The judge of the kills sees what is lost, doubled or back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.durability.ledger import Dump, Ledger, Verdict, judge


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.jsonl")


def told(ledger: Ledger) -> None:
    """One text acknowledged, one only begun, two that were to be forgotten, three edits."""
    ledger.done(ledger.begin("append", [("recall", "kept")]))
    ledger.begin("append", [("recall", "sent")])
    ledger.done(ledger.begin("append", [("recall", "erased"), ("recall", "half erased")]))
    ledger.done(ledger.begin("forget", drops=[("recall", "erased")]))
    ledger.begin("forget", drops=[("recall", "half erased")])
    for text in ("first", "second"):
        ledger.done(ledger.begin("edit", [("human", text)]))
    ledger.begin("edit", [("human", "third")])


@pytest.mark.parametrize(
    ("dump", "verdict"),
    [
        ({"recall": ["kept"], "human": ["second"]}, Verdict()),
        ({"recall": ["kept", "sent", "half erased"], "human": ["third"]}, Verdict()),
        ({"recall": ["sent"]}, Verdict(lost=(("recall", "kept"),))),
        ({"recall": ["kept", "sent", "sent"]}, Verdict(doubled=(("recall", "sent"),))),
        ({"recall": ["kept", "erased"]}, Verdict(returned=(("recall", "erased"),))),
        ({"recall": ["kept"], "human": ["first"]}, Verdict(lost=(("human", "second"),))),
        ({"recall": ["kept"], "human": []}, Verdict(lost=(("human", "second"),))),
    ],
)
def test_the_judge(ledger: Ledger, dump: Dump, verdict: Verdict) -> None:
    told(ledger)
    assert judge(ledger.deeds(), dump) == verdict
    assert bool(verdict) == (verdict == Verdict())


def test_deeds_are_measured(ledger: Ledger) -> None:
    told(ledger)
    deeds = ledger.deeds()
    assert [one.done for one in deeds[:2]] == [True, False]
    assert all(0 <= one.seconds < 5 for one in deeds)

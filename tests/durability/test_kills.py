"""kill -9 at random moments loses nothing that was acknowledged and doubles nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.durability.kills import Kill, report, run_kills
from tests.durability.zygote import Zygote

SEED = 20261125


def check(kills: Sequence[Kill]) -> None:
    found = report(kills)
    print(f"\n{found}")
    assert all(kill.verdict and not kill.problem for kill in kills), found


@pytest.mark.slow
def test_a_few_kills(zygote: Zygote, tmp_path: Path) -> None:
    check(run_kills(tmp_path, [zygote], kills=4, seed=SEED))


@pytest.mark.slow_durability
def test_a_hundred_kills_over_all_phases(zygotes: list[Zygote], tmp_path: Path) -> None:
    check(run_kills(tmp_path, zygotes, kills=100, seed=SEED + 1))

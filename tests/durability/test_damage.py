"""A memory whose files were damaged while it was closed is whole, healed or refused."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from memgpt_autogen.testing import ScriptedModel, send
from tests.durability.damage import chroma_damages, file_damages, overwritings
from tests.durability.prepared import Prepared, prepare
from tests.durability.trials import Trial, report, run_trials
from tests.durability.zygote import Zygote


@pytest.fixture(scope="module")
def model() -> Iterator[ScriptedModel]:
    with ScriptedModel(lambda request: send("Noted.")) as running:
        yield running


@pytest.fixture(scope="module")
def prepared(
    zygote: Zygote, model: ScriptedModel, tmp_path_factory: pytest.TempPathFactory
) -> Prepared:
    return prepare(tmp_path_factory.mktemp("prepared"), zygote, model.llm_config)


def check(trials: Sequence[Trial]) -> None:
    found = report(trials)
    print(f"\n{found}")
    assert not any(trial.why for trial in trials), found


@pytest.mark.slow
def test_a_few_damages(
    zygote: Zygote, prepared: Prepared, model: ScriptedModel, tmp_path: Path
) -> None:
    untouched, removed, _, _, older, *_ = chroma_damages(prepared, left=False)
    damages = [untouched, removed, older, *itertools.islice(overwritings(prepared), 2)]
    check(run_trials(tmp_path, [zygote], prepared, model.llm_config, damages))


@pytest.mark.slow_durability
def test_all_damages(
    zygotes: list[Zygote], prepared: Prepared, model: ScriptedModel, tmp_path: Path
) -> None:
    damages = [
        *chroma_damages(prepared, left=False),
        *chroma_damages(prepared, left=True),
        *overwritings(prepared),
        *file_damages(prepared, left=False),
        *file_damages(prepared, left=True),
    ]
    check(run_trials(tmp_path, zygotes, prepared, model.llm_config, damages))

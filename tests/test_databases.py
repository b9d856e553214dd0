"""Databases: rows of a query as documents; nothing is written there, no password here."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from memgpt_autogen import ConfigurationError, load_database
from memgpt_autogen.cli.config import Config, save_config
from memgpt_autogen.sources.load import LoadedSource
from memgpt_autogen.sources.remote.database import with_password
from memgpt_autogen.storage.embedders.embedder import HashingEmbedder
from memgpt_autogen.storage.store import open_store
from tests.files import files_with
from tests.terminal import Run

NOON = datetime(2026, 5, 8, 12, 0, tzinfo=timezone.utc)
QUERY = "select id, name, price from parts order by id"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    file = tmp_path / "shop.db"
    execute(
        file,
        "create table parts (id integer, name text, price real, picture blob)",
        "insert into parts values (1, 'valve', 3, null), (2, 'pump 50%', 24.5, x'00ff'),"
        " (3, 'seal: new', null, null)",
    )
    return file


def execute(file: Path, *statements: str) -> list[Any]:
    with closing(sqlite3.connect(file)) as connection, connection:
        return [connection.execute(one).fetchall() for one in statements][-1]


def load(file: Path, query: str = QUERY, **kwargs: Any) -> LoadedSource:
    kwargs = {"keys": "id", "embedder": HashingEmbedder(), "clock": lambda: NOON, **kwargs}
    return load_database("parts", f"sqlite:///{file}", query, memory=file.parent / "m", **kwargs)


def passages(file: Path) -> dict[str, str]:
    store = open_store(str(file.parent / "m"), "sources", "parts", HashingEmbedder())
    with closing(store):
        return {one.tags[0]: one.text for one in store.archival.table.everything()}


def test_rows_are_loaded_with_their_columns_and_again_as_they_changed(shop: Path) -> None:
    first = load(shop, "select * from parts where name like '%' and '12:30' > ''")
    assert first.loaded == tuple(f"shop.db/parts: id={key}" for key in (1, 2, 3))
    assert passages(shop) == {
        "shop.db/parts: id=1": "id: 1\nname: valve\nprice: 3.0",
        "shop.db/parts: id=2": "id: 2\nname: pump 50%\nprice: 24.5",
        "shop.db/parts: id=3": "id: 3\nname: seal: new",
    }
    same = load(shop, "select * from parts where name like '%' and '12:30' > ''")
    assert (same.loaded, len(same.unchanged)) == ((), 3)
    execute(
        shop,
        "update parts set price = 25 where id = 2",
        "delete from parts where id = 1",
        "insert into parts values (0, 'lamp', 1, null)",
    )
    again = load(shop, label="shop.db/parts")  # another query, that replaces the one before
    assert again.loaded == ("shop.db/parts: id=0", "shop.db/parts: id=2")
    assert (again.removed, again.unchanged) == (("shop.db/parts: id=1",), ("shop.db/parts: id=3",))
    assert sorted(passages(shop)) == [f"shop.db/parts: id={key}" for key in (0, 2, 3)]


def test_rows_without_keys_go_by_their_position_and_queries_are_kept_apart(shop: Path) -> None:
    assert load(shop, keys=()).loaded[0] == "shop.db/parts: row 1"
    with pytest.raises(ConfigurationError, match="rows of another query as 'shop"):
        load(shop, "select name from parts")
    names = load(shop, "select name, name from parts where id = 1", label="names", keys="name")
    assert (names.loaded, names.passages) == (("names: name=valve",), 4)
    twice = load(shop, "select 1 as id, name from parts", label="names")
    assert [str(one) for one in twice.skipped] == ["names: id=1: another row has the same keys"] * 2
    assert twice.removed == ("names: name=valve",)
    with pytest.raises(ConfigurationError, match="no column 'nope', but id, name, price"):
        load(shop, keys="nope", label="other")


@pytest.mark.parametrize(
    "statement",
    [
        "delete from parts",
        "drop table parts",
        "create table more (id)",
        "insert into parts values (9, '', 0, null) returning id",
    ],
)
def test_nothing_is_written(shop: Path, statement: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be queried"):
        load(shop, statement)
    assert execute(shop, "select count(*) from parts") == [(3,)]
    assert execute(shop, "select count(*) from sqlite_master") == [(1,)]


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("hunter2", "dialect://user:password@host/name"),
        ("nosuch://ann:hunter2@host/x", "knows no database 'nosuch'"),
        ("mssql+pymssql://ann:hunter2@host/x", "needs its driver: pip install pymssql"),
        ("sqlite:///nowhere.db?token=hunter2", "there is no database 'nowhere.db'"),
    ],
)
def test_what_cannot_be_a_database_is_told_without_the_password(url: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as problem:
        load_database("x", url, QUERY, memory="m", embedder=HashingEmbedder())
    assert told in str(problem.value) and "hunter2" not in str(problem.value)
    assert not Path("nowhere.db").exists() and not Path("m").exists()


def test_the_terminal_takes_the_url_from_the_environment(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_config(Config(embedder="hashing"))
    monkeypatch.setenv("SHOP", f"sqlite:///{shop}?timeout=17.125")
    command = ("load", "database", "--name", "parts", "--query", QUERY, "--key", "id")
    done = Run(*command, "--url-from-env", "SHOP")
    assert (done.code, done.said) == (0, "") and "loaded     shop.db/parts: id=2" in done.out
    assert "parts has 3 passages." in done.out
    assert "3 rows unchanged" in Run(*command, f"sqlite:///{shop}").out
    assert files_with(Path(".memgpt"), "17.125") == []
    assert Run(*command, "--url-from-env", "NOWHERE").said.strip() == (
        "the variable NOWHERE holds no URL."
    )
    assert Run(*command).code == 2


def test_a_password_that_is_asked_for_goes_into_the_url(shop: Path) -> None:
    assert with_password(f"sqlite://ann@/{shop}", "a:b/c").startswith("sqlite://ann:a%3Ab%2Fc@/")

"""The terminal program's configuration: one TOML file without secrets."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memgpt_autogen.cli.config import Config, config_file, load_config, save_config
from memgpt_autogen.errors import ConfigurationError

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


def test_without_a_file_the_defaults_hold() -> None:
    assert not config_file().exists()
    assert load_config() == Config()


@settings(max_examples=25)
@given(model=TEXTS, endpoint=TEXTS, persona=TEXTS, human=TEXTS, window=st.integers(0, 2**31))
def test_what_is_saved_is_loaded(
    tmp_path_factory: pytest.TempPathFactory,
    model: str,
    endpoint: str,
    persona: str,
    human: str,
    window: int,
) -> None:
    file = tmp_path_factory.mktemp("home") / "config.toml"
    config = Config(
        model=model, endpoint=endpoint, persona=persona, human=human, context_window=window
    )
    save_config(config, file)
    assert load_config(file) == config


def test_the_file_is_in_the_users_folder_and_holds_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMGPT_AUTOGEN_HOME", str(tmp_path / "mine"))
    monkeypatch.setenv("MY_KEY", "sk-secret")
    config = Config(key_variable="MY_KEY")
    file = save_config(config)
    assert file == tmp_path / "mine" / "config.toml"
    assert "sk-secret" not in file.read_text("utf-8") + repr(config)
    assert file.stat().st_mode & 0o077 == 0
    assert load_config().llm_config()["config_list"][0]["api_key"] == "sk-secret"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model = 5", "model = 5: give a text"),
        ('context_window = "many"', "give a whole number"),
        ("context_window = true", "give a whole number"),
        ("context_window = -1", "give tokens"),
        ('kind = "gemini"', "give openai or azure"),
        ('kind = "azure"', "endpoint and an api_version"),
        ('api_key = "sk-1"', "there is no api_key"),
        ("model = ", "cannot be used"),
    ],
)
def test_what_cannot_be_is_said_with_the_file(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(ConfigurationError, match=r"config\.toml") as raised:
        load_config(file)
    assert said in str(raised.value)


def test_llm_configs_of_openai_a_compatible_server_and_azure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    assert Config().llm_config()["config_list"] == [
        {"model": "gpt-4o-mini", "base_url": "https://api.openai.com/v1", "api_key": "sk-1"}
    ]
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert Config().base_url == "http://127.0.0.1:9/v1"
    local = Config(model="qwen", endpoint="http://127.0.0.1:8/v1", key_variable="")
    assert local.llm_config()["config_list"][0]["api_key"] == "none"
    azure = Config(
        kind="azure", endpoint="https://me.azure.com", api_version="2024-10-21", deployment="mine"
    )
    assert azure.llm_config()["config_list"] == [
        {
            "model": "mine",
            "base_url": "https://me.azure.com",
            "api_key": "sk-1",
            "api_type": "azure",
            "api_version": "2024-10-21",
        }
    ]


def test_a_key_that_is_not_set_is_named() -> None:
    with pytest.raises(ConfigurationError, match="MY_KEY") as raised:
        dataclasses.replace(Config(), key_variable="MY_KEY").llm_config()
    assert "export MY_KEY=" in str(raised.value)

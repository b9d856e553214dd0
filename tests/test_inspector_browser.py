"""A person at the inspector, in a real browser: finds a fact, corrects it, reverts it, forgets."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from memgpt_autogen.cli.config import Config, save_config
from memgpt_autogen.events import MessageEvent
from memgpt_autogen.inspector.app import make_app
from memgpt_autogen.inspector.guard import Guard
from tests.inspecting import access_to
from tests.terminal import NOON, make_coder, open_coder

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


@pytest.fixture
def address(own_world: None) -> Iterator[str]:
    """Where an agent's memory is served."""
    save_config(Config(embedder="hashing"))
    make_coder()
    engine = open_coder()
    engine.workspace.core.set("human", "A manager.\nTessa drinks coffee.")
    engine.queue.take_in([MessageEvent(timestamp=NOON, speaker="Tessa", text="Tea, please." * 60)])
    engine.close()
    listening = socket.create_server(("127.0.0.1", 0))
    access = access_to(Path(".memgpt"))
    guard = Guard(make_app(access), listening.getsockname()[1])
    config = uvicorn.Config(guard, log_level="error", lifespan="off", ws="none", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield guard.address
    server.should_exit = True
    thread.join()
    access.close()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=CHROMIUM,
            chromium_sandbox=os.name != "posix" or os.geteuid() != 0,
            env={**os.environ, "HOME": str(tmp_path_factory.mktemp("home"))},
        )
        yield opened
        opened.close()


class Visit:
    """A browser's tab, which is to show no error, ask nobody else, and never scroll sideways."""

    def __init__(self, browser: Any, address: str, width: int, **options: Any) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 800}, **options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(90_000)  # milliseconds: other tests run beside it
        self.wrong, self.asked = list[str](), list[str]()
        self.page.on("console", lambda said: self.wrong.append(said.text))
        self.page.on("pageerror", lambda problem: self.wrong.append(str(problem)))
        self.page.on("request", lambda one: self.asked.append(one.url))
        self.page.goto(address)

    def click(self, role: str, name: str) -> None:
        self.page.get_by_role(role, name=name).first.click()
        self.look()

    def look(self) -> None:
        self.page.wait_for_load_state("load")  # before its styles are there a page is wider
        width = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert self.page.evaluate(width) == 0, self.page.url

    def sees(self, text: str) -> None:
        assert text in self.page.inner_text("main")

    def end(self) -> None:
        self.context.close()
        assert {one.split("/")[2] for one in self.asked} == {self.asked[0].split("/")[2]}
        # Browsers ask for an icon that nobody offered; that is refused as anything without token.
        assert [one for one in self.wrong if "favicon" not in one and "404" not in one] == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_a_person_finds_a_fact_corrects_it_reverts_it_and_forgets(
    address: str, browser: Any, width: int, scheme: str
) -> None:
    visit = Visit(browser, address, width, color_scheme=scheme)
    page = visit.page
    visit.click("link", "coder")
    for part in ("Context", "Sources", "Steps", "Archival", "Recall"):
        visit.click("link", part)
    page.get_by_label("Words or a question").fill("what does Tessa drink?")
    page.get_by_label("words", exact=True).check()
    visit.click("button", "Search")
    visit.sees("I only drink peppermint tea.")
    visit.sees("0.")

    visit.click("link", "Core memory")
    page.get_by_role("link", name="Edit human").click()
    text = page.get_by_label("Text")
    text.fill("A manager.\nTessa drinks peppermint tea.")
    visit.sees("39 of 2,000 characters")  # counted as it is written
    visit.click("button", "Save")
    visit.sees("Saved as version 3.")
    assert page.locator(".came").first.inner_text().endswith("Tessa drinks peppermint tea.")
    visit.click("button", "Revert to version 2")
    visit.sees("It reads as in version 2 again.")
    assert page.get_by_label("Text").input_value() == "A manager.\nTessa drinks coffee."

    visit.click("link", "Forget")
    page.get_by_label("Speaker").select_option("Tessa")
    visit.click("button", "Show what would go")
    visit.sees("What would be erased of Tessa")
    visit.sees("1 line of core memory")
    page.get_by_label("I am sure").check()
    visit.click("button", "Erase for ever")
    visit.sees("Erased of Tessa")
    visit.sees("The files were overwritten.")
    visit.click("link", "Recall")
    assert "peppermint" not in page.inner_text("main")
    visit.end()


def test_pages_are_read_by_keyboard_and_without_scripts(address: str, browser: Any) -> None:
    visit = Visit(browser, address, 390, java_script_enabled=False)
    page = visit.page
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "To the content"
    for _ in range(2):
        page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "coder"
    page.keyboard.press("Enter")
    page.wait_for_url("**/core?agent=coder")
    assert page.locator("h1").inner_text() == "Core memory"
    assert page.get_by_role("navigation").get_by_role("link").count() == 7
    page.get_by_role("link", name="Edit human").click()
    page.get_by_label("Text").fill("A director.")
    page.get_by_role("button", name="Save").click()
    visit.sees("Saved as version 3.")
    visit.end()

"""A Chromium that is installed already, and what a page did in it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Dialog, Page, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")
# What a browser would ask of its maker has no place in a test.
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass
class Opened:
    """A page in the browser. said: errors of its console; asked: addresses that it requested."""

    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def refuse(self, dialog: Dialog) -> None:
        """Close a dialog, which would stop the page, and remember it."""
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def wait_for(self, expression: str, seconds: float = 20) -> Any:
        """The value of an expression once it is true; an assertion fails where it stays false.

        Playwright's own waiting makes code from text, which the page's policy forbids.
        """
        for _ in range(round(seconds * 20)):
            value = self.page.evaluate(expression)
            if value:
                return value
            self.page.wait_for_timeout(50)
        raise AssertionError(f"{expression} stayed false")

    def wait_until_drawn(self) -> None:
        """Every chart is drawn."""
        self.wait_for("!document.querySelector('figure.chart:not(.drawn)')")

    def saved(self, selector: str) -> str:
        """What a button offers as a file."""
        with self.page.expect_download() as started:
            self.page.evaluate("([s]) => document.querySelector(s).click()", [selector])
        return Path(started.value.path()).read_bytes().decode("utf-8")


@contextmanager
def browser() -> Iterator[Browser]:
    """A headless Chromium; the test is skipped where none is installed."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(_NAMES)} is on PATH (apt install chromium)")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=found, args=list(_ARGUMENTS))
        yield running
        running.close()


@contextmanager
def opened(running: Browser, path: Path, anchor: str = "", **options: Any) -> Iterator[Opened]:
    """A file in the browser. options: of the browser's context, e.g. color_scheme."""
    context = running.new_context(**options)
    made = Opened(context.new_page())
    made.page.on("pageerror", lambda error: made.said.append(str(error)))
    made.page.on(
        "console", lambda line: made.said.append(line.text) if line.type == "error" else None
    )
    made.page.on("request", lambda request: made.asked.append(request.url))
    made.page.on("dialog", made.refuse)
    made.page.goto(path.as_uri() + anchor)
    yield made
    context.close()

"""Chromium without a window: what people see, on a phone and on a desk, by keyboard alone, with and without scripts."""

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Protocol

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

CLIENTS = Path(__file__).parent.parent / "protocol" / "clients"
PHONE, DESK = (360, 740), (1280, 800)
SECONDS = 15_000


class Open(Protocol):
    """A fresh browser profile of a size."""

    def __call__(
        self, size: tuple[int, int] = PHONE, *, scripts: bool = True, dark: bool = False
    ) -> BrowserContext: ...


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium. While it is driven, no event loop can begin on this thread: so it ends with its module."""
    program = shutil.which("chromium")
    assert program is not None  # tests/conftest.py leaves these tests out where there is none
    with sync_playwright() as playwright:
        # Inside a container root has no namespaces to make a sandbox of; the pages are our own.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def open_browser(chromium: Browser) -> Iterator[Open]:
    """Profiles of a test's own, closed at its end; a page that logs an error or breaks its policy fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def start(size: tuple[int, int] = PHONE, *, scripts: bool = True, dark: bool = False) -> BrowserContext:
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]},
            java_script_enabled=scripts,
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
        )
        context.set_default_timeout(SECONDS)
        context.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        contexts.append(context)
        return context

    yield start
    for context in contexts:
        context.close()
    # what Chromium says of a status is no complaint about the page; neither is a client's address that nobody serves
    told = [text for text in complaints if "Failed to load resource" not in text]
    assert told == []


class Site(HTTPServer):
    """A client's own site: keeps where it was visited, and by what."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Visit)
        self.visits: list[str] = []
        self.redirect_uri = f"http://127.0.0.1:{self.server_port}/callback"


class _Visit(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        if self.path.startswith("/callback"):
            self.server.visits.append(self.path)
        self._answer()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.server.visits.append(self.path + "?" + body.decode())
        self._answer()

    def _answer(self) -> None:
        page = b"<!DOCTYPE html><html lang=en><title>The client</title><h1>Back at the client</h1></html>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def site() -> Iterator[Site]:
    """Where the client is answered."""
    server = Site()
    thread = threading.Thread(target=server.serve_forever, name="client's site")
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def axe() -> str:
    """The script of axe-core, of the lock beside the other clients."""
    script = CLIENTS / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        npm = shutil.which("npm")
        command = [str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        if npm is None or subprocess.run(command, cwd=CLIENTS, check=False, timeout=120).returncode:
            pytest.skip("npm cannot install axe-core: nobody checks what the pages are like for who cannot see them")
    return script.read_text(encoding="utf-8")


@pytest.fixture
def is_sound(axe: str, request: pytest.FixtureRequest) -> "IsSound":
    """Says that a page is fit for people; keeps a picture of it where ``GRANTLOG_PICTURES`` names a folder."""
    return IsSound(axe, request.node.name)


class IsSound:
    """Nothing serious by axe, no scrolling sideways, a title, a language."""

    def __init__(self, axe: str, test: str) -> None:
        self._axe = axe
        self._test = test

    def __call__(self, page: Page, name: str) -> None:
        folder = os.environ.get("GRANTLOG_PICTURES")
        if folder:
            width = page.viewport_size["width"] if page.viewport_size else 0
            page.screenshot(path=Path(folder) / f"{name}-{width}-{self._test[:40]}.png", full_page=True)
        assert page.title().strip()
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        if not page.evaluate("() => true"):
            return
        assert page.evaluate(wide) <= 0, f"{name} scrolls sideways"
        # through the debugger, as the page's own policy lets no script in
        page.evaluate(self._axe)
        found = page.evaluate("async () => (await axe.run()).violations")
        serious = [
            (each["id"], [node["html"][:200] for node in each["nodes"]])
            for each in found
            if each["impact"] in {"serious", "critical"}
        ]
        assert serious == [], f"{name}: {serious}"

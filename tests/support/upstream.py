"""An application with us as its provider, and us with another provider: the way of a browser between the two."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.support.app import Running
from tests.support.browser import Answer, Browser
from tests.support.code_flow import login_page
from tests.support.fake_provider import CLIENT_ID, CLIENT_SECRET, FakeProvider

from grantlog.settings import UpstreamProvider


def provider_at(issuer: str, **changes: Any) -> UpstreamProvider:
    """A provider as an operator configures it."""
    usual: dict[str, Any] = {
        "name": "elsewhere",
        "label": "Elsewhere & Co",
        "issuer": issuer,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "creates_accounts": True,
    }
    return UpstreamProvider(**(usual | changes))


@dataclass(frozen=True)
class Both:
    """We, and the provider."""

    app: Running
    provider: FakeProvider

    def begin(self, browser: Browser, **changes: str | None) -> str:
        """From an application to the provider: where the browser is sent."""
        page = login_page(self.app, browser, **changes)
        assert "Log in with Elsewhere &amp; Co" in page.text
        tx = dict(parse_qsl(urlsplit(page.url).query))["tx"]
        answer = browser.get(f"/login/upstream/start?tx={tx}&provider=elsewhere")
        assert answer.status == 303, answer.text
        return answer.location

    def come_back(self, browser: Browser, **changes: str | None) -> Answer:
        """The answer to who comes back from there."""
        return browser.get(self.provider.answer(self.begin(browser), **changes))


def is_nobody(browser: Browser) -> None:
    """Nobody is logged in in this browser."""
    assert "gl_session" not in browser.cookies

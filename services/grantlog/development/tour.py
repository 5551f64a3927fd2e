"""Five minutes with a running demo, over HTTP only: tokens, introspection elsewhere, rotation, a lost answer, a replay."""

import os
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from hashlib import sha256
from html.parser import HTMLParser
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, quote, urlencode, urljoin, urlsplit

import aiohttp

Say = Callable[[str], None]


class TourError(Exception):
    """The demo did not answer as it should."""


class Form(HTMLParser):
    """The first form of a page: where it goes, and what stands in its fields."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Takes the action and every input."""
        known = {name: value or "" for name, value in attrs}
        if tag == "form" and not self.action:
            self.action = known.get("action", "")
        if tag == "input" and "name" in known:
            self.fields[known["name"]] = known.get("value", "")


class Tour:
    """A browser, an application and a resource server, all in one."""

    def __init__(self, credentials: Mapping[str, Any], say: Say) -> None:
        """``credentials``: what ``.dev/credentials.json`` holds."""
        self._known = credentials
        self._say = say
        # a cookie jar that takes cookies from an address, as the demo's issuer is one
        self._http = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    async def run(self) -> None:
        """Walks through it all. Raises TourError where the demo answers otherwise."""
        client = self._known["clients"][0]
        self._say("1. A token for the application itself (client credentials), introspected by a resource server")
        own = await self._token(client, grant_type="client_credentials", scope="api:read")
        self._say(f"   {own['access_token'][:24]}…  {await self._introspect(own['access_token'])}")
        self._say("2. A person logs in and consents; the application redeems the code (PKCE, one time)")
        first = await self._log_in(client)
        self._say(f"   scope {first['scope']}, expires in {first['expires_in']} s, with an ID token")
        self._say("3. The refresh token is rotated. The answer gets lost, so the application asks again")
        second = await self._refresh(client, first)
        again = await self._refresh(client, first)
        self._say(f"   the retry got the same tokens: {'yes' if again == second else 'NO'}")
        self._say("4. The application goes on with the successor")
        third = await self._refresh(client, second)
        self._say(f"   {await self._introspect(third['access_token'])}")
        self._say("5. A thief replays the first refresh token")
        refused = await self._form("/token", client, grant_type="refresh_token", refresh_token=first["refresh_token"])
        self._say(f"   {refused['error']}: {refused['error_description']}")
        self._say("6. The family is dead, in the introspection of another process as well")
        alive = [each for each in (first, second, third) if await self._active(each["access_token"])]
        self._say(f"   active access tokens: {len(alive)} of 3")
        if alive or again != second or refused["error"] != "invalid_grant":
            raise TourError("the demo did not keep its promises")
        self._say(f"7. What the operator saw of it ({self._known['metrics']})")
        for line in await self._metrics("grantlog_refresh_total", "grantlog_revocations_total"):
            self._say(f"   {line}")

    async def _token(self, client: Mapping[str, Any], **parameters: str) -> dict[str, Any]:
        answer = await self._form("/token", client, **parameters)
        if "access_token" not in answer:
            raise TourError(f"/token answered {answer}")
        return answer

    async def _refresh(self, client: Mapping[str, Any], tokens: Mapping[str, str]) -> dict[str, Any]:
        return await self._token(client, grant_type="refresh_token", refresh_token=tokens["refresh_token"])

    async def _active(self, token: str) -> bool:
        server = self._known["resource_server"]
        url = f"{self._known['introspection']}/introspect"
        async with self._http.post(url, data={"token": token}, headers=_basic(server)) as answer:
            return bool((await answer.json())["active"])

    async def _introspect(self, token: str) -> str:
        return "active" if await self._active(token) else "inactive"

    async def _form(self, path: str, client: Mapping[str, Any], **parameters: str) -> dict[str, Any]:
        async with self._http.post(self._known["issuer"] + path, data=parameters, headers=_basic(client)) as answer:
            document: dict[str, Any] = await answer.json()
            return document

    async def _log_in(self, client: Mapping[str, Any]) -> dict[str, Any]:
        """The browser's way: authorize, login page, consent page, and back to the application with a code."""
        verifier = urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()
        state = urlsafe_b64encode(os.urandom(12)).decode()
        redirect = "https://client.example/callback"
        query = {
            "response_type": "code",
            "client_id": client["client_id"],
            "redirect_uri": redirect,
            "scope": "openid api:read api:write",
            "state": state,
            # who took the tour before has allowed it already: he is shown the page all the same
            "prompt": "consent",
            "code_challenge": urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        url = f"{self._known['issuer']}/authorize?{urlencode(query)}"
        filled = dict(self._known["user"])
        for _ in range(2):  # the login form, then the consent form
            async with self._http.get(url) as page:
                form = Form(await page.text())
                url = urljoin(str(page.url), form.action)
            async with self._http.post(url, data={**form.fields, **filled}, allow_redirects=False) as answer:
                url = urljoin(url, answer.headers.get("Location", ""))
            filled = {"decision": "allow"}
        back = parse_qs(urlsplit(url).query)
        # RFC 9700 4.4: the application compares state, and iss with the issuer it asked (RFC 9207)
        if back.get("state") != [state] or back.get("iss") != [self._known["issuer"]]:
            raise TourError("the login did not lead back to the application")
        return await self._token(
            client, grant_type="authorization_code", code=back["code"][0], redirect_uri=redirect, code_verifier=verifier
        )

    async def _metrics(self, *names: str) -> list[str]:
        async with self._http.get(self._known["metrics"]) as answer:
            lines = (await answer.text()).splitlines()
        return [line for line in lines if line.startswith(names) and not line.endswith(" 0.0")]


def _basic(client: Mapping[str, Any]) -> dict[str, str]:
    """RFC 6749 section 2.3.1."""
    pair = f"{quote(client['client_id'], safe='')}:{quote(client['client_secret'], safe='')}"
    return {"Authorization": "Basic " + b64encode(pair.encode()).decode()}

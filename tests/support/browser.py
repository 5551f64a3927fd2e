"""A browser without scripts: cookies, forms and redirects, and nothing that hides what the server really said."""

import http.client
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import msgspec

Pairs = Mapping[str, str] | Sequence[tuple[str, str]]
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status, headers (lower-case names, all values), body."""

    status: int
    headers: Mapping[str, list[str]]
    body: bytes
    url: str

    def header(self, name: str) -> str | None:
        """The one value of a header."""
        values = self.headers.get(name.lower(), [])
        assert len(values) <= 1, f"{name} came {len(values)} times"
        return values[0] if values else None

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    @property
    def json(self) -> Any:
        """The body as JSON."""
        assert self.header("Content-Type") in {"application/json", "application/json; charset=utf-8"}, self.text
        return msgspec.json.decode(self.body)

    @property
    def location(self) -> str:
        """Where the redirect leads, absolute."""
        return urljoin(self.url, self.header("Location") or "")

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the redirect."""
        pairs = parse_qsl(urlsplit(self.location).query, keep_blank_values=True)
        assert len(dict(pairs)) == len(pairs), "a parameter is doubled"
        return dict(pairs)

    @property
    def forms(self) -> list["Form"]:
        """The forms of the page."""
        parser = _Forms()
        parser.feed(self.text)
        return parser.found

    @property
    def set_cookies(self) -> dict[str, Mapping[str, Any]]:
        """The cookies that were set: value and attributes."""
        jar: dict[str, Mapping[str, Any]] = {}
        for line in self.headers.get("set-cookie", []):
            for name, morsel in SimpleCookie(line).items():
                jar[name] = {"value": morsel.value, **{key: value for key, value in morsel.items() if value != ""}}
        return jar


@dataclass(slots=True)
class Form:
    """One form: where it goes, and the values it has."""

    action: str
    method: str
    values: dict[str, str] = field(default_factory=dict)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append(Form(given.get("action", ""), given.get("method", "get")))
        elif tag == "input" and self.found and "name" in given:
            self.found[-1].values[given["name"]] = given.get("value", "")


class Browser:
    """Sends requests with its cookies, and follows nothing by itself."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.cookies: dict[str, str] = {}

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """GET of a path or URL of the server."""
        return self.request("GET", path, headers=headers)

    def post(self, path: str, values: Pairs, headers: Mapping[str, str] | None = None) -> Answer:
        """POST of a form, as a page of the server itself would."""
        pairs = list(values.items()) if isinstance(values, Mapping) else list(values)
        given = {"Content-Type": FORM, **(headers or {})}
        return self.request("POST", path, body=urlencode(pairs).encode(), headers=given)

    def submit(self, page: Answer, **values: str) -> Answer:
        """Fills in the page's form and sends it."""
        form = page.forms[0]
        assert form.method == "post"
        return self.post(urljoin(page.url, form.action), form.values | values)

    def follow(self, answer: Answer) -> Answer:
        """Goes where a redirect leads, within the server."""
        assert answer.status == 303, (answer.status, answer.text)
        return self.get(answer.location)

    def request(
        self, method: str, path: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request on a connection of its own."""
        target = urlsplit(urljoin(self.url + "/", path))
        assert target.netloc == urlsplit(self.url).netloc, f"{path} is not of this server"
        given = dict(headers or {})
        if self.cookies:
            given.setdefault("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        connection = http.client.HTTPConnection(target.netloc, timeout=30)
        try:
            connection.request(method, target.path + (f"?{target.query}" if target.query else ""), body, given)
            response = connection.getresponse()
            found: dict[str, list[str]] = {}
            for name, value in response.getheaders():
                found.setdefault(name.lower(), []).append(value)
            answer = Answer(response.status, found, response.read(), target.geturl())
        finally:
            connection.close()
        for name, cookie in answer.set_cookies.items():
            if cookie.get("max-age") == "0":
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = cookie["value"]
        return answer

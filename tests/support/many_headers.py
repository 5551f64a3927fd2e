"""Requests whose headers may come more than once."""

import http.client
from collections.abc import Sequence
from urllib.parse import urlsplit

from tests.support.browser import FORM, Answer


def send(url: str, method: str, path: str, headers: Sequence[tuple[str, str]], body: bytes = b"") -> Answer:
    """One request with exactly these headers, and those of its body."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        connection.putrequest(method, path)
        if body:
            connection.putheader("Content-Type", FORM)
            connection.putheader("Content-Length", str(len(body)))
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        found: dict[str, list[str]] = {}
        for name, value in response.getheaders():
            found.setdefault(name.lower(), []).append(value)
        return Answer(response.status, found, response.read(), url + path)
    finally:
        connection.close()

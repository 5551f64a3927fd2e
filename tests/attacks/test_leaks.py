"""Nothing secret of a whole session stands in a log, a metric, a URL, the database or the projection."""

import re
from http.client import HTTPConnection
from urllib.parse import urlsplit

import asyncpg
import pytest
import redis
from tests.support.app import INITIAL_ACCESS_TOKEN, PASSWORD, Running
from tests.support.clients import client_of
from tests.support.code_flow import VERIFIER, redirect_of


@pytest.fixture(scope="module")
def secrets(app: Running) -> dict[str, str]:
    """Everything secret that a session is made of, after the session: code, tokens, cookies, password, client secret."""
    browser, web = app.browser(), client_of(app)
    answer = redirect_of(app, browser)
    code = answer.query["code"]
    first = web.token("authorization_code", code=code, code_verifier=VERIFIER).json
    second = web.refresh(first["refresh_token"]).json
    client_of(app, "resource_server").introspect(second["access_token"])
    web.refresh(first["refresh_token"])  # answered again
    web.token("authorization_code", code=code, code_verifier=VERIFIER)  # a replay
    web.revoke(second["access_token"])
    app.browser().get("/authorize?" + PASSWORD.replace(" ", "+"))
    return {
        "code": code,
        "first access token": first["access_token"],
        "first refresh token": first["refresh_token"],
        "second access token": second["access_token"],
        "second refresh token": second["refresh_token"],
        "ID token": first["id_token"],
        "password": PASSWORD,
        "client secret": web.credentials.client_secret or "",
        "verifier": VERIFIER,
        **{f"cookie {name}": value for name, value in browser.cookies.items()},
    }


def _secret_part(text: str) -> bytes:
    """What of a text proves something: an id or a prefix may stand anywhere."""
    return text[-30:].encode()


def test_no_secret_of_a_whole_session_is_in_a_log_a_metric_or_a_url(
    app: Running, secrets: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    answer = redirect_of(app, app.browser())
    client_of(app).token("authorization_code", code=answer.query["code"], code_verifier="x" * 43)
    logged = "".join(capfd.readouterr())
    where = urlsplit(app.metrics_url)
    connection = HTTPConnection(where.netloc, timeout=30)
    connection.request("GET", "/metrics")
    metrics = connection.getresponse().read().decode()
    connection.close()
    assert "grantlog_http_requests_total" in metrics
    for name, secret in {**secrets, "another code": answer.query["code"]}.items():
        part = _secret_part(secret).decode()
        assert part not in logged, name
        assert part not in metrics, name
    assert INITIAL_ACCESS_TOKEN not in logged
    # of all that a session is made of only the code is ever part of a URL, once
    assert set(answer.query) == {"code", "state", "iss"}


async def test_no_token_of_a_whole_session_is_in_the_database_or_in_the_projection(
    app: Running, secrets: dict[str, str]
) -> None:
    connection = await asyncpg.connect(app.settings.database_url.get_secret_value())
    try:
        tables = await connection.fetch(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        everything = b""
        for table in tables:
            rows = await connection.fetch(f'SELECT t::text AS row FROM "{table["relname"]}" t')  # noqa: S608  # names from the catalogue
            everything += "\n".join(row["row"] for row in rows).encode()
    finally:
        await connection.close()
    assert b"grant.authorized" in everything
    store = redis.Redis.from_url(app.settings.redis_url.get_secret_value())
    projected = b"".join(key + (store.dump(key) or b"") for key in store.scan_iter())
    store.close()
    for name, secret in secrets.items():
        part = _secret_part(secret)
        assert part not in everything, name
        assert part not in projected, name
        # bytes stand in hexadecimal or base64 there
        assert part.hex().encode() not in everything, name
    assert re.search(rb"alice@example\.com", everything) is None

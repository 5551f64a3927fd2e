"""Token buckets: who fails too often waits, says the answer, and nobody else does."""

import json
import re

from tests.support.app import INITIAL_ACCESS_TOKEN, REDIRECT, WEB, Credentials, Running, StartApp
from tests.support.browser import Answer, Browser
from tests.support.clients import Client, client_of, is_refused
from tests.support.flows import Person

FORWARDED = "X-Forwarded-For"
ME, SOMEBODY = {FORWARDED: "192.0.2.1"}, {FORWARDED: "198.51.100.7"}
TRUSTED = "127.0.0.0/8"
RULES = {"/token": "token", "/introspect": "introspect", "/introspect/batch": "introspect", "/revoke": "revoke"}


def is_throttled(answer: Answer) -> None:
    """429, JSON, and when to come back (RFC 6585 section 4)."""
    is_refused(answer, "temporarily_unavailable", 429)
    assert 1 <= int(answer.header("Retry-After") or 0) <= 60


def throttled(app: Running, rule: str) -> float:
    """How many were told to wait, as the metric says."""
    text = Browser(app.metrics_url).get("/metrics").text
    found = re.search(rf'^grantlog_throttled_total\{{[^}}]*rule="{rule}"[^}}]*\}} (\S+)$', text, re.MULTILINE)
    return 0.0 if found is None else float(found[1])


def statuses(client: Client, path: str, values: dict[str, str], headers: dict[str, str], number: int) -> list[int]:
    return [client.post(path, values, headers).status for _ in range(number)]


def test_failed_proofs_are_counted_per_client_and_address_at_every_endpoint(start_app: StartApp) -> None:
    app = start_app(trusted_proxies=TRUSTED, rate_token="3/minute", rate_revoke="3/minute")
    form = {"grant_type": "client_credentials", "token": "x"}
    guard = client_of(app, "resource_server")
    for path, rule in RULES.items():
        before = throttled(app, rule)
        right = Client(app.url, app.register(WEB))
        wrong = Client(app.url, Credentials(right.client_id, "wrong"))
        assert statuses(wrong, path, form, ME, 3) == [401] * 3
        is_throttled(wrong.post(path, form, ME))
        # the right secret does not help whoever guesses, and does not tell him that it is right
        is_throttled(right.post(path, form, ME))
        assert guard.post(path, form, ME).status == 200
        assert right.post(path, form, SOMEBODY).status in {200, 400}
        assert throttled(app, rule) >= before + 2


def test_what_succeeds_is_never_counted(start_app: StartApp) -> None:
    app = start_app(rate_token="3/minute", rate_revoke="3/minute")
    web, guard = client_of(app), client_of(app, "resource_server")
    form = {"grant_type": "client_credentials"}
    assert statuses(web, "/token", form, {}, 10) == [200] * 10
    assert statuses(guard, "/introspect", {"token": "junk"}, {}, 10) == [200] * 10
    assert statuses(web, "/revoke", {"token": "junk"}, {}, 10) == [200] * 10


def test_guessed_codes_and_refresh_tokens_are_failures_too(start_app: StartApp) -> None:
    app = start_app(rate_token="3/minute")
    spa, person = client_of(app, "spa"), Person(app)
    tokens = person.tokens("spa")
    form = {"grant_type": "refresh_token", "refresh_token": "gl_rt_" + "A" * 90}
    assert statuses(spa, "/token", form, {}, 3) == [400] * 3
    is_throttled(spa.refresh(tokens.refresh))
    assert app.introspect(tokens.access)["active"] is True


def test_foreign_revocations_are_failures(start_app: StartApp) -> None:
    app = start_app(rate_revoke="2/minute")
    tokens = Person(app).tokens()
    form = {"token": tokens.refresh}
    assert statuses(client_of(app, "spa"), "/revoke", form, {}, 2) == [400] * 2
    is_throttled(client_of(app, "spa").post("/revoke", form))
    assert client_of(app).revoke(tokens.refresh).status == 200


def test_every_registration_counts(start_app: StartApp) -> None:
    app = start_app(rate_register="3/minute", trusted_proxies=TRUSTED)
    before = throttled(app, "register")
    body = json.dumps({"redirect_uris": [REDIRECT]}).encode()

    def register(where: dict[str, str], token: str = INITIAL_ACCESS_TOKEN) -> Answer:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}", **where}
        return app.browser().request("POST", "/register", body=body, headers=headers)

    assert [register(ME).status for _ in range(3)] == [201] * 3
    is_throttled(register(ME))
    assert [register(SOMEBODY, "wrong").status for _ in range(3)] == [401] * 3
    is_throttled(register(SOMEBODY))
    assert register({FORWARDED: "203.0.113.5"}).status == 201
    assert throttled(app, "register") >= before + 2


def test_retries_beyond_the_limit_show_in_the_metric(start_app: StartApp) -> None:
    app = start_app(grace_retries=1, grace_window=60)
    before = throttled(app, "retry")
    web, tokens = client_of(app), Person(app).tokens()
    assert [web.refresh(tokens.refresh).status for _ in range(2)] == [200] * 2
    is_throttled(web.refresh(tokens.refresh))
    assert throttled(app, "retry") == before + 1


def test_a_bucket_fills_again(start_app: StartApp) -> None:
    app = start_app(rate_token="1/second")
    form = {"grant_type": "client_credentials"}
    wrong = Client(app.url, Credentials(app.clients["web"].client_id, "wrong"))
    assert wrong.post("/token", form).status == 401
    is_throttled(client_of(app).post("/token", form))
    app.pass_seconds(1.1)
    assert client_of(app).post("/token", form).status == 200


def test_the_defaults_bear_a_load_test(app: Running) -> None:
    form = {"grant_type": "client_credentials", "scope": "nonsense"}
    assert set(statuses(client_of(app), "/token", form, {}, 100)) == {400}

"""OpenID Connect RP-Initiated Logout 1.0: only an ID token of this very session ends it without a question."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from json import dumps, loads
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from tests.support.app import PASSWORD, WEB, Credentials, Running, StartApp
from tests.support.browser import Answer, Browser
from tests.support.code_flow import authorize, consent_page, log_in, login_page, redeem, redirect_of

from grantlog.flows import logout as flow

AFTER = "https://client.example/logged-out"
AFTER_WITH_QUERY = "https://client.example/logged-out?tenant=1"
METADATA = replace(WEB, post_logout_redirect_uris=(AFTER, AFTER_WITH_QUERY))


@pytest.fixture(scope="module")
def app(app: Running) -> Running:
    """With a client that registered where it wants users to go on to."""
    app.clients["leaving"] = app.register(METADATA)
    return app


class Visit:
    """A browser with a session, and the ID token of the client it began with."""

    def __init__(self, app: Running, client: str = "leaving", username: str | None = None) -> None:
        self.app = app
        self.browser: Browser = app.browser()
        if username is not None:
            log_in(self.browser, login_page(app, self.browser, client), username=username)
        code = redirect_of(app, self.browser, client).query["code"]
        self.tokens = redeem(app, code, client).json
        self.id_token: str = self.tokens["id_token"]

    @property
    def logged_in(self) -> bool:
        """Whether the session is alive, by the cookie that the browser had."""
        return "/login" not in authorize(self.app, self.browser).location

    def get(self, **parameters: str) -> Answer:
        return self.browser.get("/logout?" + urlencode(parameters))

    def is_dead(self) -> bool:
        return bool(self.app.introspect(self.tokens["access_token"]) == {"active": False})


def is_a_question(answer: Answer, status: int = 200) -> bool:
    return answer.status == status and [form.action for form in answer.forms] == ["/logout/confirm"]


def claims_of(token: str) -> dict[str, object]:
    payload = token.split(".")[1]
    found: dict[str, object] = loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found


def test_an_id_token_of_the_session_ends_it_and_goes_where_the_client_registered(app: Running) -> None:
    visit = Visit(app)
    answer = visit.get(id_token_hint=visit.id_token, post_logout_redirect_uri=AFTER, state="a b&c")
    assert answer.status == 303
    assert answer.location == AFTER + "?state=a+b%26c"
    assert "gl_session" not in visit.browser.cookies
    assert visit.is_dead()
    assert not visit.logged_in


def test_the_same_by_post(app: Running) -> None:
    visit = Visit(app)
    values = {"id_token_hint": visit.id_token, "post_logout_redirect_uri": AFTER, "client_id": client_id(app)}
    answer = visit.browser.post("/logout", values)
    assert (answer.status, answer.location) == (303, AFTER)
    assert visit.is_dead()


def test_a_post_from_another_site_brings_no_cookies_and_comes_again_by_get(app: Running) -> None:
    visit = Visit(app)
    elsewhere = app.browser()
    values = {"id_token_hint": visit.id_token, "post_logout_redirect_uri": AFTER_WITH_QUERY, "state": "x"}
    first = elsewhere.post("/logout", values, {"Origin": "https://client.example", "Sec-Fetch-Site": "cross-site"})
    assert first.status == 303
    assert visit.id_token not in first.location
    assert not visit.is_dead()
    done = visit.browser.get(first.location)
    assert (done.status, done.location) == (303, AFTER_WITH_QUERY + "&state=x")
    assert visit.is_dead()


def test_a_post_without_anything_leads_to_the_question(app: Running) -> None:
    assert app.browser().post("/logout", {}).location == app.url + "/logout"
    assert app.browser().get("/logout?tx=unknown").status == 400
    assert app.browser().get("/logout?tx=" + "%C3%A9" * 43).status == 400


def test_posts_without_cookies_cannot_fill_the_store(app: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "WAITING_LIMIT", 1)
    app.browser().post("/logout", {"client_id": client_id(app)})
    refused = app.browser().post("/logout", {"client_id": client_id(app)})
    assert refused.status == 429
    assert refused.header("Retry-After") == str(flow.KEPT_FOR)


def test_without_a_redirect_uri_a_page_says_that_it_is_done(app: Running) -> None:
    visit = Visit(app)
    answer = visit.get(id_token_hint=visit.id_token)
    assert (answer.status, answer.forms) == (200, [])
    assert "You are logged out" in answer.text
    assert visit.is_dead()


def test_without_a_session_a_good_request_goes_on_at_once(app: Running) -> None:
    visit = Visit(app)
    del visit.browser.cookies["gl_session"]
    answer = visit.get(id_token_hint=visit.id_token, post_logout_redirect_uri=AFTER)
    assert (answer.status, answer.location) == (303, AFTER)


def test_logging_out_twice_ends_at_the_same_place(app: Running) -> None:
    visit = Visit(app)
    cookie = visit.browser.cookies["gl_session"]
    for _ in range(2):
        visit.browser.cookies["gl_session"] = cookie
        answer = visit.get(id_token_hint=visit.id_token, post_logout_redirect_uri=AFTER)
        assert (answer.status, answer.location) == (303, AFTER)


def test_an_expired_id_token_is_good_enough(start_app: StartApp) -> None:
    app = start_app(id_token_lifetime=1)
    app.clients["leaving"] = app.register(METADATA)
    visit = Visit(app)
    app.pass_seconds(2.1)
    answer = visit.get(id_token_hint=visit.id_token, post_logout_redirect_uri=AFTER)
    assert (answer.status, answer.location) == (303, AFTER)
    assert visit.is_dead()


def test_the_user_is_asked_and_only_then_goes_on(app: Running) -> None:
    """Section 2: "the OP SHOULD ask the End-User whether to log out of the OP as well", where no hint names this session."""
    app.add_user("other-user")
    visit, other = Visit(app), Visit(app, username="other-user")
    page = visit.get(id_token_hint=other.id_token, post_logout_redirect_uri=AFTER, state="s")
    assert is_a_question(page)
    assert visit.logged_in
    done = visit.browser.submit(page)
    assert (done.status, done.location) == (303, AFTER + "?state=s")
    assert visit.is_dead()
    assert not other.is_dead()


def test_an_id_token_of_another_session_of_the_same_user_asks_first(app: Running) -> None:
    one, other = Visit(app), Visit(app)
    assert is_a_question(one.get(id_token_hint=other.id_token, post_logout_redirect_uri=AFTER))
    assert one.logged_in
    assert other.logged_in


def test_who_logged_in_again_for_a_request_leaves_by_the_id_token_from_before(app: Running) -> None:
    visit = Visit(app)
    log_in(visit.browser, login_page(app, visit.browser, prompt="login consent"))
    answer = visit.get(id_token_hint=visit.id_token, post_logout_redirect_uri=AFTER)
    assert (answer.status, answer.location) == (303, AFTER)
    assert visit.is_dead()
    assert not visit.logged_in


@pytest.mark.parametrize("hinted", [True, False])
@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example/",
        AFTER + "/",
        AFTER + "?x=1",
        AFTER.upper(),
        "https://client.example/callback",
        "javascript:alert(1)",
        "",
    ],
)
def test_a_uri_that_is_not_registered_never_leads_anywhere(app: Running, uri: str, hinted: bool) -> None:
    visit = Visit(app)
    who = {"id_token_hint": visit.id_token} if hinted else {"client_id": client_id(app)}
    page = visit.get(post_logout_redirect_uri=uri, **who)
    if uri:
        assert is_a_question(page, 400)
        assert uri not in page.text
        assert visit.logged_in
        done = visit.browser.submit(page)
        assert (done.status, done.header("Location")) == (200, None)
        assert visit.is_dead()
    else:
        # RFC 6749 3.1: "Parameters sent without a value MUST be treated as if they were omitted from the request."
        assert page.header("Location") is None


def test_a_registered_uri_without_a_hint_asks_and_never_redirects(app: Running) -> None:
    visit = Visit(app)
    page = visit.get(client_id=client_id(app), post_logout_redirect_uri=AFTER, state="s")
    assert is_a_question(page)
    done = visit.browser.submit(page)
    assert (done.status, done.header("Location")) == (200, None)
    # the user may go on by himself
    assert f'href="{AFTER}?state=s"' in done.text
    assert visit.is_dead()
    again = app.browser().get("/logout?" + urlencode({"client_id": client_id(app), "post_logout_redirect_uri": AFTER}))
    assert (again.status, again.header("Location")) == (200, None)


@pytest.mark.parametrize("who", [{}, {"client_id": "nobody"}])
def test_a_uri_without_a_hint_or_client_is_a_page(app: Running, who: dict[str, str]) -> None:
    visit = Visit(app)
    page = visit.get(post_logout_redirect_uri=AFTER, state="s", **who)
    assert is_a_question(page, 400)
    assert AFTER not in page.text
    assert app.browser().get("/logout?" + urlencode({"post_logout_redirect_uri": AFTER})).header("Location") is None


def forged(token: str, **changes: object) -> str:
    """The ID token with another payload and the old signature."""
    header, _, signature = token.split(".")
    payload = urlsafe_b64encode(dumps(claims_of(token) | changes).encode()).rstrip(b"=").decode()
    return f"{header}.{payload}.{signature}"


def unsigned(token: str) -> str:
    header = urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    return f"{header}.{token.split('.')[1]}."


@pytest.mark.parametrize("how", ["none", "forged", "junk", "empty parts", "access", "huge", "jwe"])
def test_a_hint_that_is_no_id_token_of_ours_is_a_page(app: Running, how: str) -> None:
    visit = Visit(app)
    hint = {
        "none": unsigned(visit.id_token),
        "forged": forged(visit.id_token, sub="somebody"),
        "junk": "junk",
        "empty parts": "..",
        "access": visit.tokens["access_token"],
        "huge": visit.id_token + "A" * 5000,
        "jwe": "a.b.c.d.e",
    }[how]
    page = visit.get(id_token_hint=hint, post_logout_redirect_uri=AFTER)
    assert is_a_question(page, 400)
    assert visit.logged_in
    done = visit.browser.submit(page)
    assert (done.status, done.header("Location")) == (200, None)


def test_a_jwt_access_token_is_no_hint(app: Running) -> None:
    app.clients["jwt"] = app.register(replace(METADATA, access_token_format="jwt"))
    visit = Visit(app, "jwt")
    assert visit.tokens["access_token"].count(".") == 2
    assert is_a_question(visit.get(id_token_hint=visit.tokens["access_token"], post_logout_redirect_uri=AFTER), 400)


def test_a_hint_of_one_client_proves_nothing_for_another(app: Running) -> None:
    """Section 2: "the OP MUST verify that the Client Identifier matches the one used when issuing the ID Token"."""
    visit = Visit(app)
    page = visit.get(
        id_token_hint=visit.id_token, client_id=app.clients["web"].client_id, post_logout_redirect_uri=AFTER
    )
    assert is_a_question(page, 400)
    assert visit.logged_in


def test_another_clients_uri_is_not_ones_own(app: Running) -> None:
    visit = Visit(app, "web")
    assert is_a_question(visit.get(id_token_hint=visit.id_token, post_logout_redirect_uri=AFTER), 400)


def test_the_confirmation_is_bound_to_where_it_leads_and_to_the_session(app: Running) -> None:
    visit, other = Visit(app), Visit(app)
    values = visit.get(client_id=client_id(app)).forms[0].values
    for changes in ({"to": "https://evil.example/", "how": "redirect"}, {"to": "https://evil.example/"}, {"csrf": "x"}):
        assert visit.browser.post("/logout/confirm", values | changes).status == 403
    assert other.browser.post("/logout/confirm", values).status == 403
    refused = visit.browser.post("/logout/confirm", values, {"Sec-Fetch-Site": "cross-site"})
    assert refused.status == 403
    assert visit.logged_in


def test_the_form_may_lead_to_the_registered_uri(app: Running) -> None:
    app.add_user("third-user")
    visit, other = Visit(app), Visit(app, username="third-user")
    page = visit.get(id_token_hint=other.id_token, post_logout_redirect_uri=AFTER)
    assert "form-action 'self' https://client.example;" in (page.header("Content-Security-Policy") or "")


@pytest.mark.parametrize("doubled", ["id_token_hint", "client_id", "post_logout_redirect_uri", "state"])
def test_a_doubled_parameter_is_refused(app: Running, doubled: str) -> None:
    assert app.browser().get(f"/logout?{doubled}=a&{doubled}=b").status == 400


def test_hints_for_people_change_nothing(app: Running) -> None:
    visit = Visit(app)
    assert is_a_question(visit.get(logout_hint="alice", ui_locales="de fr", unknown="x"))


def test_every_client_knows_the_session_by_another_name(app: Running) -> None:
    app.clients["second"] = app.register(METADATA)
    visit = Visit(app)
    second = redeem(app, redirect_of(app, visit.browser, "second").query["code"], "second").json["id_token"]
    first_sid, second_sid = claims_of(visit.id_token)["sid"], claims_of(second)["sid"]
    assert first_sid
    assert second_sid
    assert first_sid != second_sid
    again = redeem(app, redirect_of(app, visit.browser, "leaving").query["code"], "leaving").json["id_token"]
    assert claims_of(again)["sid"] == first_sid


def test_a_pairwise_subject_is_recognised(app: Running) -> None:
    app.clients["pairwise"] = app.register(replace(METADATA, subject_type="pairwise", sector_identifier="a.example"))
    visit = Visit(app, "pairwise")
    assert claims_of(visit.id_token)["sub"] != str(app.account)
    answer = visit.get(id_token_hint=visit.id_token, post_logout_redirect_uri=AFTER)
    assert (answer.status, answer.location) == (303, AFTER)


def test_somebody_else_logging_in_here_ends_the_session_before(app: Running) -> None:
    app.add_user("newcomer")
    visit = Visit(app)
    cookie = visit.browser.cookies["gl_session"]
    log_in(visit.browser, login_page(app, visit.browser, prompt="login consent"), username="newcomer")
    assert visit.is_dead()
    visit.browser.cookies["gl_session"] = cookie
    assert not visit.logged_in


def test_logging_in_again_ends_nothing_of_ones_own_until_one_leaves(app: Running) -> None:
    visit = Visit(app)
    for _ in range(2):
        log_in(visit.browser, login_page(app, visit.browser, prompt="login consent"))
    assert not visit.is_dead()
    assert visit.browser.submit(visit.browser.get("/logout")).status == 200
    assert visit.is_dead()


def client_id(app: Running) -> str:
    known: Credentials = app.clients["leaving"]
    return known.client_id


def test_the_question_keeps_no_token_of_the_client(app: Running) -> None:
    app.add_user("fourth-user")
    visit, other = Visit(app), Visit(app, username="fourth-user")
    page = visit.get(id_token_hint=other.id_token)
    assert other.id_token not in page.text
    assert parse_qs(urlsplit(page.url).query)["id_token_hint"] == [other.id_token]
    assert PASSWORD not in page.text
    assert is_a_question(page)
    assert consent_page(app, visit.browser).status == 200

"""RFC 9126: requests are pushed before anybody's browser is sent anywhere."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.support.app import API, BILLING, REDIRECT, SPA, WEB, Running, StartApp
from tests.support.browser import FORM, Answer, Browser
from tests.support.clients import is_not_stored, is_refused
from tests.support.code_flow import log_in, parameters, redeem
from tests.support.request_objects import Signer, with_keys

URN = "urn:ietf:params:oauth:request_uri:"
GONE = "invalid_request_uri"
ASKED = {"prompt": "consent"}
"""So that the page is shown, whatever the person has allowed before."""


@pytest.fixture
def client(app: Running) -> Signer:
    """A confidential client with a secret."""
    return Signer(app, app.clients["web"], usual=ASKED)


def consent(client: Signer, browser: Browser, uri: str) -> Answer:
    """The consent page that a pushed request leads to, logging in where it has to be."""
    page = browser.follow(client.authorize(browser, request_uri=uri))
    return page if "/consent" in page.url else log_in(browser, page)


def test_a_pushed_request_is_answered_by_a_uri_of_high_entropy_and_a_short_life(client: Signer) -> None:
    answer = client.push(client.request())
    assert answer.status == 201
    assert set(answer.json) == {"request_uri", "expires_in"}
    assert answer.json["request_uri"].startswith(URN)
    assert len(answer.json["request_uri"]) == len(URN) + 43
    assert 5 <= answer.json["expires_in"] < 600
    is_not_stored(answer)
    assert client.push(client.request()).json["request_uri"] != answer.json["request_uri"]


def test_the_whole_flow_with_nothing_but_client_id_and_request_uri(app: Running, client: Signer) -> None:
    browser = app.browser()
    answer = browser.submit(consent(client, browser, client.pushed()), decision="allow")
    assert answer.query["state"] == "a state & more"
    assert answer.query["iss"] == app.settings.issuer
    assert redeem(app, answer.query["code"]).status == 200


def test_public_clients_push_by_naming_themselves(app: Running) -> None:
    spa = app.clients["spa"]
    answer = app.browser().post("/par", parameters(app, "spa"))
    assert answer.status == 201
    browser = app.browser()
    page = browser.follow(browser.get(f"/authorize?client_id={spa.client_id}&request_uri={answer.json['request_uri']}"))
    assert "code" in browser.submit(log_in(browser, page), decision="allow").query


def test_several_resources_are_pushed_as_several(app: Running, client: Signer) -> None:
    pairs = [*client.request().items(), ("resource", API), ("resource", BILLING)]
    answer = app.browser().post("/par", pairs, {"Authorization": client.credentials.basic})
    assert answer.status == 201
    page = consent(client, app.browser(), answer.json["request_uri"])
    assert API in page.text
    assert BILLING in page.text


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"redirect_uri": "https://evil.example/"}, "invalid_request"),
        ({"redirect_uri": None}, "invalid_request"),
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_mode": "web_message"}, "invalid_request"),
        ({"scope": "nonsense"}, "invalid_scope"),
        ({"resource": "https://unknown.example/"}, "invalid_target"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"state": "s" * 3000}, "invalid_request"),
        ({"claims": "{"}, "invalid_request"),
        ({"dpop_jkt": "short"}, "invalid_request"),
        ({"id_token_hint": "a.b.c"}, "invalid_request"),
        ({"request": "a.b.c"}, "invalid_request_object"),
        ({"registration": "{}"}, "registration_not_supported"),
        ({"authorization_details": '[{"type":"unknown"}]'}, "invalid_authorization_details"),
        # RFC 9126 2.1: "The request_uri authorization request parameter is one exception, and it MUST NOT be provided."
        ({"request_uri": URN + "a" * 43}, "invalid_request"),
    ],
    ids=str,
)
def test_what_authorize_would_refuse_is_refused_here_in_json(
    client: Signer, changes: dict[str, str | None], error: str
) -> None:
    is_refused(client.push(client.request(**changes)), error)


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Basic bm9ib2R5Ong="}, {"Authorization": "Bearer x"}],
    ids=["none", "wrong", "bearer"],
)
def test_confidential_clients_prove_themselves_as_at_the_token_endpoint(
    app: Running, client: Signer, headers: dict[str, str]
) -> None:
    asked = (
        {name: value for name, value in client.request().items() if name != "client_id"}
        if headers
        else client.request()
    )
    is_refused(app.browser().post("/par", asked, headers), "invalid_client", 401)


def test_nobody_pushes_in_anothers_name(app: Running, client: Signer) -> None:
    asked = client.request(client_id=app.clients["spa"].client_id)
    assert client.push(asked).status in {400, 401}


def test_a_suspended_client_pushes_nothing(app: Running) -> None:
    gone = app.register(WEB)
    app.suspend(gone)
    client = Signer(app, gone)
    is_refused(client.push(client.request()), "invalid_client", 401)


def test_only_post_is_answered_and_only_a_form(app: Running, client: Signer) -> None:
    got = app.browser().get("/par")
    assert (got.status, got.header("Allow")) == (405, "OPTIONS,POST")
    json = app.browser().request(
        "POST",
        "/par",
        body=b"{}",
        headers={"Content-Type": "application/json", "Authorization": client.credentials.basic},
    )
    is_refused(json, "invalid_request")


def test_a_request_that_is_too_large_is_413(app: Running, client: Signer) -> None:
    # RFC 9126 2.3: "413 (Content Too Large)"
    answer = app.browser().request(
        "POST",
        "/par",
        body=b"state=" + b"s" * 100_000,
        headers={"Content-Type": FORM, "Authorization": client.credentials.basic},
    )
    assert answer.status == 413


def test_a_doubled_parameter_is_refused(app: Running, client: Signer) -> None:
    pairs = [*client.request().items(), ("scope", "openid")]
    is_refused(app.browser().post("/par", pairs, {"Authorization": client.credentials.basic}), "invalid_request")


def test_what_stands_beside_a_request_uri_does_not_count(app: Running, client: Signer) -> None:
    browser, uri = app.browser(), client.pushed(state="pushed")
    page = browser.follow(
        client.authorize(
            browser,
            request_uri=uri,
            state="beside",
            redirect_uri="https://evil.example/",
            response_type="token",
            scope="nonsense",
        )
    )
    answer = browser.submit(log_in(browser, page), decision="allow")
    assert answer.location.startswith(REDIRECT)
    assert answer.query["state"] == "pushed"


@pytest.mark.parametrize("of", ["spa", "native"])
def test_a_request_uri_counts_for_its_own_client_alone(app: Running, client: Signer, of: str) -> None:
    uri = client.pushed()
    other = Signer(app, app.clients[of])
    refused = other.authorize(app.browser(), request_uri=uri)
    assert (refused.status, refused.header("Location")) == (400, None)
    assert GONE in refused.text
    # and it is not used up by that
    assert client.authorize(app.browser(), request_uri=uri).status == 303


@pytest.mark.parametrize("text", ["", "a" * 42, "a" * 43, "a" * 44, "../x", "é" * 43, "a" * 5000])
def test_a_request_uri_that_was_never_given_is_a_page_in_the_right_words(
    app: Running, client: Signer, text: str
) -> None:
    refused = client.authorize(app.browser(), request_uri=URN + text)
    assert (refused.status, refused.header("Location")) == (400, None)
    assert GONE in refused.text


def test_a_request_uri_needs_the_client_named_beside_it(app: Running, client: Signer) -> None:
    answer = app.browser().get("/authorize?request_uri=" + client.pushed())
    assert (answer.status, answer.header("Location")) == (400, None)


def test_a_reference_and_an_object_are_not_used_together(app: Running, client: Signer) -> None:
    answer = client.authorize(app.browser(), request_uri=client.pushed(), request=client.object())
    assert (answer.status, answer.header("Location")) == (400, None)


def test_a_reload_before_the_answer_works_and_after_it_does_not(app: Running, client: Signer) -> None:
    browser, uri = app.browser(), client.pushed()
    first = consent(client, browser, uri)
    again = consent(client, browser, uri)
    assert "code" in browser.submit(again, decision="allow").query
    refused = client.authorize(browser, request_uri=uri)
    assert (refused.status, refused.header("Location")) == (400, None)
    assert GONE in refused.text
    # nor does the page that was open all the while lead to a second code
    late = browser.submit(first, decision="allow")
    assert (late.status, late.header("Location")) == (400, None)
    assert GONE in late.text


def test_a_refused_request_is_used_up_as_well(app: Running, client: Signer) -> None:
    browser, uri = app.browser(), client.pushed()
    first, second = consent(client, browser, uri), consent(client, browser, uri)
    assert browser.submit(first, decision="deny").query["error"] == "access_denied"
    assert client.authorize(browser, request_uri=uri).status == 400
    assert browser.submit(second, decision="deny").status == 400


def test_of_many_tabs_at_once_one_is_answered(app: Running, client: Signer) -> None:
    browser, uri = app.browser(), client.pushed()
    pages = [consent(client, browser, uri) for _ in range(6)]
    with ThreadPoolExecutor(len(pages)) as pool:
        answers = list(pool.map(lambda page: browser.submit(page, decision="allow"), pages))
    assert sorted(answer.status for answer in answers) == [303, 400, 400, 400, 400, 400]


def test_with_prompt_none_the_error_is_the_answer_and_uses_it_up(app: Running, client: Signer) -> None:
    browser, uri = app.browser(), client.pushed(prompt="none")
    assert client.authorize(browser, request_uri=uri).query["error"] == "login_required"
    assert client.authorize(browser, request_uri=uri).status == 400


def test_a_request_uri_expires(start_app: StartApp) -> None:
    app = start_app(par_lifetime=5)
    client = Signer(app, app.clients["web"])
    answer = client.push(client.request())
    assert answer.json["expires_in"] == 5
    app.pass_seconds(5.5)
    assert GONE in client.authorize(app.browser(), request_uri=answer.json["request_uri"]).text


def test_a_login_that_takes_longer_than_the_request_uri_lives_is_answered_and_once(start_app: StartApp) -> None:
    app = start_app(par_lifetime=5)
    client, browser = Signer(app, app.clients["web"], usual=ASKED), app.browser()
    uri = client.pushed()
    first, second = consent(client, browser, uri), consent(client, browser, uri)
    app.pass_seconds(5.5)
    assert "code" in browser.submit(first, decision="allow").query
    assert browser.submit(second, decision="allow").status == 400


def test_requests_of_a_client_that_wait_are_bounded(start_app: StartApp) -> None:
    app = start_app(pending_logins_per_client=2)
    client = Signer(app, app.clients["web"])
    answers = [client.push(client.request()) for _ in range(3)]
    assert [answer.status for answer in answers] == [201, 201, 503]
    assert answers[-1].header("Retry-After")


def test_another_process_knows_what_was_pushed_to_this_one(start_app: StartApp) -> None:
    one = start_app()
    two = start_app(root_keys=one.settings.root_keys, issuer=one.settings.issuer)
    client = Signer(one, one.clients["web"])
    uri = client.pushed()
    answer = two.browser().get(f"/authorize?client_id={client.client_id}&request_uri={uri}")
    assert answer.status == 303


def test_what_the_client_lost_meanwhile_it_does_not_get(app: Running) -> None:
    client = Signer(app, app.register(WEB))
    uri = client.pushed()
    app.suspend(client.credentials)
    answer = client.authorize(app.browser(), request_uri=uri)
    assert (answer.status, answer.header("Location")) == (400, None)


def test_a_client_that_registered_so_is_answered_only_after_a_push(app: Running) -> None:
    # RFC 9126 6: require_pushed_authorization_requests
    metadata = with_keys(require_pushed_authorization_requests=True)
    client, browser = Signer(app, app.register(metadata)), app.browser()
    consent(client, browser, client.pushed())
    plain = client.authorize(browser, **client.request())
    assert plain.query["error"] == "invalid_request"
    assert "code" not in plain.query
    by_object = client.authorize(browser, request=client.object(), redirect_uri=REDIRECT)
    assert by_object.query["error"] == "invalid_request"


def test_a_server_that_asks_for_it_answers_nobody_without(start_app: StartApp) -> None:
    # RFC 9126 5: require_pushed_authorization_requests
    app = start_app(par_required=True)
    client, browser = Signer(app, app.clients["web"], usual=ASKED), app.browser()
    stranger = client.authorize(browser, **client.request())
    assert (stranger.status, stranger.header("Location")) == (400, None)
    assert consent(client, browser, client.pushed()).status == 200


def test_assertions_prove_a_client_once(app: Running) -> None:
    client = Signer(app, app.register(with_keys()))
    proof = client.assertion()
    browser = app.browser()
    assert browser.post("/par", client.request() | proof).status == 201
    is_refused(browser.post("/par", client.request() | proof), "invalid_client", 401)


def test_an_assertion_counts_once_also_where_the_request_is_refused(app: Running) -> None:
    client = Signer(app, app.register(with_keys()))
    proof = client.assertion()
    is_refused(app.browser().post("/par", client.request(scope="nonsense") | proof), "invalid_scope")
    is_refused(app.browser().post("/par", client.request() | proof), "invalid_client", 401)


def test_browsers_of_registered_origins_may_push(app: Running) -> None:
    origin = SPA.origins[0]
    answer = app.browser().post("/par", parameters(app, "spa"), {"Origin": origin})
    assert answer.status == 201
    assert answer.header("Access-Control-Allow-Origin") == origin
    foreign = app.browser().post("/par", parameters(app, "spa"), {"Origin": "https://evil.example"})
    assert foreign.header("Access-Control-Allow-Origin") is None

"""FAPI 2.0 Security Profile and Message Signing: what is asked of authorization requests, for a server or for one client."""

from typing import Any

import jwt
import pytest
from tests.support.app import LOOPBACK, REDIRECT, SPA, WEB, Running, StartApp
from tests.support.browser import Answer, Browser
from tests.support.clients import is_refused
from tests.support.code_flow import VERIFIER, log_in, parameters
from tests.support.proof_keys import ProofKey
from tests.support.request_objects import Signer, signed, with_keys

from grantlog.core.grant.state import GrantState
from grantlog.core.identifiers import MICROS
from grantlog.core.protocol.token_text import Kind, read

INVALID = "invalid_request_object"
MEMBERS: dict[str, Any] = {
    "redirect_uris": (REDIRECT, LOOPBACK),
    "dpop_bound_access_tokens": True,
    "id_token_signed_response_alg": "ES256",
}


@pytest.fixture(scope="module")
def client(app: Running) -> Signer:
    """A client that is held to FAPI 2.0 on a server that is not."""
    return Signer(app, app.register(with_keys("ES256", "PS256", "RS256", profile="fapi2", **MEMBERS)))


@pytest.fixture(scope="module")
def key() -> ProofKey:
    return ProofKey()


@pytest.fixture
def known(app: Running, client: Signer) -> Browser:
    """A browser whose person is logged in, so that errors are redirects."""
    browser = app.browser()
    consented(client, browser, client.pushed(prompt="consent"))
    return browser


def consented(client: Signer, browser: Browser, uri: str) -> Answer:
    """The answer to a pushed request that its user allows."""
    page = browser.follow(client.authorize(browser, request_uri=uri))
    if "/login" in page.url:
        page = log_in(browser, page)
    answer = browser.submit(page, decision="allow")
    assert answer.status == 303, answer.text
    return answer


def redeem(client: Signer, code: str, key: ProofKey, **changes: str) -> Answer:
    """What ``/token`` answers."""
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER}
    url = f"{client.app.settings.issuer}/token"
    return client.app.browser().post("/token", form | client.assertion() | changes, key.proof("POST", url))


def test_the_whole_flow(client: Signer, app: Running, key: ProofKey) -> None:
    answer = consented(client, app.browser(), client.pushed(prompt="consent"))
    assert answer.query["iss"] == app.settings.issuer
    tokens = redeem(client, answer.query["code"], key)
    assert tokens.status == 200, tokens.text
    assert tokens.json["token_type"] == "DPoP"


def test_a_request_that_was_not_pushed_is_refused(client: Signer, known: Browser) -> None:
    # FAPI 2.0 Security Profile 5.3.2.2: "shall reject authorization requests sent without [RFC9126]"
    plain = client.authorize(known, **client.request())
    assert plain.query["error"] == "invalid_request"
    by_value = client.authorize(known, request=client.object(), redirect_uri=REDIRECT)
    assert by_value.query["error"] == "invalid_request"
    assert "code" not in by_value.query


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": None},
        {"redirect_uri": "http://client.example/callback"},
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": None},
        {"response_type": "code id_token"},
        {"response_type": "token"},
        {"dpop_jkt": "x"},
    ],
    ids=str,
)
def test_what_the_profile_does_not_know_is_refused_at_par(client: Signer, changes: dict[str, str | None]) -> None:
    answer = client.push(client.request(**changes))
    assert (answer.status, answer.json["error"]) in {(400, "invalid_request"), (400, "unsupported_response_type")}


def test_loopback_is_the_only_plain_redirect(client: Signer) -> None:
    assert client.push(client.request(redirect_uri="http://127.0.0.1:5123/callback")).status == 201


def test_it_is_pushed_with_a_proof_of_the_client(client: Signer, app: Running) -> None:
    is_refused(app.browser().post("/par", client.request()), "invalid_client", 401)


def test_a_request_uri_lives_less_than_ten_minutes_and_a_code_a_minute(
    client: Signer, app: Running, start_app: StartApp
) -> None:
    assert client.push(client.request()).json["expires_in"] < 600
    slow = start_app(code_lifetime=600)
    held = Signer(slow, slow.register(with_keys(profile="fapi2", **MEMBERS)))
    assert code_lifetime(slow, consented(held, slow.browser(), held.pushed()).query["code"]) <= 60
    free = Signer(slow, slow.register(with_keys()))
    assert code_lifetime(slow, consented(free, slow.browser(), free.pushed()).query["code"]) > 60
    assert app.settings.code_lifetime <= 60


def code_lifetime(app: Running, code: str) -> int:
    """Seconds from birth to death of a code, as the log holds it."""
    handle = read(code, Kind.CODE, app.service.ports.secrets.token_mac_keys(), app.settings.token_prefix)
    assert handle is not None
    state = app.run(app.service.ports.log.load(handle.handle.stream)).state
    assert isinstance(state, GrantState)
    event = app.run(app.service.ports.log.event_at(handle.handle.stream, 1))
    assert event is not None
    return int((event.event.code_expires_at - event.event.authorized_at) / MICROS)


class TestDpopAtPar:
    """RFC 9449 section 10: the code is bound to the key of the request."""

    def test_the_proof_binds_the_code_to_its_key(self, client: Signer, app: Running, key: ProofKey) -> None:
        uri = client.pushed(key.proof("POST", f"{app.settings.issuer}/par"), prompt="consent")
        code = consented(client, app.browser(), uri).query["code"]
        is_refused(redeem(client, code, ProofKey()), "invalid_grant")
        uri = client.pushed(key.proof("POST", f"{app.settings.issuer}/par"), prompt="consent")
        assert redeem(client, consented(client, app.browser(), uri).query["code"], key).status == 200

    def test_the_parameter_binds_it_as_well(self, client: Signer, app: Running, key: ProofKey) -> None:
        uri = client.pushed(prompt="consent", dpop_jkt=key.jkt)
        code = consented(client, app.browser(), uri).query["code"]
        is_refused(redeem(client, code, ProofKey()), "invalid_grant")

    def test_both_have_to_agree(self, client: Signer, app: Running, key: ProofKey) -> None:
        url = f"{app.settings.issuer}/par"
        is_refused(client.push(client.request(dpop_jkt=ProofKey().jkt), key.proof("POST", url)), "invalid_request")
        assert client.push(client.request(dpop_jkt=key.jkt), key.proof("POST", url)).status == 201

    @pytest.mark.parametrize("changes", [{"htu": "https://other.example/par"}, {"htm": "GET"}, {"iat": 1}], ids=str)
    def test_a_bad_proof_is_refused(self, client: Signer, app: Running, key: ProofKey, changes: dict[str, Any]) -> None:
        proof = key.proof("POST", f"{app.settings.issuer}/par", **changes)
        is_refused(client.push(client.request(), proof), "invalid_dpop_proof")

    def test_a_proof_counts_once(self, client: Signer, app: Running, key: ProofKey) -> None:
        proof = key.proof("POST", f"{app.settings.issuer}/par")
        assert client.push(client.request(), proof).status == 201
        is_refused(client.push(client.request(), proof), "invalid_dpop_proof")


class TestSignedRequests:
    """FAPI 2.0 Message Signing section 5.3.1: signed request objects, in pushed requests."""

    def push(self, client: Signer, text: str) -> Answer:
        return client.push({"client_id": client.client_id, "request": text})

    @pytest.mark.parametrize("alg", ["ES256", "PS256"])
    def test_a_signed_object_is_pushed_and_answered(self, client: Signer, app: Running, alg: str) -> None:
        answer = self.push(client, signed(client.claims(prompt="consent", state="inside"), alg))
        assert answer.status == 201, answer.text
        assert consented(client, app.browser(), answer.json["request_uri"]).query["state"] == "inside"

    def test_rs256_is_refused(self, client: Signer) -> None:
        is_refused(self.push(client, signed(client.claims(), "RS256")), INVALID)

    def test_both_ends_of_its_life_are_named_and_near(self, client: Signer) -> None:
        now = client.now
        for changes in (
            {"nbf": None},
            {"exp": None},
            {"aud": None},
            {"nbf": now - 3700},
            {"nbf": now + 120},
            {"nbf": now, "exp": now + 3700},
            {"exp": now - 1},
            {"aud": f"{client.app.settings.issuer}/par"},
        ):
            is_refused(self.push(client, client.object(**changes)), INVALID)
        # the conformance suite's own clock may be a little ahead
        for changes in ({"nbf": now + 8}, {"nbf": now - 3500, "exp": now + 60}, {"iss": None}):
            assert self.push(client, client.object(**changes)).status == 201, changes

    def test_a_client_that_signs_everything_pushes_nothing_else(self, app: Running) -> None:
        metadata = with_keys(profile="fapi2", require_signed_request_object=True, **MEMBERS)
        client = Signer(app, app.register(metadata))
        is_refused(client.push(client.request()), "invalid_request")
        assert self.push(client, client.object()).status == 201


class TestServerWide:
    """``GRANTLOG_PROFILE=fapi2``: every client is held to it."""

    @pytest.fixture
    def fapi(self, start_app: StartApp) -> Running:
        return start_app(profile="fapi2")

    def test_nobody_is_answered_without_a_push(self, fapi: Running) -> None:
        client = Signer(fapi, fapi.register(with_keys(**MEMBERS)))
        plain = client.authorize(fapi.browser(), **client.request(prompt="none"))
        assert plain.query["error"] == "invalid_request"
        assert "code" in consented(client, fapi.browser(), client.pushed()).query

    def test_clients_with_secrets_and_without_are_not_known(self, fapi: Running) -> None:
        web, spa = Signer(fapi, fapi.register(WEB)), fapi.register(SPA)
        is_refused(web.push(web.request()), "invalid_client", 401)
        fapi.clients["public"] = spa
        is_refused(fapi.browser().post("/par", parameters(fapi, "public")), "invalid_client", 401)

    def test_signed_answers_are_by_ps256(self, fapi: Running) -> None:
        client = Signer(fapi, fapi.register(with_keys(**MEMBERS)))
        uri = client.pushed(prompt="none", response_mode="jwt")
        answer = client.authorize(fapi.browser(), request_uri=uri)
        assert jwt.get_unverified_header(answer.query["response"])["alg"] == "PS256"

"""OpenID Connect Core section 5.3: the claims about a user, for who brings an access token of that user."""

from dataclasses import replace
from urllib.parse import urlencode

import jwt
import pytest
from jwt import PyJWKSet
from tests.support.app import API, ORIGIN, PASSWORD, SPA, WEB, Running, StartApp
from tests.support.beside import serving, site_of
from tests.support.browser import FORM, Browser
from tests.support.clients import Client, is_not_stored, is_refused
from tests.support.flows import Person, given, own_token, redeemed
from tests.support.people import JANE, Member
from tests.support.userinfo import PATH, ask, is_challenged

from grantlog.core.protocol.scope import OIDC_SCOPES
from grantlog.flows import accounts
from grantlog.flows.operators import operator_origin

EVERYTHING = " ".join(scope for scope in OIDC_SCOPES if scope != "offline_access")


@pytest.fixture(scope="module")
def jane(app: Running) -> Member:
    """Somebody with every standard claim, and a client that may ask for all of them."""
    for name in ("web", "spa"):
        known = app.run(app.service.clients.find(app.clients[name].client_id))  # type: ignore[arg-type]  # a str at run time
        assert known is not None
        app.update(app.clients[name], replace(known.state.metadata, scope=(*WEB.scope, "address", "phone")))
    return Member(app, "jane", JANE)


def test_every_claim_of_every_scope_that_was_granted_is_told(app: Running, jane: Member) -> None:
    tokens = jane.tokens(scope=EVERYTHING)
    answer = ask(app, tokens.access)
    assert answer.status == 200
    is_not_stored(answer)
    assert answer.json == {"sub": str(jane.account), **JANE}
    identity = jwt.decode(tokens.answer.json["id_token"], options={"verify_signature": False})
    # OIDC Core 5.3.2: "The sub Claim in the UserInfo Response MUST be verified to exactly match the sub Claim in the ID Token"
    assert answer.json["sub"] == identity["sub"] == app.introspect(tokens.access)["sub"]


@pytest.mark.parametrize(
    ("scope", "claims"),
    [
        ("openid", set()),
        ("openid email", {"email", "email_verified"}),
        ("openid phone", {"phone_number", "phone_number_verified"}),
        ("openid address", {"address"}),
        ("openid api:read", set()),
    ],
)
def test_a_scope_that_was_not_granted_tells_nothing(app: Running, jane: Member, scope: str, claims: set[str]) -> None:
    assert set(ask(app, jane.tokens(scope=scope).access).json) == {"sub", *claims}


def test_what_nobody_knows_is_left_out(app: Running) -> None:
    nobody = Member(app, "nobody")
    assert ask(app, nobody.tokens(scope="openid profile email").access).json == {
        "sub": str(nobody.account),
        "preferred_username": "nobody",
    }


def test_a_change_is_told_by_the_tokens_that_there_are(app: Running) -> None:
    moving = Member(app, "moving", {"email": "old@example.com", "email_verified": True})
    token = moving.tokens(scope="openid email profile").access
    moving.change(email="new@example.com", email_verified=None)
    told = ask(app, token).json
    assert told["email"] == "new@example.com"
    assert "email_verified" not in told
    assert abs(told["updated_at"] - app.service.ports.log.now() // 1_000_000) < 60


def test_a_form_may_bring_the_token(app: Running, jane: Member) -> None:
    token = jane.tokens(scope="openid email").access
    by_form = app.browser().post(PATH, {"access_token": token})
    by_header = app.browser().post(PATH, {}, {"Authorization": f"Bearer {token}"})
    bare = app.browser().request("POST", PATH, headers={"Authorization": f"bearer {token}"})
    assert by_form.status == by_header.status == bare.status == 200
    assert by_form.json == by_header.json == bare.json == ask(app, token).json


def test_a_token_in_a_url_is_never_taken(app: Running, jane: Member) -> None:
    # RFC 9700 4.3.2: "Clients MUST NOT pass access tokens in a URI query parameter"
    token = jane.tokens().access
    url = f"{PATH}?{urlencode({'access_token': token})}"
    header = {"Authorization": f"Bearer {token}"}
    for answer in (app.browser().get(url), app.browser().post(url, {}), app.browser().get(url, header)):
        is_challenged(answer, "invalid_request", 400)


def test_one_way_at_a_time(app: Running, jane: Member) -> None:
    token = jane.tokens().access
    both = app.browser().post(PATH, {"access_token": token}, {"Authorization": f"Bearer {token}"})
    is_challenged(both, "invalid_request", 400)
    twice = app.browser().post(PATH, [("access_token", token), ("access_token", token)])
    is_challenged(twice, "invalid_request", 400)
    json = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    is_challenged(app.browser().request("POST", PATH, body=b"{}", headers=json), "invalid_request", 400)


def test_who_brings_nothing_is_told_what_to_bring_and_no_error(app: Running) -> None:
    for headers in ({}, {"Authorization": "Basic dTpw"}, {"Authorization": "Bearer"}, {"Authorization": "x"}):
        answer = app.browser().get(PATH, headers)
        is_refused(answer, "invalid_token", 401)
        # RFC 6750 3.1: "SHOULD NOT include an error code or other error information"
        challenge = answer.header("WWW-Authenticate") or ""
        assert "error=" not in challenge
        assert challenge.startswith('Bearer realm="grantlog"')
        assert 'DPoP algs="' in challenge


@pytest.mark.parametrize(
    "junk", ["x", "a.b.c", "gl_at_" + "A" * 90, "e30.e30.e30", "\u00e9", "x" * 20_000, "null", "gl_at_"]
)
def test_junk_is_no_token(app: Running, junk: str) -> None:
    is_challenged(app.browser().post(PATH, {"access_token": junk}), "invalid_token")


def test_other_tokens_of_ours_are_none(app: Running, jane: Member) -> None:
    tokens = jane.tokens(scope="openid email")
    for text in (tokens.refresh, tokens.answer.json["id_token"], jane.code()):
        is_challenged(app.browser().post(PATH, {"access_token": text}), "invalid_token")


def test_a_token_without_openid_is_not_enough(app: Running, jane: Member) -> None:
    # a grant without openid that names our own endpoint all the same
    tokens = jane.tokens(scope="email", resource=[app.settings.issuer])
    challenge = is_challenged(ask(app, tokens.access), "insufficient_scope", 403)
    assert 'scope="openid"' in challenge


def test_a_token_that_is_for_a_resource_is_refused(app: Running, jane: Member, web: Client) -> None:
    bound = jane.tokens(scope="openid email api:read", resource=[API])
    is_challenged(ask(app, bound.access), "invalid_token")
    free = jane.tokens(scope="openid email api:read")
    assert ask(app, free.access).status == 200
    narrowed = given(web.refresh(free.refresh, resource=API))
    is_challenged(ask(app, narrowed.access), "invalid_token")
    is_challenged(ask(app, own_token(app, scope="api:read").access), "invalid_token")


@pytest.mark.parametrize("suffix", ["", PATH])
def test_a_token_that_names_our_endpoint_is_for_nothing_else(app: Running, jane: Member, suffix: str) -> None:
    tokens = jane.tokens(scope="openid email", resource=[app.settings.issuer + suffix])
    assert ask(app, tokens.access).json["email"] == JANE["email"]


def test_a_jwt_access_token_is_as_good(app: Running, jane: Member) -> None:
    app.clients["jwts"] = app.register(replace(WEB, access_token_format="jwt"))
    tokens = jane.tokens("jwts", scope="openid email")
    assert tokens.access.count(".") == 2
    assert ask(app, tokens.access).json["email"] == JANE["email"]
    head, payload, signature = tokens.access.split(".")
    is_challenged(ask(app, f"{head}.{payload}.{signature[::-1]}"), "invalid_token")


def test_a_token_is_dead_here_when_it_is_dead_at_introspection(app: Running, jane: Member, web: Client) -> None:
    revoked, reused = jane.tokens(scope="openid"), jane.tokens(scope="openid")
    assert web.revoke(revoked.access).status == 200
    assert web.revoke(reused.refresh).status == 200
    for tokens in (revoked, reused):
        is_challenged(ask(app, tokens.access), "invalid_token")


def test_nobody_is_told_of_somebody_who_is_locked_or_gone(app: Running) -> None:
    locked, gone = Member(app, "locked", JANE), Member(app, "gone", JANE)
    tokens = [each.tokens(scope="openid email").access for each in (locked, gone)]
    assert [ask(app, token).status for token in tokens] == [200, 200]
    app.lock("locked")
    app.run(app.service.ports.data_keys.erase(gone.account))
    for token in tokens:
        is_challenged(ask(app, token), "invalid_token")


def test_a_new_password_ends_what_was_issued_before(app: Running) -> None:
    member = Member(app, "careful", JANE)
    token = member.tokens(scope="openid").access
    origin = operator_origin(app.service, "operator:test")
    app.run(accounts.set_password(app.service, "careful", PASSWORD + "!", "test", origin))
    is_challenged(ask(app, token), "invalid_token")


def test_a_suspended_clients_tokens_are_dead(app: Running, jane: Member) -> None:
    app.clients["stopped"] = app.register(WEB)
    token = jane.tokens("stopped", scope="openid").access
    assert ask(app, token).status == 200
    app.suspend(app.clients["stopped"])
    is_challenged(ask(app, token), "invalid_token")


def test_an_expired_token_is_refused(start_app: StartApp) -> None:
    app = start_app(access_token_lifetime=2)
    token = Person(app).tokens(scope="openid").access
    app.pass_seconds(2.1)
    is_challenged(ask(app, token), "invalid_token")


# JWT answers


def test_a_client_that_registered_it_gets_a_signed_answer(app: Running, jane: Member) -> None:
    for alg in ("RS256", "ES256", "PS256", "EdDSA"):
        app.clients[alg] = app.register(replace(WEB, userinfo_signed_response_alg=alg))
        answer = ask(app, jane.tokens(alg, scope="openid email").access)
        assert answer.header("Content-Type") == "application/jwt"
        header = jwt.get_unverified_header(answer.text)
        # a type of its own: no ID token, no access token
        assert (header["alg"], header["typ"]) == (alg, "userinfo+jwt")
        keys = PyJWKSet.from_dict(app.browser().get("/jwks").json)
        (key,) = [key for key in keys.keys if key.key_id == header["kid"]]
        audience = app.clients[alg].client_id
        claims = jwt.decode(answer.text, key, algorithms=[alg], audience=audience, issuer=app.settings.issuer)
        assert claims == {
            "sub": str(jane.account),
            "email": JANE["email"],
            "email_verified": True,
            "iss": app.settings.issuer,
            "aud": audience,
        }
        assert app.introspect(answer.text) == {"active": False}
        is_challenged(ask(app, answer.text), "invalid_token")


# CORS


def test_a_script_of_the_tokens_own_client_may_read_the_answer(app: Running, jane: Member) -> None:
    app.catch_up()
    token = given(redeemed(app, jane.code("spa", scope="openid email"), "spa")).access
    answer = ask(app, token, {"Origin": ORIGIN})
    assert answer.json["email"] == JANE["email"]
    assert answer.header("Access-Control-Allow-Origin") == ORIGIN
    assert answer.header("Access-Control-Allow-Credentials") is None
    preflight = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization, dpop"}
    let = app.browser().request("OPTIONS", PATH, headers={"Origin": ORIGIN, **preflight})
    assert (let.status, let.header("Access-Control-Allow-Origin")) == (204, ORIGIN)


def test_a_script_of_another_client_may_not(app: Running, jane: Member) -> None:
    app.catch_up()
    of_another = jane.tokens("web", scope="openid").access
    assert ask(app, of_another, {"Origin": ORIGIN}).header("Access-Control-Allow-Origin") is None
    stranger = {"Origin": "https://evil.example"}
    assert ask(app, of_another, stranger).header("Access-Control-Allow-Origin") is None
    assert ask(app, "x", stranger).header("Access-Control-Allow-Origin") is None


def test_a_refusal_may_be_read_by_any_registered_script(app: Running) -> None:
    answer = ask(app, "x", {"Origin": ORIGIN})
    is_challenged(answer, "invalid_token")
    assert answer.header("Access-Control-Allow-Origin") == ORIGIN
    assert "WWW-Authenticate" in (answer.header("Access-Control-Expose-Headers") or "")


def test_another_process_judges_it_the_same(
    app: Running, jane: Member, web: Client, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with serving(site_of(app, tmp_path_factory.mktemp("beside")), "issuer") as (_, url):
        there = Browser(url)
        for _ in range(3):
            tokens = jane.tokens(scope="openid email")
            headers = {"Authorization": f"Bearer {tokens.access}"}
            assert there.get(PATH, headers).json["email"] == JANE["email"]
            assert web.revoke(tokens.access).status == 200
            is_challenged(there.get(PATH, headers), "invalid_token")


def test_other_methods_are_not_allowed(app: Running) -> None:
    answer = app.browser().request("PUT", PATH, body=b"", headers={"Content-Type": FORM})
    assert (answer.status, answer.header("Allow")) == (405, "GET,HEAD,OPTIONS,POST")


def test_public_clients_are_told_as_well(app: Running, jane: Member) -> None:
    app.clients["other"] = app.register(replace(SPA, origins=()))
    assert ask(app, jane.tokens("other", scope="openid email").access).json["email"] == JANE["email"]

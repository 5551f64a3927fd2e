"""RFC 7592: a client reads, replaces and removes its own registration; nobody else does."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from tests.support.app import INITIAL_ACCESS_TOKEN, REDIRECT, WEB, Running
from tests.support.clients import Client, is_not_stored, is_refused
from tests.support.flows import Person, given, is_active
from tests.support.registrations import GOOD, credentials_of, manage, register, registered, replacement

from grantlog.core.identifiers import ClientId
from grantlog.flows import clients
from grantlog.flows.operators import CommandRefusedError, operator_origin

GRANTS = ["authorization_code", "refresh_token", "client_credentials"]


def test_a_client_is_told_where_and_by_what_it_manages_itself(app: Running) -> None:
    told = registered(app)
    # RFC 7592 3: "registration_access_token REQUIRED", "registration_client_uri REQUIRED"
    assert told["registration_client_uri"] == f"{app.settings.issuer}/register?client_id={told['client_id']}"
    assert len(told["registration_access_token"]) >= 43
    assert told["registration_access_token"] != told["client_secret"]


def test_reading_tells_all_that_is_registered_and_no_secret_again(app: Running) -> None:
    told = registered(app, scope="api:read", grant_types=GRANTS)
    answer = manage(app, "GET", told)
    assert answer.status == 200
    is_not_stored(answer)
    once = {"client_secret", "client_secret_expires_at", "registration_access_token"}
    assert answer.json == {name: value for name, value in told.items() if name not in once}
    assert manage(app, "GET", told).json == answer.json


def test_the_url_that_was_told_is_the_one_that_answers(app: Running) -> None:
    told = registered(app)
    headers = {"Authorization": f"Bearer {told['registration_access_token']}"}
    assert app.browser().get(told["registration_client_uri"], headers).json["client_id"] == told["client_id"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "token",
    ["wrong", INITIAL_ACCESS_TOKEN, "", " ", "\u00e9".encode().decode("latin-1"), "x" * 5000],
    ids=["wrong", "initial", "empty", "space", "not ascii", "long"],
)
def test_by_any_other_token_nothing_is_told_or_done(app: Running, method: str, token: str) -> None:
    told = registered(app)
    body = replacement(told, client_name="Mine now") if method == "PUT" else None
    answer = manage(app, method, told, body, token=token)
    is_refused(answer, "invalid_token", 401)
    assert (answer.header("WWW-Authenticate") or "").startswith("Bearer realm=")
    assert manage(app, "GET", told).json["client_name"] == "A client"


def test_the_token_of_one_client_is_nothing_to_another(app: Running) -> None:
    one, other = registered(app), registered(app)
    is_refused(manage(app, "GET", one, token=other["registration_access_token"]), "invalid_token", 401)
    is_refused(manage(app, "DELETE", one, token=other["registration_access_token"]), "invalid_token", 401)


@pytest.mark.parametrize("client_id", ["nobody", "", "x" * 300, "\u00e9", "https://app.example/client"])
def test_an_unknown_client_is_401_like_a_wrong_token(app: Running, client_id: str) -> None:
    told = registered(app) | {"client_id": client_id}
    is_refused(manage(app, "GET", told), "invalid_token", 401)


def test_a_client_of_an_operator_is_managed_by_nobody_over_http(app: Running) -> None:
    told = {"client_id": app.clients["web"].client_id, "registration_access_token": app.clients["web"].client_secret}
    is_refused(manage(app, "GET", told), "invalid_token", 401)


def test_a_request_without_a_client_id_is_401(app: Running) -> None:
    told = registered(app)
    headers = {"Authorization": f"Bearer {told['registration_access_token']}"}
    is_refused(app.browser().get("/register", headers), "invalid_token", 401)
    twice = f"/register?client_id={told['client_id']}&client_id={told['client_id']}"
    is_refused(app.browser().get(twice, headers), "invalid_request")


# replacing


def test_a_replacement_is_whole_and_what_it_leaves_out_goes_back_to_its_default(app: Running) -> None:
    told = registered(
        app, scope="api:read", grant_types=GRANTS, require_auth_time=True, client_uri="https://c.example/"
    )
    answer = manage(app, "PUT", told, {"client_id": told["client_id"], "redirect_uris": [REDIRECT + "2"]})
    assert answer.status == 200, answer.text
    is_not_stored(answer)
    found = answer.json
    assert found["redirect_uris"] == [REDIRECT + "2"]
    assert found["grant_types"] == ["authorization_code"]
    assert found["require_auth_time"] is False
    assert not {"client_uri", "client_name"} & set(found)
    assert manage(app, "GET", told).json == found
    # the secret and the token go on
    is_refused(Client(app.url, credentials_of(told)).token("client_credentials"), "unauthorized_client")


def test_what_was_told_can_be_sent_back(app: Running) -> None:
    told = registered(app, grant_types=GRANTS, token_endpoint_auth_method="client_secret_jwt", default_max_age=60)
    assert manage(app, "PUT", told, replacement(told)).json == manage(app, "GET", told).json


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"client_id": "other"}, "invalid_client_metadata"),
        ({"client_id": None}, "invalid_client_metadata"),
        ({"client_secret": "mine"}, "invalid_client_metadata"),
        ({"client_secret": 7}, "invalid_client_metadata"),
        ({"redirect_uris": ["http://evil.example/"]}, "invalid_redirect_uri"),
        ({"redirect_uris": []}, "invalid_redirect_uri"),
        ({"grant_types": ["password"]}, "invalid_client_metadata"),
        ({"resource_server_for": ["https://api.example.com/"]}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "client_secret_jwt"}, "invalid_client_metadata"),
    ],
)
def test_a_replacement_that_is_wrong_changes_nothing(app: Running, changes: dict[str, Any], error: str) -> None:
    told = registered(app)
    is_refused(manage(app, "PUT", told, replacement(told) | changes), error)
    assert manage(app, "GET", told).json["redirect_uris"] == [REDIRECT]


@pytest.mark.parametrize(
    "name", ["registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at"]
)
def test_a_replacement_holds_nothing_that_only_the_server_decides(app: Running, name: str) -> None:
    told = registered(app)
    is_refused(manage(app, "PUT", told, replacement(told) | {name: told[name]}), "invalid_client_metadata")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null", b"\xff"])
def test_a_replacement_that_is_no_object_is_refused(app: Running, body: bytes) -> None:
    is_refused(manage(app, "PUT", registered(app), body), "invalid_client_metadata")


def test_a_client_may_come_to_prove_itself_otherwise_if_it_can(app: Running) -> None:
    told = registered(app, grant_types=GRANTS, scope="api:read")
    changed = replacement(told, token_endpoint_auth_method="client_secret_post")
    assert manage(app, "PUT", told, changed).status == 200
    form = {
        "grant_type": "client_credentials",
        "client_id": told["client_id"],
        "client_secret": told["client_secret"],
    }
    assert app.browser().post("/token", form).status == 200
    public = replacement(told, token_endpoint_auth_method="none", grant_types=["authorization_code"])
    del public["client_secret"]
    assert manage(app, "PUT", told, public).status == 200
    is_refused(app.browser().post("/token", form), "invalid_client", 401)
    again = replacement(told, token_endpoint_auth_method="private_key_jwt")
    is_refused(manage(app, "PUT", told, again), "invalid_client_metadata")


def test_what_an_operator_decided_outlives_a_replacement(app: Running) -> None:
    told = registered(app, grant_types=GRANTS)
    client_id, origin = ClientId(told["client_id"]), operator_origin(app.service, "operator:test")
    state = app.run(clients.find(app.service, client_id))
    held = replace(state.metadata, access_token_format="jwt", may_exchange=("other",), pkce_optional=True)
    app.run(clients.update(app.service, client_id, held, origin))
    assert manage(app, "PUT", told, replacement(told, client_name="New")).status == 200
    after = app.run(clients.find(app.service, client_id)).metadata
    assert (after.name, after.access_token_format, after.may_exchange) == ("New", "jwt", ("other",))
    assert after.pkce_optional
    # a public client never leaves PKCE out, whoever said so
    public = replacement(told, token_endpoint_auth_method="none", grant_types=["authorization_code"])
    del public["client_secret"]
    assert manage(app, "PUT", told, public).status == 200
    assert not app.run(clients.find(app.service, client_id)).metadata.pkce_optional


def test_a_resource_server_keeps_and_loses_what_it_may_see_but_gains_nothing(app: Running) -> None:
    api, billing = "https://api.example.com/", "https://billing.example.com/"
    told = registered(app, resource_server_for=[api, billing], redirect_uris=[])
    guard = Client(app.url, credentials_of(told))
    assert guard.introspect("x") == {"active": False}
    assert manage(app, "PUT", told, replacement(told, resource_server_for=[api])).json["resource_server_for"] == [api]
    wider = replacement(told, resource_server_for=[api, billing])
    is_refused(manage(app, "PUT", told, wider), "invalid_client_metadata")


# removing


def test_a_removed_client_is_dead_with_everything_it_had(app: Running, person: Person) -> None:
    told = registered(app, grant_types=GRANTS, scope="openid api:read")
    app.clients["leaving"] = credentials_of(told)
    tokens = person.tokens("leaving")
    own = given(Client(app.url, credentials_of(told)).token("client_credentials", scope="api:read"))
    assert is_active(app, tokens.access)
    assert is_active(app, own.access)
    answer = manage(app, "DELETE", told)
    assert (answer.status, answer.body) == (204, b"")
    assert answer.header("Cache-Control") == "no-store"
    # design section 1: before the answer leaves
    assert not is_active(app, tokens.access)
    assert not is_active(app, own.access)
    client = Client(app.url, credentials_of(told))
    is_refused(client.refresh(tokens.refresh), "invalid_client", 401)
    is_refused(client.token("client_credentials"), "invalid_client", 401)
    for method in ("GET", "DELETE"):
        is_refused(manage(app, method, told), "invalid_token", 401)
    is_refused(manage(app, "PUT", told, replacement(told)), "invalid_token", 401)


def test_the_id_of_a_removed_client_is_gone_for_ever(app: Running) -> None:
    told = registered(app)
    assert manage(app, "DELETE", told).status == 204
    client_id, origin = ClientId(told["client_id"]), operator_origin(app.service, "operator:test")
    for act in (
        clients.resume(app.service, client_id, origin),
        clients.update(app.service, client_id, WEB, origin),
        clients.register(app.service, WEB, origin, client_id),
    ):
        with pytest.raises(CommandRefusedError):
            app.run(act)


def test_of_two_removals_at_once_both_find_the_client_gone(app: Running) -> None:
    told = registered(app)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: manage(app, "DELETE", told), range(4)))
    assert {answer.status for answer in answers} <= {204, 401}
    assert 204 in {answer.status for answer in answers}
    is_refused(manage(app, "GET", told), "invalid_token", 401)


def test_a_suspended_client_may_look_and_leave_and_no_more(app: Running) -> None:
    told = registered(app)
    app.suspend(credentials_of(told))
    assert manage(app, "GET", told).status == 200
    is_refused(manage(app, "PUT", told, replacement(told)), "access_denied", 403)
    assert manage(app, "DELETE", told).status == 204


def test_no_secret_stands_in_what_is_logged(app: Running, capfd: pytest.CaptureFixture[str]) -> None:
    told = register(app, GOOD).json
    manage(app, "GET", told)
    manage(app, "PUT", told, replacement(told, client_secret="wrong"))
    manage(app, "DELETE", told)
    logged = "".join(capfd.readouterr())
    assert told["registration_access_token"] not in logged
    assert told["client_secret"] not in logged

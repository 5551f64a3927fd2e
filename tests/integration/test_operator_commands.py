"""``grantlog keys|clients|tokens|lint`` against a running application on real servers."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.support.app import API, JWT_API, REDIRECT, WEB, Credentials, Running
from tests.support.client_metadata import JWKS
from tests.support.code_flow import VERIFIER, log_in, login_page, redeem, redirect_of
from tests.support.proof_keys import ProofKey

from grantlog.cli import grantlog

Command = Callable[..., Result]


def client_credentials(app: Running, client: Credentials, **parameters: str) -> Any:
    form = {"grant_type": "client_credentials", "scope": "api:read", **parameters}
    return app.browser().post("/token", form, {"Authorization": client.basic})


def token(app: Running, client: Credentials, **parameters: str) -> str:
    text: str = client_credentials(app, client, **parameters).json["access_token"]
    return text


def test_an_added_client_gets_tokens_until_it_is_suspended_and_then_its_tokens_are_dead(
    app: Running, answer: Callable[..., Any]
) -> None:
    made = answer("clients", "add", "Batch job", "--grant", "client_credentials", "--scope", "api:read")
    client = Credentials(made["client_id"], made["client_secret"])
    text = token(app, client)
    assert app.introspect(text)["active"]
    assert answer("clients", "suspend", client.client_id, "--cause", "leak")["suspended"]
    assert app.introspect(text) == {"active": False}
    assert client_credentials(app, client).status == 401
    assert not answer("clients", "resume", client.client_id)["suspended"]
    assert app.introspect(text) == {"active": False}
    assert app.introspect(token(app, client))["active"]


def test_both_secrets_work_in_the_overlap_and_the_old_one_ends_without(
    app: Running, answer: Callable[..., Any]
) -> None:
    made = answer("clients", "add", "Batch job", "--grant", "client_credentials")
    old = Credentials(made["client_id"], made["client_secret"])
    rotated = answer("clients", "rotate-secret", old.client_id, "--overlap", "60")
    new = Credentials(old.client_id, rotated["client_secret"])
    assert rotated["previous_works_until"].endswith("Z")
    assert [client_credentials(app, each).status for each in (old, new)] == [200, 200]
    last = Credentials(
        old.client_id, answer("clients", "rotate-secret", old.client_id, "--overlap", "0")["client_secret"]
    )
    # an issuing process learns that a client has changed from the head of its next append, at the latest
    assert [client_credentials(app, each).status for each in (last, old, new)] == [200, 401, 401]


def test_a_resource_server_may_introspect_what_it_was_added_for(app: Running, answer: Callable[..., Any]) -> None:
    made = answer("clients", "add", "Guard", "--introspects", API)
    guard = Credentials(made["client_id"], made["client_secret"])
    headers = {"Authorization": guard.basic}
    text = token(app, app.clients["web"])
    other = token(app, app.clients["web"], resource=JWT_API)
    assert app.browser().post("/introspect", {"token": text}, headers).json["active"]
    assert app.browser().post("/introspect", {"token": other}, headers).json == {"active": False}


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--redirect-uri", "http://evil.example/"], "https"),
        (["--grant", "client_credentials", "--auth-method", "none"], "public client"),
        (["--grant", "client_credentials", "--scope", "api:nonsense"], "scope"),
        (["--introspects", "https://unknown.example/"], "GRANTLOG_RESOURCES"),
        (["--grant", "client_credentials", "--resource", "https://unknown.example/"], "GRANTLOG_RESOURCES"),
        (["--grant", "client_credentials", "--id", "sh\u00f6p"], "printable"),
        (["--grant", "client_credentials", "--id", "https://app.example/client"], "no URL"),
        (["--grant", "client_credentials", "--auth-method", "private_key_jwt"], "jwks"),
        (
            ["--grant", "client_credentials", "--auth-method", "tls_client_auth", "--tls-subject", "dns", "a"],
            "supported",
        ),
        (["--redirect-uri", "https://c.example/", "--auth-method", "none", "--no-pkce"], "confidential"),
        (["--redirect-uri", "https://c.example/", "--profile", "fapi2", "--no-pkce"], "token_endpoint_auth_method"),
        (["--redirect-uri", "https://c.example/", "--no-rotation"], "--dpop-bound"),
        (["--redirect-uri", "https://c.example/", "--sector", "https://c.invalid/"], "sector_identifier_uri"),
        (["--redirect-uri", "https://c.example/", "--details-type", "unknown"], "authorization_details_types"),
        ([], "redirect_uris"),
    ],
)
def test_a_wrong_registration_is_a_sentence_and_no_traceback(
    command: Command, words: list[str], complaint: str
) -> None:
    result = command("clients", "add", "Wrong", *words)
    assert result.exit_code == 1
    assert result.stderr.startswith("grantlog: ")
    assert complaint in result.stderr
    assert result.stdout == ""


def test_a_client_is_added_with_all_that_an_operator_may_say(
    command: Command, answer: Callable[..., Any], tmp_path: Path
) -> None:
    keys = tmp_path / "jwks.json"
    keys.write_text(json.dumps(JWKS))
    about = tmp_path / "client.json"
    about.write_text(json.dumps({"redirect_uris": ["https://c.example/1"], "client_uri": "https://c.example/"}))
    words = [
        *("clients", "add", "Bank", "--metadata", str(about), "--redirect-uri", "https://c.example/cb"),
        *("--auth-method", "private_key_jwt", "--jwks", str(keys), "--profile", "fapi2", "--dpop-bound", "--par"),
        *("--grant", "authorization_code", "--grant", "refresh_token", "--no-rotation"),
        *("--post-logout-uri", "https://c.example/out", "--backchannel-logout-uri", "https://c.example/logout"),
        *("--may-exchange", "other", "--token-format", "jwt", "--resource", API, "--pairwise", "--signed-requests"),
    ]
    made = answer(*words)
    assert made["client_secret"] is None
    shown = answer("clients", "show", made["client_id"])
    assert shown["redirect_uris"] == ["https://c.example/cb"]
    assert shown["client_uri"] == "https://c.example/"
    assert shown["jwks"] == JWKS
    assert (shown["profile"], shown["dpop_bound_access_tokens"], shown["rotate_refresh_tokens"]) == (
        "fapi2",
        True,
        False,
    )
    assert (shown["verified"], shown["managed"], shown["removed"]) == (True, False, False)
    assert (shown["sector_identifier"], shown["may_exchange"]) == ("c.example", ["other"])
    assert shown["id_token_signed_response_alg"] == "PS256"
    table = command("clients", "show", made["client_id"])
    assert table.exit_code == 0
    assert "tls client auth" in table.stdout


def test_only_an_operator_lets_a_named_confidential_client_leave_pkce_out(
    command: Command, answer: Callable[..., Any]
) -> None:
    made = answer("clients", "add", "Old", "--redirect-uri", "https://c.example/cb", "--no-pkce")
    assert answer("clients", "show", made["client_id"])["pkce_optional"] is True
    assert answer("clients", "update", made["client_id"], "--redirect-uri", "https://c.example/cb")["name"] == ""
    assert answer("clients", "show", made["client_id"])["pkce_optional"] is False
    assert command("clients", "update", made["client_id"]).exit_code == 1


def test_a_removed_client_is_gone_for_ever(app: Running, command: Command, answer: Callable[..., Any]) -> None:
    made = answer("clients", "add", "Batch job", "--grant", "client_credentials", "--scope", "api:read")
    text = token(app, Credentials(made["client_id"], made["client_secret"]))
    assert answer("clients", "remove", made["client_id"]) == {"client_id": made["client_id"], "removed": True}
    assert app.introspect(text) == {"active": False}
    for words in (["resume"], ["rotate-secret"], ["update", "--grant", "client_credentials"]):
        refused = command("clients", *words, made["client_id"])
        assert (refused.exit_code, "not known" in refused.stderr) == (1, True)
    again = command("clients", "add", "Again", "--grant", "client_credentials", "--id", made["client_id"])
    assert (again.exit_code, "taken" in again.stderr) == (1, True)
    assert answer("clients", "remove", made["client_id"])["removed"]


@pytest.mark.parametrize("content", ["", "[]", "{", "\x00"])
def test_a_file_that_holds_no_json_object_is_a_sentence(command: Command, tmp_path: Path, content: str) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text(content)
    for option in ("--jwks", "--metadata"):
        result = command("clients", "add", "Wrong", option, str(bad))
        assert (result.exit_code, result.stderr) == (1, "grantlog: bad.json holds no JSON object\n")


def test_a_certificates_subject_is_of_a_known_kind(command: Command) -> None:
    assert command("clients", "add", "Wrong", "--tls-subject", "name", "x").exit_code == 2


def test_lint_names_what_is_dangerous_and_fails_for_errors(
    app: Running, environment: dict[str, str], command: Command, answer: Callable[..., Any]
) -> None:
    made = answer("clients", "add", "Old", "--redirect-uri", "https://c.example/cb", "--no-pkce")
    app.clients["old"] = Credentials(made["client_id"], made["client_secret"])
    app.catch_up()
    found = command("lint", "--clients", "--json")
    assert found.exit_code == 1
    remarks = json.loads(found.stdout)
    assert ("pkce_optional", made["client_id"]) in {(remark["rule"], remark["about"]) for remark in remarks}
    assert [remark["level"] for remark in remarks] == sorted(
        (remark["level"] for remark in remarks), key=["error", "warning", "note"].index
    )
    plain = command("lint")
    assert plain.exit_code == 1  # the tests' issuer is http
    assert "issuer_http" in plain.stdout
    environment["GRANTLOG_PROFILE"] = "oidc"
    try:
        assert "profile_oidc" in command("lint").stdout
    finally:
        del environment["GRANTLOG_PROFILE"]


def test_lint_finds_nothing_wrong_with_usual_settings(environment: dict[str, str]) -> None:
    usual = {name: value for name, value in environment.items() if name != "GRANTLOG_DEV"}
    usual["GRANTLOG_ISSUER"] = "https://id.example.com"
    result = CliRunner().invoke(grantlog, ["lint", "--json"], env={**usual, "GRANTLOG_DEV": None})
    assert (result.exit_code, json.loads(result.stdout)) == (0, [])


def test_clients_are_listed_without_their_secrets(app: Running, command: Command, answer: Callable[..., Any]) -> None:
    app.catch_up()
    listed = {row["client_id"]: row for row in answer("clients", "list")}
    web = app.clients["web"]
    assert listed[web.client_id]["name"] == "Web & <Sons>"
    assert listed[web.client_id]["secrets"] == 1
    assert listed[app.clients["spa"].client_id]["authentication"] == "none"
    table = command("clients", "list")
    assert table.exit_code == 0
    assert web.client_secret is not None
    assert web.client_secret not in table.output + json.dumps(listed)


def test_a_token_is_explained_revoked_and_explained_again(app: Running, answer: Callable[..., Any]) -> None:
    text = token(app, app.clients["web"])
    found = answer("tokens", "inspect", "-", stdin=text + "\n")
    assert found["alive"]
    assert found["token"] == "access_token"
    assert found["client_id"] == app.clients["web"].client_id
    assert (found["scope"], found["audience"]) == ("api:read", [API])
    assert [fact["type"] for fact in found["history"]] == ["grant.client_credentials_issued"]
    assert answer("tokens", "revoke", stdin=text) == {"revoked": True, "was_alive": True}
    assert app.introspect(text) == {"active": False}
    assert answer("tokens", "revoke", stdin=text) == {"revoked": True, "was_alive": False}
    again = answer("tokens", "inspect", stdin=text)
    assert (again["alive"], again["dead_because"]) == (False, "revoked_at_version:2")
    assert again["history"][1]["type"] == "grant.access_token_revoked"
    assert again["history"][1]["actor"].startswith("operator:")


def test_a_whole_family_is_revoked_by_its_id_or_by_one_of_its_tokens(app: Running, answer: Callable[..., Any]) -> None:
    first, second = token(app, app.clients["web"]), token(app, app.clients["web"])
    family = answer("tokens", "inspect", stdin=first)["family"]
    assert answer("tokens", "revoke", "--family", family) == {"revoked": True, "was_alive": True}
    assert answer("tokens", "revoke", "--whole", stdin=second) == {"revoked": True, "was_alive": True}
    for text in (first, second):
        assert app.introspect(text) == {"active": False}
        assert answer("tokens", "inspect", stdin=text)["dead_because"] == "family_revoked:operator"
    assert answer("tokens", "inspect", "--family", family)["family_revoked"] == "operator"


def test_codes_and_refresh_tokens_are_explained_through_rotation_and_reuse(
    app: Running, answer: Callable[..., Any]
) -> None:
    code = redirect_of(app, app.browser(), scope="openid api:read offline_access").query["code"]

    def why(text: str) -> str | None:
        found: str | None = answer("tokens", "inspect", stdin=text)["dead_because"]
        return found

    def refresh(text: str) -> Any:
        headers = {"Authorization": app.clients["web"].basic}
        return app.browser().post("/token", {"grant_type": "refresh_token", "refresh_token": text}, headers)

    assert answer("tokens", "inspect", stdin=code)["token"] == "code"
    assert why(code) is None
    first = redeem(app, code).json
    assert why(code) == "redeemed"
    assert (why(first["access_token"]), why(first["refresh_token"])) == (None, None)
    second = refresh(first["refresh_token"]).json
    third = refresh(second["refresh_token"]).json
    assert why(first["refresh_token"]) == "spent_at_version:3"
    assert why(second["refresh_token"]) == "spent_at_version:4"
    assert (why(second["access_token"]), why(third["refresh_token"])) == (None, None)
    assert refresh(first["refresh_token"]).status == 400  # two generations old: reuse
    told = answer("tokens", "inspect", stdin=third["refresh_token"])
    assert told["dead_because"].startswith("family_revoked:")
    assert told["history"][-1]["type"] == "grant.reuse_detected"
    assert told["history"][-1]["cause"] == told["family_revoked"]
    assert told["live_access_tokens"] == 0
    assert app.introspect(third["access_token"]) == {"active": False}


def test_an_exchanged_token_and_one_of_an_unrotated_refresh_are_explained_as_well(
    app: Running, answer: Callable[..., Any]
) -> None:
    grant = "urn:ietf:params:oauth:grant-type:token-exchange"
    metadata = replace(WEB, grant_types=(grant, *WEB.grant_types), rotate_refresh_tokens=False)
    app.clients["every"] = app.register(metadata)
    key, basic = ProofKey(), {"Authorization": app.clients["every"].basic}

    def given(**form: str) -> Any:
        proof = key.proof("POST", f"{app.settings.issuer}/token")
        found = app.browser().post("/token", form, {**basic, **proof})
        assert found.status == 200, found.text
        return found.json

    code = redirect_of(app, app.browser(), "every", scope="openid api:read offline_access").query["code"]
    first = given(grant_type="authorization_code", code=code, code_verifier=VERIFIER, redirect_uri=REDIRECT)
    second = given(grant_type="refresh_token", refresh_token=first["refresh_token"])
    kind = "urn:ietf:params:oauth:token-type:access_token"
    third = given(grant_type=grant, subject_token=second["access_token"], subject_token_type=kind, scope="api:read")
    for text in (second["access_token"], third["access_token"]):
        told = answer("tokens", "inspect", stdin=text)
        assert (told["token"], told["dead_because"]) == ("access_token", None)
    assert answer("tokens", "inspect", stdin=second["access_token"])["history"][-2]["type"] == "grant.refreshed"
    assert answer("tokens", "inspect", stdin=third["access_token"])["history"][0]["type"] == "grant.exchanged"


def test_a_locked_account_shows_as_the_reason(app: Running, answer: Callable[..., Any]) -> None:
    answer("users", "add", "frank", stdin="a password\n")
    browser = app.browser()
    page = log_in(browser, login_page(app, browser), "frank", "a password")
    tokens = redeem(app, browser.submit(page, decision="allow").query["code"]).json
    assert app.introspect(tokens["access_token"])["active"]
    answer("users", "lock", "frank")
    assert app.introspect(tokens["access_token"]) == {"active": False}
    assert answer("tokens", "inspect", stdin=tokens["access_token"])["dead_because"] == "account_revoked"


def test_a_jwt_is_explained_by_its_handle_and_dies_with_its_key(app: Running, answer: Callable[..., Any]) -> None:
    text = token(app, app.clients["web"], resource=JWT_API)
    assert answer("tokens", "inspect", stdin=text)["alive"]
    signing = {row["alg"]: row["kid"] for row in answer("keys", "list") if row["status"] == "signing"}
    successors = answer("keys", "rotate", "--compromised", signing["ES256"])
    assert [row["alg"] for row in successors] == ["ES256"]
    assert app.introspect(text) == {"active": False}
    assert answer("tokens", "inspect", stdin=text)["dead_because"] == "key_compromised"
    app.run(app.service.ports.signer.refresh())
    published = [key["kid"] for key in app.browser().get("/jwks").json["keys"]]
    assert signing["ES256"] not in published
    assert successors[0]["kid"] in published
    fresh = token(app, app.clients["web"], resource=JWT_API)
    assert app.introspect(fresh)["active"]
    listed = {row["kid"]: row["status"] for row in answer("keys", "list", "--all")}
    assert listed[signing["ES256"]] == "compromised"
    assert listed[successors[0]["kid"]] == "signing"


def test_a_rotated_key_is_published_next_and_the_current_one_signs_on(app: Running, answer: Callable[..., Any]) -> None:
    before = {row["alg"]: row["kid"] for row in answer("keys", "list") if row["status"] == "signing"}
    made = answer("keys", "rotate", "--alg", "EdDSA")
    listed = {row["kid"]: row for row in answer("keys", "list")}
    assert listed[made[0]["kid"]]["status"] == "next"
    assert listed[before["EdDSA"]]["status"] == "signing"
    assert listed[before["EdDSA"]]["retires_at"] is not None
    app.run(app.service.ports.signer.refresh())
    assert made[0]["kid"] in [key["kid"] for key in app.browser().get("/jwks").json["keys"]]


def test_contradicting_options_are_refused(command: Command) -> None:
    assert command("keys", "rotate", "--alg", "ES256", "--compromised", "x").exit_code == 2


def test_rewrapping_says_what_is_left(answer: Callable[..., Any]) -> None:
    found = answer("keys", "rewrap")
    assert found["unreadable"] == 0
    assert found["rewrapped"] == 0
    assert found["current"] > 4


def test_a_replaced_root_key_carries_everything_after_rewrapping(
    app: Running, environment: dict[str, str], answer: Callable[..., Any]
) -> None:
    old, new = environment["GRANTLOG_ROOT_KEYS"], "bmV3LW5ldy1uZXctbmV3LW5ldy1uZXctbmV3LW5ldy0"
    account = answer("users", "show", "alice")["account"]
    environment["GRANTLOG_ROOT_KEYS"] = f"{new},{old}"
    try:
        done = answer("keys", "rewrap")
        assert (done["current"], done["unreadable"]) == (0, 0)
        environment["GRANTLOG_ROOT_KEYS"] = new
        found = answer("users", "show", "alice")
        assert (found["account"], found["username"]) == (account, "alice")
        assert answer("keys", "rewrap")["rewrapped"] == 0
        environment["GRANTLOG_ROOT_KEYS"] = f"{old},{new}"
        assert answer("keys", "rewrap")["unreadable"] == 0
    finally:
        environment["GRANTLOG_ROOT_KEYS"] = old
    assert answer("users", "show", "alice")["account"] == account


def test_the_root_keys_of_another_database_stop_a_command(environment: dict[str, str], command: Command) -> None:
    kept = environment["GRANTLOG_ROOT_KEYS"]
    environment["GRANTLOG_ROOT_KEYS"] = "bmV3LW5ldy1uZXctbmV3LW5ldy1uZXctbmV3LW5ldy0"
    try:
        result = command("keys", "list")
    finally:
        environment["GRANTLOG_ROOT_KEYS"] = kept
    assert result.exit_code == 78
    assert "root key" in result.stderr
    assert "bmV3" not in result.output


def test_tables_are_for_people(app: Running, command: Command) -> None:
    text = token(app, app.clients["web"])
    for words in (["keys", "list"], ["users", "show", "alice"], ["tokens", "inspect"]):
        result = command(*words, stdin=text + "\n")
        assert result.exit_code == 0
        assert "{" not in result.stdout
        assert text not in result.output

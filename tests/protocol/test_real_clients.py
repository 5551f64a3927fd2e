"""Clients that others wrote go through whole flows: four of Node's, and Authlib (Python)."""

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from authlib.oauth2 import ClientAuth, OAuth2Error
from authlib.oauth2.client import OAuth2Client
from tests.support.app import API, INITIAL_ACCESS_TOKEN, JWT_API, PASSWORD, REDIRECT, SPA, USERNAME, Running
from tests.support.browser import Answer, Browser
from tests.support.code_flow import VERIFIER
from tests.support.flows import Person, is_active

CLIENTS = Path(__file__).parent / "clients"
SCRIPTS = ("openid_client", "oauth4webapi")
SECONDS = 60


@pytest.fixture(scope="session")
def node() -> str:
    """The program ``node``, with the clients of the lock beside it."""
    program, npm = shutil.which("node"), shutil.which("npm")
    if program is None or npm is None:
        pytest.skip("no node and npm on this machine: clients written for Node are left out")
    kept = CLIENTS / "node_modules" / ".package-lock.json"
    if not kept.exists() or kept.stat().st_mtime < (CLIENTS / "package-lock.json").stat().st_mtime:
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        if subprocess.run(command, cwd=CLIENTS, check=False, timeout=SECONDS).returncode:
            pytest.skip("npm cannot install the clients of the lock: clients written for Node are left out")
    return program


def run_script(node: str, script: str, given: dict[str, Any]) -> Any:
    """What a script saw."""
    done = subprocess.run(
        [node, f"{script}.mjs"],
        cwd=CLIENTS,
        input=json.dumps(given).encode(),
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def told(app: Running, client: str, **changes: object) -> dict[str, Any]:
    """What a script needs to know."""
    known, guard = app.clients[client], app.clients["resource_server"]
    return {
        "issuer": app.settings.issuer,
        "client_id": known.client_id,
        "client_secret": known.client_secret,
        "redirect_uri": REDIRECT,
        "id_token_signed_response_alg": "RS256",
        "resource": API,
        "username": USERNAME,
        "password": PASSWORD,
        "guard": {"client_id": guard.client_id, "client_secret": guard.client_secret},
        "initial_access_token": INITIAL_ACCESS_TOKEN,
        **changes,
    }


def is_whole(seen: dict[str, Any], audience: str) -> None:
    """Everything that a session is made of happened."""
    assert set(seen["scope"].split()) == {"openid", "api:read"}
    assert (seen["rotated"], seen["same_subject"]) == (True, True)
    assert seen["introspected"] == {"active": True, "aud": audience, "sub": seen["subject"]}
    assert seen["after_revocation"] == {"active": False}
    assert seen["refused"] == "invalid_grant"


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("client", ["web", "spa"])
def test_a_client_written_by_others_goes_through_a_whole_session(
    app: Running, node: str, script: str, client: str
) -> None:
    seen = run_script(node, script, told(app, client))
    is_whole(seen, API)
    if client == "web":
        assert (seen["own"], seen["registered"]) == (True, True)


@pytest.mark.parametrize("algorithm", ["ES256", "PS256", "EdDSA"])
def test_they_verify_id_tokens_of_every_algorithm(app: Running, node: str, algorithm: str) -> None:
    app.clients[algorithm] = app.register(replace(SPA, id_token_signed_response_alg=algorithm))
    seen = run_script(node, "oauth4webapi", told(app, algorithm, id_token_signed_response_alg=algorithm))
    is_whole(seen, API)


def test_they_verify_jwt_access_tokens(app: Running, node: str) -> None:
    seen = run_script(node, "oauth4webapi", told(app, "web", resource=JWT_API, jwt=True))
    is_whole(seen, JWT_API)
    assert seen["jwt"] == {
        "aud": JWT_API,
        "sub": seen["subject"],
        "client_id": app.clients["web"].client_id,
        "scope": "openid api:read",
    }


def test_simple_oauth2_goes_through_a_whole_session(app: Running, node: str) -> None:
    seen = run_script(node, "simple_oauth2", told(app, "web"))
    assert set(seen.pop("scope").split()) == {"openid", "api:read"}
    assert seen == {
        "state": True,
        "iss": app.settings.issuer,
        "expired": False,
        "rotated": True,
        "refused": "invalid_grant",
        "own": True,
    }


def test_oidc_client_ts_logs_in_asks_who_it_is_and_refreshes(app: Running, node: str) -> None:
    seen = run_script(node, "oidc_client_ts", told(app, "spa"))
    assert seen == {
        "kept": {"kept": "here"},
        "subject": str(app.account),
        "name": "Alice Example",
        "email": "alice@example.com",
        "nonce": "a nonce",
        "refresh": True,
        "rotated": True,
        "end_session": "/logout",
    }


class Session:
    """As much of a session of ``requests`` as Authlib's client needs, over the tests' own browser."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser

    def post(self, url: str, *, data: dict[str, str], headers: dict[str, str], auth: ClientAuth) -> "Response":
        """Sends the form as ``auth`` proves it."""
        url, headers, body = auth.prepare("POST", url, dict(headers), urlencode(data))
        return Response(self.browser.request("POST", url, body=body.encode(), headers=headers))


class Response:
    """As much of an answer as it reads."""

    def __init__(self, answer: Answer) -> None:
        self.status_code = answer.status
        self.answer = answer

    def json(self) -> Any:
        return self.answer.json

    def raise_for_status(self) -> None:
        assert self.status_code < 400, self.answer.text


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
def test_authlib_goes_through_a_whole_session(app: Running, person: Person, method: str) -> None:
    known = app.clients["spa" if method == "none" else "web"]
    metadata = app.browser().get("/.well-known/oauth-authorization-server").json
    client = OAuth2Client(
        Session(app.browser()),
        known.client_id,
        known.client_secret,
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
        scope="openid api:read",
        redirect_uri=REDIRECT,
        code_challenge_method="S256",
        token_endpoint=metadata["token_endpoint"],
    )
    # what this person has allowed already would be allowed without a page
    url, state = client.create_authorization_url(
        metadata["authorization_endpoint"], code_verifier=VERIFIER, prompt="consent"
    )
    person.code()  # logs in
    page = person.browser.follow(person.browser.get(url))
    answer = person.browser.submit(page, decision="allow").location
    first = dict(client.fetch_token(authorization_response=answer, state=state, code_verifier=VERIFIER))
    assert not client.token.is_expired()
    second = dict(client.refresh_token(refresh_token=first["refresh_token"]))
    assert first["refresh_token"] != second["refresh_token"]
    assert is_active(app, second["access_token"])
    # the application lost the answer and asks again
    again = dict(client.refresh_token(refresh_token=first["refresh_token"]))
    # its own reckoning, by the second in which it was told
    assert again | {"expires_at": 0} == second | {"expires_at": 0}
    done = client.revoke_token(metadata["revocation_endpoint"], second["refresh_token"], "refresh_token")
    assert done.status_code == 200
    assert not is_active(app, second["access_token"])
    with pytest.raises(OAuth2Error, match="invalid_grant"):
        client.refresh_token(refresh_token=second["refresh_token"])


def test_authlib_asks_for_a_client_and_for_what_a_token_may_do(app: Running) -> None:
    web, guard = app.clients["web"], app.clients["resource_server"]
    client = OAuth2Client(Session(app.browser()), web.client_id, web.client_secret, scope="api:read")
    token = client.fetch_token(app.url + "/token", grant_type="client_credentials")
    server = OAuth2Client(Session(app.browser()), guard.client_id, guard.client_secret)
    told_ = server.introspect_token(app.url + "/introspect", token["access_token"], "access_token").json()
    assert (told_["active"], told_["client_id"], told_["scope"]) == (True, web.client_id, "api:read")

"""RFC 8705: clients and tokens in the hands of a certificate, over real TLS and behind a proxy."""

import http.client
import json
import socket
import ssl
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from tests.support.app import WEB, Running, StartApp, running, settings_for, wait_for
from tests.support.beside import site_of
from tests.support.browser import FORM, Answer
from tests.support.certificates import CLIENT_DN, Made, anonymous, made, named
from tests.support.clients import is_refused
from tests.support.flows import Person
from tests.support.jwts import b64, number
from tests.support.many_headers import send
from tests.support.processes import started
from tests.support.servers import flush, free_port

from grantlog.adapters.embedded.valkey import EmbeddedValkey
from grantlog.core.protocol.mtls import certificate_thumbprint

AUTHORITY = made(named("Authority"), names=(), authority=True)
STRANGER = made(named("Authority"), names=(), authority=True)
"""An authority of the same name, with another key."""
CLIENT = made(issuer=AUTHORITY)
GRANT = {"grant_type": "client_credentials"}


def public_jwk(shown: Made) -> dict[str, Any]:
    numbers = shown.certificate.public_key().public_numbers()  # type: ignore[union-attr]  # all of these are EC keys
    return {"kty": "EC", "crv": "P-256", "x": number(numbers.x, 32), "y": number(numbers.y, 32)}  # type: ignore[union-attr]  # EC


@dataclass
class Site:
    """The application, and a process beside it that asks for certificates."""

    app: Running
    port: int
    directory: Path

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def post(
        self, path: str, form: dict[str, str], shown: Made | None, headers: Sequence[tuple[str, str]] = ()
    ) -> Answer:
        """A form over TLS, with a certificate or none."""
        context = anonymous() if shown is None else shown.context(self.directory, "shown")
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=30)
        try:
            given = {"Content-Type": FORM, **dict(headers)}
            connection.request("POST", path, urlencode(form), given)
            response = connection.getresponse()
            found: dict[str, list[str]] = {}
            for name, value in response.getheaders():
                found.setdefault(name.lower(), []).append(value)
            return Answer(response.status, found, response.read(), self.url + path)
        finally:
            connection.close()

    def token(self, client_id: str, shown: Made | None, **form: str) -> Answer:
        return self.post("/token", GRANT | {"client_id": client_id} | form, shown)

    def client(self, **changes: Any) -> str:
        return self.app.register(replace(WEB, **changes)).client_id


@pytest.fixture(scope="module")
def site(
    module_postgres_url: str, valkey_server: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    flush(valkey_server)
    directory, port = tmp_path_factory.mktemp("mtls"), free_port()
    authorities = AUTHORITY.written(directory, "authority")[0]
    settings = settings_for(
        module_postgres_url,
        valkey_server.url,
        mtls_base_url=f"https://localhost:{port}",
        client_certificate_authorities=authorities,
    )
    certificate, key = made(named("localhost")).written(directory, "server")
    with running(settings) as app:
        beside = site_of(app, directory).role(
            "serve",
            name="mtls",
            PORT=str(free_port()),
            MTLS_PORT=str(port),
            TLS_CERTIFICATE=str(certificate),
            TLS_KEY=str(key),
        )
        with started(beside):
            found = Site(app, port, directory)
            wait_for(lambda: beside.status is not None or _answers(found))
            assert beside.status is None, beside.written()
            yield found


def _answers(site: Site) -> bool:
    with suppress(OSError):
        return site.post("/token", GRANT, None).status == 401
    return False


@pytest.mark.parametrize(
    "identifier",
    [
        ("subject_dn", CLIENT_DN),
        ("subject_dn", "cn = client.example, o=Shop\\2c Ltd,C=DE"),
        ("san_dns", "client.example"),
        ("san_uri", "https://client.example/me"),
        ("san_ip", "192.0.2.7"),
        ("san_ip", "2001:DB8:0::7"),
        ("san_email", "ops@client.example"),
    ],
    ids=repr,
)
def test_a_client_is_known_by_what_it_registered_of_its_certificate(site: Site, identifier: tuple[str, str]) -> None:
    client = site.client(token_endpoint_auth_method="tls_client_auth", tls_client_auth=identifier)
    answer = site.token(client, CLIENT)
    assert answer.status == 200, answer.text
    is_refused(site.token(client, None), "invalid_client", 401)
    is_refused(site.token(client, CLIENT, client_secret="x"), "invalid_client", 401)


@pytest.mark.parametrize(
    ("identifier", "shown"),
    [
        (("subject_dn", CLIENT_DN), made()),
        (("subject_dn", CLIENT_DN), made(issuer=STRANGER)),
        (("subject_dn", CLIENT_DN), made(issuer=AUTHORITY, days=(-9, -1))),
        (("subject_dn", CLIENT_DN), made(issuer=AUTHORITY, days=(1, 9))),
        (("subject_dn", CLIENT_DN), made(issuer=CLIENT)),
        (("subject_dn", "CN=client.example"), CLIENT),
        (("subject_dn", "C=DE,O=Shop\\, Ltd,CN=client.example"), CLIENT),
        (("san_dns", "other.example"), CLIENT),
        (("san_dns", "192.0.2.7"), CLIENT),
        (("san_ip", "192.0.2.8"), CLIENT),
        (("san_email", "ops@client.example"), made(issuer=AUTHORITY, names=())),
    ],
    ids=[
        "self-signed",
        "another authority",
        "expired",
        "not yet",
        "issued by a client",
        "part of a name",
        "another order",
        "another name",
        "another kind",
        "another address",
        "no names",
    ],
)
def test_any_other_certificate_is_nobodys(site: Site, identifier: tuple[str, str], shown: Made) -> None:
    client = site.client(token_endpoint_auth_method="tls_client_auth", tls_client_auth=identifier)
    is_refused(site.token(client, shown), "invalid_client", 401)


def test_a_self_signed_certificate_is_known_by_its_key(site: Site) -> None:
    mine, other = made(), made()
    client = site.client(
        token_endpoint_auth_method="self_signed_tls_client_auth", jwks=json.dumps({"keys": [public_jwk(mine)]})
    )
    assert site.token(client, mine).status == 200
    assert site.token(client, made(key=mine.key, days=(-9, -1))).status == 200, "RFC 8705 2.2: the key is what counts"
    for shown in (other, CLIENT, None):
        is_refused(site.token(client, shown), "invalid_client", 401)


def test_a_self_signed_certificate_may_be_registered_itself(site: Site) -> None:
    mine = made()
    jwk = public_jwk(mine) | {"x5c": [b64encode(mine.der).decode()]}
    client = site.client(token_endpoint_auth_method="self_signed_tls_client_auth", jwks=json.dumps({"keys": [jwk]}))
    assert site.token(client, mine).status == 200


def test_a_bound_token_names_its_certificate(site: Site) -> None:
    client = site.client(
        token_endpoint_auth_method="tls_client_auth",
        tls_client_auth=("san_dns", "client.example"),
        tls_client_certificate_bound_access_tokens=True,
    )
    answer = site.token(client, CLIENT)
    assert (answer.status, answer.json["token_type"]) == (200, "Bearer")
    told = site.app.introspect(answer.json["access_token"])
    assert told["cnf"] == {"x5t#S256": certificate_thumbprint(CLIENT.der)}


def test_a_client_that_registered_it_gets_no_unbound_token(site: Site) -> None:
    credentials = site.app.register(replace(WEB, tls_client_certificate_bound_access_tokens=True))
    headers = [("Authorization", credentials.basic)]
    is_refused(site.post("/token", GRANT, None, headers), "invalid_request")
    # any certificate will do to bind to: who the client is, its secret says
    assert site.post("/token", GRANT, made(), headers).status == 200


def test_a_certificate_binds_only_for_clients_that_registered_so(site: Site) -> None:
    answer = site.post("/token", GRANT, CLIENT, [("Authorization", site.app.clients["web"].basic)])
    assert answer.status == 200
    assert "cnf" not in site.app.introspect(answer.json["access_token"])


def test_userinfo_is_told_to_who_shows_the_certificate(site: Site) -> None:
    credentials = site.app.register(replace(WEB, tls_client_certificate_bound_access_tokens=True))
    site.app.clients["bound"] = credentials
    code = Person(site.app).code("bound")
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": _VERIFIER}
    tokens = site.post("/token", form, CLIENT, [("Authorization", credentials.basic)])
    assert tokens.status == 200, tokens.text
    bearer = [("Authorization", "Bearer " + tokens.json["access_token"])]
    assert site.post("/userinfo", {}, CLIENT, bearer).status == 200
    for shown in (None, made()):
        answer = site.post("/userinfo", {}, shown, bearer)
        assert (answer.status, "invalid_token" in (answer.header("WWW-Authenticate") or "")) == (401, True)


_VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"


def test_tls_1_2_is_spoken_as_well(site: Site) -> None:
    context = CLIENT.context(site.directory, "older")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    connection = http.client.HTTPSConnection("127.0.0.1", site.port, context=context, timeout=10)
    for _ in range(2):
        connection.request("GET", "/livez")
        answer = connection.getresponse()
        assert (answer.status, bool(answer.read())) == (200, True)
    connection.close()


def test_junk_on_the_wire_harms_nobody(site: Site) -> None:
    for junk in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"x" * 100, bytes(5), b"\x16"):
        with socket.create_connection(("127.0.0.1", site.port), timeout=10) as connection:
            connection.sendall(junk)
            connection.shutdown(socket.SHUT_WR)
            with suppress(ConnectionError):
                assert b"HTTP" not in connection.recv(4096)
    assert site.post("/token", GRANT, None).status == 401


def test_a_large_answer_and_a_large_request_pass(site: Site) -> None:
    form = GRANT | {"client_id": "nobody", "client_secret": "x" * 900, "scope": "y" * 40_000}
    assert site.post("/token", form, CLIENT).status in {400, 401}
    connection = http.client.HTTPSConnection("127.0.0.1", site.port, context=anonymous(), timeout=10)
    for _ in range(3):
        connection.request("GET", "/.well-known/openid-configuration")
        assert json.loads(connection.getresponse().read())["issuer"] == site.app.settings.issuer
    connection.close()


def test_metadata_says_where_certificates_are_asked_for(site: Site) -> None:
    metadata = site.app.browser().get("/.well-known/oauth-authorization-server").json
    assert metadata["mtls_endpoint_aliases"]["token_endpoint"] == f"{site.url}/token"
    assert metadata["tls_client_certificate_bound_access_tokens"] is True
    assert {"tls_client_auth", "self_signed_tls_client_auth"} <= set(metadata["token_endpoint_auth_methods_supported"])


# --------------------------------------------------------------------------------------------- behind a proxy

MINE = made()
HEADER = "Client-Cert"


def proxied(app: Running, headers: Sequence[tuple[str, str]], client_id: str) -> Answer:
    body = urlencode(GRANT | {"client_id": client_id}).encode()
    return send(app.url, "POST", "/token", headers, body)


def sequence(shown: Made) -> str:
    return f":{b64encode(shown.der).decode()}:"


@pytest.fixture
def behind(start_app: StartApp) -> tuple[Running, str]:
    app = start_app(
        mtls_base_url="https://mtls.example", trusted_proxies=("127.0.0.1/32",), client_certificate_header=HEADER
    )
    jwks = json.dumps({"keys": [public_jwk(MINE)]})
    metadata = replace(WEB, token_endpoint_auth_method="self_signed_tls_client_auth", jwks=jwks)
    return app, app.register(metadata).client_id


def test_a_trusted_proxy_hands_the_certificate_on(behind: tuple[Running, str]) -> None:
    app, client = behind
    assert proxied(app, [(HEADER, sequence(MINE))], client).status == 200
    assert proxied(app, [(HEADER, quote(MINE.pem.decode()))], client).status == 200
    for junk in (
        "",
        "x",
        ":!:",
        "::",
        ":" + b64(b"no certificate").replace("-", "+") + ":",
        "%00%ff",
        sequence(made()),
    ):
        is_refused(proxied(app, [(HEADER, junk)], client), "invalid_client", 401)
    is_refused(proxied(app, [], client), "invalid_client", 401)


def test_several_headers_are_refused(behind: tuple[Running, str]) -> None:
    app, client = behind
    is_refused(proxied(app, [(HEADER, sequence(MINE)), (HEADER, sequence(made()))], client), "invalid_request")


def test_nobody_is_trusted_for_a_name_that_no_authority_vouches_for(behind: tuple[Running, str]) -> None:
    app, _ = behind
    metadata = replace(WEB, token_endpoint_auth_method="tls_client_auth", tls_client_auth=("san_dns", "client.example"))
    client = app.register(metadata).client_id
    is_refused(proxied(app, [(HEADER, sequence(CLIENT))], client), "invalid_client", 401)
    advertised = app.browser().get("/.well-known/openid-configuration").json["token_endpoint_auth_methods_supported"]
    assert "tls_client_auth" not in advertised
    assert "self_signed_tls_client_auth" in advertised


def test_the_header_of_anybody_else_is_nothing(start_app: StartApp) -> None:
    app = start_app(
        mtls_base_url="https://mtls.example", trusted_proxies=("192.0.2.0/24",), client_certificate_header=HEADER
    )
    jwks = json.dumps({"keys": [public_jwk(MINE)]})
    metadata = replace(WEB, token_endpoint_auth_method="self_signed_tls_client_auth", jwks=jwks)
    client = app.register(metadata).client_id
    is_refused(proxied(app, [(HEADER, sequence(MINE))], client), "invalid_client", 401)

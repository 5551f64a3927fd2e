"""What a run of ``grantlog dev`` chooses before anything starts: ports, secrets, directories, settings."""

import json
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import jsonschema
import pytest
from tests.support.servers import free_port

from grantlog.adapters.embedded.files import SOCKET_PATH_LIMIT
from grantlog.adapters.embedded.ports import NoPortError
from grantlog.development.catalogue import PAYMENT_EXAMPLE, PAYMENT_SCHEMA
from grantlog.development.credentials import (
    Credentials,
    Planted,
    summary_text,
    without_own,
    write_credentials,
    write_environment,
)
from grantlog.development.demo import CONFIDENTIAL, DEVICE, FAPI, PUBLIC, keep_secrets, resource_server
from grantlog.development.environment import (
    ROLES,
    Stores,
    choose_ports,
    role_environment,
    settings_environment,
)
from grantlog.development.keys import new_key, private_jwk, public_jwks
from grantlog.development.layout import AlreadyRunningError, Kept, Layout, forget_sockets, occupied, socket_base
from grantlog.development.stores import embedded_servers
from grantlog.settings import read_settings

STORES = Stores("postgresql://grantlog@/postgres?host=/s", "unix:///s/projection.sock", "redis+socket:///s/broker.sock")
PASSWORD = "the-password"
FAPI_KEY, ISSUER_KEY = private_jwk(new_key()), private_jwk(new_key())


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "kept.json")


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port: int = listener.getsockname()[1]
        yield port


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_port_asked_for_is_used(kept: Kept) -> None:
    port = free_port()
    ports = choose_ports({"GRANTLOG_PORT": str(port)}, kept)
    assert ports.issuer == port
    numbers = [ports.issuer, ports.introspection, ports.metrics, *ports.own_metrics.values()]
    assert len(set(numbers)) == len(numbers) == 3 + len(ROLES)


def test_a_taken_port_that_was_asked_for_is_an_error_that_names_it(kept: Kept, taken: int) -> None:
    with pytest.raises(NoPortError, match=f"GRANTLOG_PORT={taken} is taken"):
        choose_ports({"GRANTLOG_PORT": str(taken)}, kept)


@pytest.mark.parametrize("text", ["0", "-1", "65535", "99999", "http", "8000 ", "²"])
def test_what_is_no_port_is_an_error(kept: Kept, text: str) -> None:
    with pytest.raises(NoPortError, match="is not a port"):
        choose_ports({"GRANTLOG_PORT": text}, kept)


def test_the_issuer_keeps_its_port_from_run_to_run_while_it_is_free(kept: Kept, taken: int) -> None:
    port = free_port()
    kept.remember(issuer_port=str(port))
    assert choose_ports({}, kept).issuer == port
    kept.remember(issuer_port=str(taken))
    moved = choose_ports({}, kept)
    assert moved.issuer > taken
    assert moved.moved[0] == f"port {taken} is taken: the issuer is on {moved.issuer} instead"


def test_the_demos_settings_are_settings(kept: Kept, tmp_path: Path) -> None:
    ports = choose_ports({"GRANTLOG_PORT": str(free_port())}, kept)
    secrets = {"initial_access_token": "token", "issuer_key": new_key()}
    shared = settings_environment({"GRANTLOG_GRACE_WINDOW": "3"}, STORES, ports, str(tmp_path / "root_keys"), secrets)
    for role in ROLES:
        environment = role_environment(shared, ports, role)
        settings = read_settings({name: text for name, text in environment.items() if name.startswith("GRANTLOG_")})
        assert settings.dev
        assert settings.issuer == f"http://127.0.0.1:{ports.issuer}"
        assert settings.grace_window == 3
        assert settings.worker_name == role
        assert settings.metrics_port == ports.own_metrics[role]
        assert settings.port == (ports.introspection if role == "introspection" else ports.issuer)
        assert settings.client_id_documents
        assert [known.type for known in settings.authorization_details_types] == ["payment_initiation"]
        assert settings.trusted_issuers[0].jwks == public_jwks(secrets["issuer_key"])
        assert [resource.token_format for resource in settings.resources] == ["opaque", "opaque", "jwt"]


def test_secrets_are_random_in_a_checkout_and_stay(tmp_path: Path) -> None:
    seen = []
    for name in ("one", "two"):
        with occupied(tmp_path / name) as layout:
            first = dict(keep_secrets(layout, Kept(layout.kept)))
            again = dict(keep_secrets(layout, Kept(layout.kept)))
            assert first == again
            seen.append((first["user_password"], first["initial_access_token"], layout.root_keys.read_text("utf-8")))
    assert not set(seen[0]) & set(seen[1])


def test_everything_in_the_directory_is_its_owners_alone(tmp_path: Path) -> None:
    os.umask(0)
    try:
        with occupied(tmp_path / "dev") as layout:
            keep_secrets(layout, Kept(layout.kept))
            write_credentials(layout, credentials())
            assert mode(layout.root) == 0o700
            for path in layout.root.rglob("*"):
                assert mode(path) in {0o600, 0o700}, path
    finally:
        os.umask(0o022)


def test_a_second_run_over_the_same_directory_is_told_who_runs(tmp_path: Path) -> None:
    with (
        occupied(tmp_path / "dev"),
        pytest.raises(AlreadyRunningError, match=f"process {os.getpid()} "),
        ExitStack() as s,
    ):
        s.enter_context(occupied(tmp_path / "dev"))
    with occupied(tmp_path / "dev"):
        pass


def test_sockets_move_out_of_a_path_that_is_too_long(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * SOCKET_PATH_LIMIT)
    deep.mkdir()
    with occupied(deep / "dev") as layout:
        kept = Kept(layout.kept)
        base = socket_base(layout, kept)
        try:
            assert len(str(base / "valkey-run" / "projection.sock")) <= SOCKET_PATH_LIMIT
            assert mode(base) == 0o700
            assert socket_base(layout, kept) == base
        finally:
            forget_sockets(kept)
        assert not base.exists()
        assert socket_base(layout, kept) == base
        forget_sockets(kept)


def test_stores_of_the_environment_replace_the_embedded_ones(tmp_path: Path) -> None:
    with occupied(tmp_path / "dev") as layout:
        kept = Kept(layout.kept)
        servers, stores = embedded_servers(layout, kept, {"GRANTLOG_REDIS_URL": "redis://elsewhere/0"})
        assert servers.projection is None
        assert servers.postgres is not None
        assert stores.redis_url == "redis://elsewhere/0"
        assert stores.broker_url.startswith("redis+socket:///")
        names = {f"GRANTLOG_{name}_URL": "x://y" for name in ("DATABASE", "REDIS", "BROKER")}
        servers, stores = embedded_servers(layout, kept, names)
        assert not servers.supervised()
        assert stores.database_url == "x://y"


def credentials() -> Credentials:
    return Credentials(
        issuer="http://127.0.0.1:8000",
        metrics="http://127.0.0.1:9464/metrics",
        introspection="http://127.0.0.1:8001",
        initial_access_token="initial",
        users={"user": ("demo", PASSWORD), "console": ("operator", "other")},
        clients=[
            Planted("web-1", "web-secret", CONFIDENTIAL.metadata),
            Planted("native-1", None, PUBLIC.metadata),
            Planted("device-1", None, DEVICE.metadata),
            Planted("fapi-1", None, FAPI.metadata, FAPI_KEY),
        ],
        resource_server=Planted("rs-1", "rs-secret", resource_server("http://127.0.0.1:8000").metadata),
        registered={"client_id": "rs-2", "client_secret": "rs-2-secret"},
        issuer_key=ISSUER_KEY,
    )


def test_credentials_hold_what_a_tester_needs(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    write_credentials(layout, credentials())
    document = json.loads(layout.credentials.read_text("utf-8"))
    assert document["user"] == {"username": "demo", "password": PASSWORD}
    assert document["console"]["username"] == "operator"
    assert document["clients"][0] == {
        "client_id": "web-1",
        "client_secret": "web-secret",
        "name": "Demo web application",
        "redirect_uris": ["http://127.0.0.1/callback", "https://client.example/callback"],
        "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
        "token_endpoint_auth_method": "client_secret_basic",
        "scope": "api:read api:write billing:read billing:manage openid profile email address phone offline_access",
        "post_logout_redirect_uris": ["http://127.0.0.1/logged-out", "https://client.example/logged-out"],
        "dpop_bound_access_tokens": False,
        "profile": None,
    }
    assert document["clients"][1]["client_secret"] is None
    assert document["resource_server"] == {"client_id": "rs-1", "client_secret": "rs-secret"}
    assert len(document["resources"]) == 3
    assert document["clients"][3]["jwk"] == FAPI_KEY
    assert (document["clients"][3]["profile"], document["clients"][3]["dpop_bound_access_tokens"]) == ("fapi2", True)
    assert document["rs_metadata"] == {"client_id": "rs-2", "client_secret": "rs-2-secret"}
    assert document["trusted_issuer"] == {"issuer": "https://issuer.example.com", "jwk": ISSUER_KEY}
    assert document["rar_example"] == PAYMENT_EXAMPLE
    assert not {"d"} & set(public_jwks(json.dumps(FAPI_KEY))["keys"][0])


def test_what_is_printed_puts_no_clients_secret_on_a_command_line() -> None:
    text = summary_text(credentials(), ".dev")
    assert "web-secret" not in text
    assert "rs-secret" not in text
    assert "rs-2-secret" not in text
    assert FAPI_KEY["d"] not in text
    assert text.count("curl -K .dev/") == 4
    assert "client_id=device-1 " in text


def test_nothing_that_holds_secrets_shows_them() -> None:
    shown = repr(credentials()) + repr(STORES) + repr(Planted("id", "web-secret", CONFIDENTIAL.metadata))
    for secret in (PASSWORD, "web-secret", "rs-2-secret", FAPI_KEY["d"], ISSUER_KEY["d"], "initial", "projection.sock"):
        assert secret not in shown


def test_a_shell_that_has_taken_over_a_runs_settings_can_start_the_next_one(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    write_environment(
        layout, {"GRANTLOG_DATABASE_URL": "postgresql:///x y?host=/run", "GRANTLOG_PORT": "8000", "PATH": "/bin"}, {}
    )

    environ = {"GRANTLOG_DATABASE_URL": "postgresql:///x y?host=/run", "GRANTLOG_PORT": "9000", "PATH": "/bin"}

    assert without_own(layout, environ) == {"GRANTLOG_PORT": "9000", "PATH": "/bin"}


def test_who_starts_again_with_the_same_settings_gets_them_again(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    told = {"GRANTLOG_PROFILE": "fapi2", "GRANTLOG_DATABASE_URL": "postgresql:///theirs", "GRANTLOG_PORT": "9000"}
    write_environment(layout, {**told, "GRANTLOG_REDIS_URL": "unix:///ours"}, told)

    assert without_own(layout, {**told, "GRANTLOG_REDIS_URL": "unix:///ours"}) == told


def test_the_payment_to_ask_for_is_one_of_its_type() -> None:
    jsonschema.Draft202012Validator(PAYMENT_SCHEMA).validate(PAYMENT_EXAMPLE)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(PAYMENT_SCHEMA).validate({**PAYMENT_EXAMPLE, "instructedAmount": {}})


def test_before_the_first_run_nothing_was_taken_over(tmp_path: Path) -> None:
    assert without_own(Layout(tmp_path), {"GRANTLOG_PORT": "9000"}) == {"GRANTLOG_PORT": "9000"}

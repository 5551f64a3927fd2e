"""What stops a boot: by name, never by value."""

import pytest

from grantlog.settings import SettingsError, read_settings

GOOD = {
    "GRANTLOG_ISSUER": "https://auth.example.com",
    "GRANTLOG_DATABASE_URL": "postgresql://issuer:hush@db/grantlog",
    "GRANTLOG_REDIS_URL": "redis://:hush@cache:6379/0",
    "GRANTLOG_ROOT_KEYS": "A" * 43,
}


def complaint(**changes: str | None) -> str:
    """What is said about this environment; without a secret in it."""
    environ = {name: value for name, value in (GOOD | changes).items() if value is not None}
    with pytest.raises(SettingsError) as caught:
        read_settings(environ)
    assert "hush" not in str(caught.value)
    return str(caught.value)


def test_a_production_environment_is_read() -> None:
    settings = read_settings(GOOD)
    assert settings.issuer == "https://auth.example.com"
    assert settings.tls
    assert "hush" not in repr(settings)


@pytest.mark.parametrize("name", sorted(GOOD))
def test_what_is_missing_is_named(name: str) -> None:
    assert name in complaint(**{name: None})


def test_what_is_unknown_is_named() -> None:
    assert "GRANTLOG_DATABSE_URL" in complaint(GRANTLOG_DATABSE_URL="hush")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GRANTLOG_ISSUER", "http://auth.example.com"),
        ("GRANTLOG_ISSUER", "https://auth.example.com/?a=b"),
        ("GRANTLOG_ISSUER", "https://auth.example.com/#x"),
        ("GRANTLOG_ISSUER", "auth.example.com"),
        ("GRANTLOG_PORT", "ninety"),
        ("GRANTLOG_GRACE_WINDOW", "-1"),
        ("GRANTLOG_TRUSTED_PROXIES", "not a network"),
        ("GRANTLOG_EGRESS_PRIVATE", "true"),
        ("GRANTLOG_TOKEN_PREFIX", "Not_One"),
    ],
)
def test_what_is_wrong_is_named(name: str, value: str) -> None:
    assert name in complaint(**{name: value})


def test_notices_are_signed_or_not_sent() -> None:
    assert "GRANTLOG_WEBHOOK_SECRET" in complaint(GRANTLOG_WEBHOOK_URL="https://siem.example.com/hook")


def test_proxies_and_resources_are_read() -> None:
    settings = read_settings(
        GOOD
        | {
            "GRANTLOG_TRUSTED_PROXIES": "10.0.0.0/8, 192.0.2.1",
            "GRANTLOG_RESOURCES": '[{"uri":"https://api.example.com/","scopes":["api:read"]}]',
        }
    )
    assert settings.trusted_proxies == ("10.0.0.0/8", "192.0.2.1/32")
    assert settings.resources[0].scopes == ("api:read",)


def test_resources_that_are_no_json_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "GRANTLOG_RESOURCES: is not JSON" in complaint(GRANTLOG_RESOURCES="[hush")
    for name, value in (GOOD | {"GRANTLOG_RESOURCES": "[hush"}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match="GRANTLOG_RESOURCES: is not JSON") as caught:
        read_settings()
    assert "hush" not in str(caught.value)

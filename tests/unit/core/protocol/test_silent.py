"""Who may be answered without a page (RFC 8252 section 8.6)."""

import pytest

from grantlog.core.protocol.silent import may_be_silent


@pytest.mark.parametrize(
    "uri",
    ["http://127.0.0.1:4711/callback", "http://[::1]/", "http://localhost/", "https://localhost/", "com.example:/x"],
)
def test_a_public_client_whose_address_anybody_may_take_is_always_asked_about(uri: str) -> None:
    assert not may_be_silent(public=True, redirect_uri=uri)
    assert may_be_silent(public=False, redirect_uri=uri)


def test_an_https_address_tells_who_it_is() -> None:
    assert may_be_silent(public=True, redirect_uri="https://spa.example/callback")

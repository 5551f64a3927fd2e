"""Logout tokens (OpenID Connect Back-Channel Logout 1.0 section 2.4)."""

from grantlog.core.protocol.logout_token import claims


def test_the_claims_are_those_of_the_specification_and_never_a_nonce() -> None:
    told = claims(
        issuer="https://server.example.com",
        client_id="s6BhdRkqt3",
        subject="248289761001",
        sid="08a5019c-17e1-4977-8f42-65a12843ea02",
        issued_at=1471566154,
        token_id="bWJq",
    )
    assert told == {
        "iss": "https://server.example.com",
        "sub": "248289761001",
        "aud": "s6BhdRkqt3",
        "iat": 1471566154,
        "exp": 1471566274,
        "jti": "bWJq",
        "sid": "08a5019c-17e1-4977-8f42-65a12843ea02",
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
    }


def test_without_a_session_all_of_the_subject_are_meant() -> None:
    told = claims(issuer="i", client_id="c", subject="s", sid=None, issued_at=1, token_id="t")
    assert "sid" not in told
    assert told["sub"] == "s"

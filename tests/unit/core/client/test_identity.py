"""What a client is to the people who allow it: another name, kind or place makes it another."""

from dataclasses import replace
from typing import Any

import pytest

from grantlog.core.client.events import ClientMetadata
from grantlog.core.client.identity import identity_digest

APP = ClientMetadata(name="App", redirect_uris=("https://a.example/", "https://b.example/"))


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Аpp"},  # noqa: RUF001  # a Cyrillic capital: that is the point
        {"redirect_uris": ("https://a.example/",)},
        {"redirect_uris": (*APP.redirect_uris, "https://evil.example/")},
        {"token_endpoint_auth_method": "none"},
        {"application_type": "native"},
        {"verified": False},
        {"client_uri": "https://evil.example/"},
        {"subject_type": "pairwise"},
        {"sector_identifier": "evil.example"},
    ],
)
def test_another_client_has_another_digest(changes: dict[str, Any]) -> None:
    assert identity_digest(replace(APP, **changes)) != identity_digest(APP)


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uris": tuple(reversed(APP.redirect_uris))},
        {"policy_uri": "https://a.example/privacy"},
        {"id_token_signed_response_alg": "ES256"},
        {"token_endpoint_auth_method": "private_key_jwt"},
    ],
)
def test_what_people_do_not_mean_changes_nothing(changes: dict[str, Any]) -> None:
    assert identity_digest(replace(APP, **changes)) == identity_digest(APP)

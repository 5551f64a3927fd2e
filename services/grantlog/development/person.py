"""The demo's user: every standard claim (OpenID Connect Core section 5.1), and what resource servers ask for."""

from collections.abc import Mapping
from typing import Any

PROFILE: Mapping[str, Any] = {
    "name": "Demo Elizabeth User",
    "given_name": "Demo",
    "middle_name": "Elizabeth",
    "family_name": "User",
    "nickname": "Dee",
    "preferred_username": "demo",
    "profile": "https://people.example.com/demo",
    "picture": "https://people.example.com/demo.png",
    "website": "https://demo.example.com/",
    "gender": "female",
    "birthdate": "1990-04-01",
    "zoneinfo": "Europe/Berlin",
    "locale": "en-GB",
    "updated_at": 1_760_000_000,
    "email": "demo@example.com",
    "email_verified": True,
    "phone_number": "+49 30 901820",
    "phone_number_verified": False,
    "address": {
        "formatted": "Example Street 1\n10115 Berlin\nGermany",
        "street_address": "Example Street 1",
        "locality": "Berlin",
        "region": "Berlin",
        "postal_code": "10115",
        "country": "DE",
    },
    "roles": ["editor"],
    "groups": ["staff", "finance"],
    "entitlements": ["reports"],
}

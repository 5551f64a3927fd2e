"""People with a profile, logged in: whom tests of claims and subjects are about."""

from collections.abc import Mapping
from typing import Any

from tests.support.app import PASSWORD, Running
from tests.support.code_flow import log_in, login_page
from tests.support.flows import Person

from grantlog.core.identifiers import StreamId
from grantlog.flows import accounts
from grantlog.flows.operators import operator_origin

# every standard claim (OpenID Connect Core section 5.1)
JANE: Mapping[str, Any] = {
    "name": "Jane Doe",
    "given_name": "Jane",
    "family_name": "Doe",
    "middle_name": "Q",
    "nickname": "JD",
    "preferred_username": "j.doe",
    "profile": "https://example.com/janedoe",
    "picture": "https://example.com/janedoe/me.jpg",
    "website": "https://janedoe.example",
    "gender": "female",
    "birthdate": "1971-10-31",
    "zoneinfo": "America/Los_Angeles",
    "locale": "en-US",
    "updated_at": 1_311_280_970,
    "email": "janedoe@example.com",
    "email_verified": True,
    "phone_number": "+1 (604) 555-1234;ext=5678",
    "phone_number_verified": False,
    "address": {"street_address": "1234 Hollywood Blvd.", "locality": "Los Angeles", "country": "US"},
}


class Member(Person):
    """Somebody of their own, logged in from the start. ``profile``: the claims of the account, which is made here."""

    def __init__(self, app: Running, username: str, profile: Mapping[str, Any] | None = None) -> None:
        super().__init__(app)
        self.username = username
        origin = operator_origin(app.service, "operator:test")
        self.account: StreamId = app.run(accounts.create_account(app.service, username, PASSWORD, origin, profile))
        log_in(self.browser, login_page(app, self.browser), username)

    def change(self, **claims: Any) -> None:
        """Another profile, as an operator would set it."""
        origin = operator_origin(self.app.service, "operator:test")
        self.app.run(accounts.change_profile(self.app.service, self.username, claims, origin))

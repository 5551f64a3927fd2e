from dataclasses import FrozenInstanceError

import pytest

from grantlog.core.protocol.policy import Policy
from grantlog.core.protocol.resource import Catalog


def test_the_defaults_are_those_that_the_documentation_promises() -> None:
    policy = Policy(issuer="https://id.example", catalog=Catalog())
    assert (policy.code_lifetime, policy.access_token_lifetime, policy.id_token_lifetime) == (60, 600, 600)
    assert (policy.refresh_idle_lifetime, policy.refresh_absolute_lifetime) == (30 * 86_400, 180 * 86_400)
    assert policy.grace_window == 10
    assert not policy.registration_open


def test_a_policy_does_not_change() -> None:
    policy = Policy(issuer="https://id.example", catalog=Catalog())
    with pytest.raises(FrozenInstanceError):
        policy.issuer = "https://evil.example"  # type: ignore[misc]  # that it cannot be is what is tested

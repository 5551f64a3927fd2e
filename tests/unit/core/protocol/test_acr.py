"""``acr`` and ``amr``: what was proven, and what that is worth."""

import pytest

from grantlog.core.protocol.acr import (
    BY_PASSWORD,
    BY_RECOVERY_CODE,
    BY_TOTP,
    MFA,
    PWD,
    SUPPORTED,
    acr_of,
    by_passkey,
    reachable,
    satisfies,
    two_factors,
)


@pytest.mark.parametrize(
    ("acr", "wanted", "met"),
    [
        (PWD, (), True),
        (None, (), True),
        (PWD, (PWD,), True),
        (MFA, (PWD,), True),
        (PWD, (MFA,), False),
        (MFA, (MFA,), True),
        (PWD, (MFA, PWD), True),
        (None, (PWD,), False),
        (None, ("",), False),
        ("phr", (PWD,), False),
        ("phr", (MFA, "phr"), True),
        (MFA, ("phr",), False),
    ],
)
def test_two_factors_are_worth_one_and_a_foreign_class_only_itself(
    acr: str | None, wanted: tuple[str, ...], met: bool
) -> None:
    assert satisfies(acr, wanted) is met


@pytest.mark.parametrize(
    ("second", "amr"),
    [
        (BY_TOTP, ("pwd", "otp", "mfa")),
        (BY_RECOVERY_CODE, ("pwd", "mfa")),
        (by_passkey(synced=True), ("pwd", "swk", "user", "mfa")),
        (by_passkey(synced=False), ("pwd", "pop", "user", "mfa")),
    ],
)
def test_a_password_and_something_else_are_two_factors(second: tuple[str, ...], amr: tuple[str, ...]) -> None:
    assert two_factors(BY_PASSWORD, second) == amr
    assert acr_of(amr) == MFA


def test_what_was_proven_twice_is_said_once() -> None:
    assert two_factors(("pwd", "otp", "mfa"), BY_TOTP) == ("pwd", "otp", "mfa")


def test_a_password_alone_is_one() -> None:
    assert acr_of(BY_PASSWORD) == PWD


def test_a_passkey_alone_says_nothing_of_a_password() -> None:
    assert two_factors((), by_passkey(synced=True)) == ("swk", "user", "mfa")


def test_what_can_be_reached_depends_on_the_factors_one_has() -> None:
    assert reachable((MFA,), second_factor=True)
    assert not reachable((MFA,), second_factor=False)
    assert reachable(("phr", PWD), second_factor=False)
    assert not reachable(("phr",), second_factor=True)


def test_the_metadata_may_list_both_classes() -> None:
    assert SUPPORTED == (PWD, MFA)

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
    wants_second_factor,
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


@pytest.mark.parametrize("amr", [BY_TOTP, BY_RECOVERY_CODE, by_passkey(password=True, synced=False)])
def test_a_password_and_something_else_are_two_factors(amr: tuple[str, ...]) -> None:
    assert acr_of(amr) == MFA
    assert amr[0] == "pwd"


def test_a_password_alone_is_one() -> None:
    assert acr_of(BY_PASSWORD) == PWD


def test_a_passkey_alone_says_nothing_of_a_password_and_nothing_of_hardware() -> None:
    assert by_passkey(password=False, synced=True) == ("swk", "user", "mfa")
    assert by_passkey(password=False, synced=False) == ("pop", "user", "mfa")


def test_a_recovery_code_is_no_otp() -> None:
    assert "otp" not in BY_RECOVERY_CODE


def test_what_can_be_reached_depends_on_the_factors_one_has() -> None:
    assert reachable((MFA,), second_factor=True)
    assert not reachable((MFA,), second_factor=False)
    assert reachable(("phr", PWD), second_factor=False)
    assert not reachable(("phr",), second_factor=True)


def test_a_second_factor_is_wanted_where_one_is_not_enough_and_two_are() -> None:
    assert wants_second_factor((MFA,))
    assert not wants_second_factor((MFA, PWD))
    assert not wants_second_factor(("phr",))
    assert not wants_second_factor(())


def test_the_metadata_may_list_both_classes() -> None:
    assert SUPPORTED == (PWD, MFA)

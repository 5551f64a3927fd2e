from typing import Any

import pytest

from grantlog.core.protocol.jwt_text import MalformedJwtError
from grantlog.core.protocol.jwt_time import AHEAD, check_times, numeric_date, unique_id

NOW = 1_800_000_000.0


def reason(claims: dict[str, Any], lifetime: int = 60) -> str:
    with pytest.raises(MalformedJwtError) as caught:
        check_times(claims, NOW, lifetime=lifetime)
    return caught.value.reason


@pytest.mark.parametrize("ahead", [-1000, 0, 10, AHEAD])
def test_a_clock_may_be_fast_by_the_one_leeway_there_is(ahead: int) -> None:
    claims = {"exp": NOW + 60, "nbf": NOW + ahead, "iat": NOW + ahead}
    assert check_times(claims, NOW, lifetime=60) == NOW + 60


@pytest.mark.parametrize(
    ("expected", "claims"),
    [
        ("jwt_without_exp", {}),
        ("jwt_exp", {"exp": None}),
        ("jwt_exp", {"exp": True}),
        ("jwt_exp", {"exp": "1"}),
        ("jwt_exp", {"exp": float("inf")}),
        ("jwt_exp", {"exp": float("nan")}),
        ("jwt_exp", {"exp": 10**400}),
        ("jwt_iat", {"exp": NOW + 60, "iat": -(10**400)}),
        ("jwt_expired", {"exp": NOW}),
        ("jwt_lives_too_long", {"exp": NOW + 60 + AHEAD + 1}),
        ("jwt_nbf_ahead", {"exp": NOW + 60, "nbf": NOW + AHEAD + 1}),
        ("jwt_iat_ahead", {"exp": NOW + 60, "iat": NOW + AHEAD + 1}),
        ("jwt_iat", {"exp": NOW + 60, "iat": [1]}),
    ],
)
def test_what_does_not_count_now_is_refused(expected: str, claims: dict[str, Any]) -> None:
    assert reason(claims) == expected


def test_a_date_may_have_a_fraction_or_be_left_out() -> None:
    assert numeric_date({"iat": 1.5}, "iat") == 1.5
    assert numeric_date({}, "iat") is None


def test_an_id_is_a_short_text() -> None:
    assert unique_id({"jti": "x" * 256}) == "x" * 256
    for claims in ({}, {"jti": ""}, {"jti": 7}, {"jti": "x" * 257}):
        with pytest.raises(MalformedJwtError):
            unique_id(claims)

"""User codes as people type them, and the pace of a polling device."""

import pytest
from tests.support.grants import NOW

from grantlog.core.identifiers import MICROS, Micros
from grantlog.core.protocol import device
from grantlog.core.protocol.device import Pace, first_pace, polled, read_user_code, user_code


def test_a_user_code_is_two_groups_of_four_letters_without_vowels_and_look_alikes() -> None:
    assert user_code(bytes(16)) == "BBBB-BBBB"
    assert user_code(b"\xff" * 16) != user_code(bytes(16))
    assert set(device.ALPHABET).isdisjoint("AEIOUY0123456789")
    made = {user_code(number.to_bytes(16, "big")) for number in range(2000)}
    assert len(made) == 2000
    assert {letter for code in made for letter in code} == {*device.ALPHABET, "-"}


# RFC 8628 3.2 has "WDJB-MJHT" as its example
@pytest.mark.parametrize(
    "typed", ["WDJB-MJHT", "wdjbmjht", " wdjb mjht ", "WDJB\u002dMJHT\n", "W.D.J.B.M.J.H.T", "wDjB_mJhT"]
)
def test_a_user_code_is_read_however_it_is_typed(typed: str) -> None:
    assert read_user_code(typed) == "WDJBMJHT"


@pytest.mark.parametrize(
    "typed",
    ["", "WDJB", "WDJB-MJHTX", "WDJB-MJHA", "WDJB-MJH0", "WDJB\u2013MJHT", "\uff37DJBMJHT", "-" * 57 + "WDJBMJHT"],
)
def test_what_is_no_user_code_is_none(typed: str) -> None:
    assert read_user_code(typed) is None


def test_a_code_that_is_shown_is_read_again() -> None:
    assert read_user_code(device.shown("WDJBMJHT")) == "WDJBMJHT"


def test_the_first_poll_may_come_at_once_and_the_next_after_the_interval() -> None:
    pace, too_soon = polled(first_pace(5), NOW)
    assert not too_soon
    assert pace.interval == 5
    assert polled(pace, Micros(NOW + 4 * MICROS))[1]
    assert not polled(pace, Micros(NOW + 5 * MICROS))[1]


def test_a_network_may_deliver_a_poll_a_little_early() -> None:
    pace, _ = polled(first_pace(5), NOW)
    assert not polled(pace, Micros(NOW + 4_600_000))[1]


def test_every_poll_that_comes_too_soon_adds_five_seconds_for_good() -> None:
    pace, _ = polled(first_pace(5), NOW)
    for wanted in (10, 15, 20):
        pace, too_soon = polled(pace, NOW)
        assert too_soon
        assert pace.interval == wanted
    pace, too_soon = polled(pace, Micros(NOW + 20 * MICROS))
    assert not too_soon
    assert pace.interval == 20


def test_nobody_is_slowed_down_without_end() -> None:
    pace = Pace(device.SLOWEST, Micros(NOW + MICROS))
    assert polled(pace, NOW)[0].interval == device.SLOWEST
    assert polled(Pace(device.SLOWEST + 60, Micros(NOW + MICROS)), NOW)[0].interval == device.SLOWEST + 60


def test_the_answer_names_the_page_with_and_without_the_code() -> None:
    told = device.members("https://issuer.example/t", "gl_dc_x", "WDJB-MJHT", expires_in=600, interval=5)
    assert told == {
        "device_code": "gl_dc_x",
        "user_code": "WDJB-MJHT",
        "verification_uri": "https://issuer.example/t/device",
        "verification_uri_complete": "https://issuer.example/t/device?user_code=WDJB-MJHT",
        "expires_in": 600,
        "interval": 5,
    }

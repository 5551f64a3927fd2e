import pytest
from tests.support.protocol import refused

from grantlog.core.protocol.prompt import (
    DISPLAYS,
    LIST_LIMIT,
    PROMPTS,
    WORD_LIMIT,
    must_authenticate,
    parse,
    parse_display,
    parse_max_age,
    parse_words,
)


def test_no_prompt_is_no_value() -> None:
    assert parse(None) == ()


@pytest.mark.parametrize("value", PROMPTS)
def test_every_value_may_stand_alone(value: str) -> None:
    assert parse(value) == (value,)


def test_values_may_be_combined_and_are_taken_once() -> None:
    assert parse("consent login consent") == ("consent", "login")


@pytest.mark.parametrize("text", ["none login", "consent none"])
def test_none_with_any_other_value_is_refused(text: str) -> None:
    with refused("invalid_request", "prompt_none_combined"):
        parse(text)


@pytest.mark.parametrize("text", ["", " ", "Login", "login  consent", "create"])
def test_an_unknown_value_is_refused(text: str) -> None:
    with refused("invalid_request", "prompt_unknown"):
        parse(text)


@pytest.mark.parametrize(("text", "seconds"), [(None, None), ("0", 0), ("3600", 3600)])
def test_max_age_is_a_number_of_seconds(text: str | None, seconds: int | None) -> None:
    assert parse_max_age(text) == seconds


@pytest.mark.parametrize("text", ["", "-1", "1.5", "1e3", " 1", "٣", "1234567890"])
def test_any_other_max_age_is_refused(text: str) -> None:
    with refused("invalid_request", "max_age_malformed"):
        parse_max_age(text)


@pytest.mark.parametrize(
    ("prompt", "max_age", "now", "again"),
    [
        ((), None, 10_000, False),
        (("consent",), None, 10_000, False),
        (("login",), None, 100, True),
        (("select_account", "consent"), None, 100, False),
        ((), 60, 160, False),
        ((), 60, 161, True),
        ((), 0, 100, True),
    ],
)
def test_a_user_authenticates_again_when_asked_to_or_when_it_is_too_long_ago(
    prompt: tuple[str, ...], max_age: int | None, now: int, again: bool
) -> None:
    assert must_authenticate(prompt, max_age, 100, now) is again


@pytest.mark.parametrize("display", DISPLAYS)
def test_every_display_of_the_specification_is_taken(display: str) -> None:
    assert parse_display(display) == display


def test_the_default_display_is_a_page_and_so_is_one_that_nobody_knows() -> None:
    assert parse_display(None) == "page"
    assert parse_display("hologram") == "page"


def test_words_keep_their_order_and_come_once() -> None:
    assert parse_words("ui_locales", None) == ()
    assert parse_words("ui_locales", "fr-CA fr  en fr") == ("fr-CA", "fr", "en")


@pytest.mark.parametrize(
    "text", [" ".join(str(number) for number in range(LIST_LIMIT + 1)), "w" * (WORD_LIMIT + 1)], ids=["many", "long"]
)
def test_too_many_words_or_too_long_ones_are_refused(text: str) -> None:
    with refused("invalid_request", "acr_values_too_long"):
        parse_words("acr_values", text)

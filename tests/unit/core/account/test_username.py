"""One person, one spelling: usernames are folded before anybody looks them up."""

import pytest
from hypothesis import given, strategies

from grantlog.core.account.username import LENGTH_LIMIT, normalise


@pytest.mark.parametrize(
    "spelling",
    ["alice", "ALICE", "\uff21\uff4c\uff49\uff43\uff45", "Alice"],
    ids=["plain", "capitals", "full width", "mixed"],
)
def test_spellings_of_one_name_are_one_account(spelling: str) -> None:
    assert normalise(spelling) == b"alice"


def test_an_address_is_a_username_and_composition_does_not_matter() -> None:
    assert normalise("Ren\u00e9e@Example.org") == normalise("Rene\u0301e@example.org") == "renée@example.org".encode()


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        " alice",
        "alice ",
        "al\x00ice",
        "al\nice",
        "a\u202elice",
        "x" * (LENGTH_LIMIT + 1),
        "\ufdfa" * LENGTH_LIMIT,
    ],
    ids=[
        "empty",
        "blank before",
        "blank after",
        "NUL",
        "new line",
        "right to left",
        "too long",
        "too long when folded",
    ],
)
def test_what_could_pass_for_something_else_is_no_username(wrong: str) -> None:
    assert normalise(wrong) is None


def test_the_longest_name_is_one() -> None:
    assert normalise("x" * LENGTH_LIMIT) is not None


@given(strategies.text(max_size=40))
def test_folding_is_done_once(text: str) -> None:
    folded = normalise(text)
    if folded is not None:
        assert normalise(folded.decode()) == folded

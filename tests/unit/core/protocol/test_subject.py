from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantlog.core.protocol.subject import is_of_a_person, pairwise, pairwise_input


@given(st.uuids())
def test_a_public_subject_is_of_a_person(account: UUID) -> None:
    assert is_of_a_person(str(account))
    assert is_of_a_person(str(account).upper())


@given(st.binary(min_size=32, max_size=32))
def test_a_pairwise_subject_is_of_a_person_and_no_uuid(keyed_hash: bytes) -> None:
    subject = pairwise(keyed_hash)
    assert len(subject) == 43
    assert is_of_a_person(subject)
    assert is_of_a_person(subject + "=")


@pytest.mark.parametrize(
    "name", ["", "web-shop", "c" * 22, "c" * 42, "c" * 44, "https://shop.example/client", "c" * 36]
)
def test_other_names_are_not(name: str) -> None:
    assert not is_of_a_person(name)


def test_sector_and_account_cannot_be_mistaken_for_each_other() -> None:
    assert pairwise_input("a", "bc") != pairwise_input("ab", "c")

"""Authorization details in front of people: everything that an entry says, in words, and nothing that deceives the eye."""

import json

import pytest

from grantlog.core.protocol.details_shown import Shown, shown, visible
from grantlog.core.protocol.policy import DetailsType, Policy
from grantlog.core.protocol.resource import Catalog

PAYMENT = DetailsType(
    type="payment_initiation",
    schema={},
    title="Make a payment",
    labels={
        "instructedAmount": "Amount",
        "creditorAccount.iban": "To account",
        "items.name": "Item",
        "fee.amount": "Fee",
    },
)
POLICY = Policy(issuer="https://as.example", catalog=Catalog(), details_types=(PAYMENT,))


def rows(**members: object) -> tuple[tuple[str, str], ...]:
    (only,) = shown(json.dumps([{"type": "payment_initiation", **members}]), POLICY)
    assert only.title == "Make a payment"
    return only.rows


def test_labels_are_the_operators_and_everything_else_is_named_by_its_path() -> None:
    assert rows(
        instructedAmount={"currency": "EUR", "amount": "123.50"},
        creditorName="Merchant A",
        creditorAccount={"iban": "DE02100100109307118603", "account_holder": "M"},
    ) == (
        ("Amount", "123.50 EUR"),
        ("Creditor name", "Merchant A"),
        ("To account", "DE02100100109307118603"),
        ("Creditor account \u203a account holder", "M"),
    )


def test_the_words_for_a_sum_will_do_for_the_whole_amount() -> None:
    assert rows(fee={"currency": "EUR", "amount": "1"}) == (("Fee", "1 EUR"),)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "none"),
        (True, "yes"),
        (False, "no"),
        (5, "5"),
        (0.5, "0.5"),
        ([], "none"),
        ({}, "none"),
        (["read", "write"], "read, write"),
        ([True, None, 1], "yes, none, 1"),
        ("", ""),
    ],
    ids=str,
)
def test_every_value_has_words(value: object, told: str) -> None:
    assert rows(what=value) == (("What", told),)


def test_what_stands_in_arrays_is_numbered_and_nothing_is_left_out() -> None:
    assert rows(items=[{"name": "a", "n": 1}, "b", ["c", "d"]]) == (
        ("Item 1", "a"),
        ("Items \u203a 1 \u203a n", "1"),
        ("Items \u203a 2", "b"),
        ("Items \u203a 3", "c, d"),
    )


def test_an_amount_of_anything_but_plain_values_is_taken_apart() -> None:
    assert rows(sum={"amount": ["1", "2"], "currency": "EUR"}) == (
        ("Sum \u203a amount", "1, 2"),
        ("Sum \u203a currency", "EUR"),
    )


def test_an_entry_whose_type_was_withdrawn_is_called_by_its_type() -> None:
    assert shown('[{"type":"old_type","n":1}]', POLICY) == (Shown("old_type", (("N", "1"),)),)


def test_no_details_are_no_rows() -> None:
    assert shown("", POLICY) == ()


def test_signs_that_nobody_sees_are_written_out() -> None:
    assert visible("pay \u202e001") == "pay U+202E001"
    assert visible("a\u200bb\x07c") == "aU+200BbU+0007c"
    assert rows(**{"na\u202eme": "v\u2066"}) == (("NaU+202Eme", "vU+2066"),)

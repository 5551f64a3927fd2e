"""RFC 9396: authorization details, bounded, held to their types, and narrowed."""

import json
from typing import Any

import pytest

from grantlog.core.protocol import details
from grantlog.core.protocol.errors import ProtocolError
from grantlog.core.protocol.policy import DetailsType, Policy
from grantlog.core.protocol.resource import Catalog

# RFC 9396 section 2, figure 2
EXAMPLE = """[
   {
      "type": "payment_initiation",
      "locations": ["https://example.com/payments"],
      "actions": ["initiate", "status", "cancel"],
      "instructedAmount": {"currency": "EUR", "amount": "123.50"},
      "creditorName": "Merchant A",
      "creditorAccount": {"iban": "DE02100100109307118603"},
      "remittanceInformationUnstructured": "Ref Number Merchant"
   },
   {"type": "account_information", "actions": ["list_accounts"]}
]"""
NAMES = ("payment_initiation", "account_information")


def conforms(entry: object) -> bool:
    return isinstance(entry, dict) and "refuse" not in entry


POLICY = Policy(
    issuer="https://as.example",
    catalog=Catalog(),
    details_types=tuple(DetailsType(type=name, schema={}, title=name, valid=conforms) for name in NAMES),
)


def parse(value: object, allowed: tuple[str, ...] = NAMES) -> str:
    return details.parse(value if isinstance(value, str) else json.dumps(value), POLICY, allowed)


def entry(**members: Any) -> dict[str, Any]:
    return {"type": "payment_initiation", **members}


def refused(value: object, allowed: tuple[str, ...] = NAMES) -> str:
    with pytest.raises(ProtocolError) as caught:
        parse(value, allowed)
    assert caught.value.error == "invalid_authorization_details"
    return caught.value.reason


def test_the_specifications_example_is_kept_member_by_member_in_its_order() -> None:
    text = parse(EXAMPLE)
    assert json.loads(text) == json.loads(EXAMPLE)
    assert text == json.dumps(json.loads(EXAMPLE), separators=(",", ":"))
    assert parse(text) == text


def test_numbers_and_letters_of_every_script_survive() -> None:
    assert parse([entry(name="Zoë 李", count=2**53, share=0.5, less=-3, no=None)]) == (
        '[{"type":"payment_initiation","name":"Zoë 李","count":9007199254740992,"share":0.5,"less":-3,"no":null}]'
    )


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "details_json"),
        ("[", "details_json"),
        ('[{"type":"payment_initiation","type":"account_information"}]', "details_json"),
        ('[{"type":"payment_initiation","n":NaN}]', "details_json"),
        ('[{"type":"payment_initiation","n":-Infinity}]', "details_json"),
        ('[{"type":"payment_initiation","n":1e999}]', "details_json"),
        ('[{"type":"payment_initiation","n":9007199254740993}]', "details_json"),
        (f'[{{"type":"payment_initiation","n":{"9" * 5000}}}]', "details_json"),
        ('[{"type":"payment_initiation","n":"\\ud800"}]', "details_json"),
        ('[{"type":"payment_initiation","n":["\\ud800"]}]', "details_json"),
        ('[{"type":"payment_initiation","\\ud800":1}]', "details_json"),
        ('[{"type":"payment_initiation","n":"\\u0000"}]', "details_json"),
        ('[{"type":"payment_initiation"}] x', "details_json"),
        ("\ud800", "details_json"),
        ("{}", "details_no_array"),
        ("[]", "details_no_array"),
        ("null", "details_no_array"),
        ("[[]]", "details_no_array"),
        ('["payment_initiation"]', "details_no_array"),
        ([entry(), 1], "details_no_array"),
        ([entry(n=n) for n in range(11)], "details_too_many"),
        ([entry(n=list(range(600)))], "details_too_many"),
        ([entry(n={str(n): n for n in range(600)})], "details_too_many"),
        ("[" * 9 + "]" * 9, "details_depth"),
        ("[" * 15_000, "details_depth"),
        ([entry(n="x" * 17_000)], "details_size"),
        (json.dumps([entry(n="é" * 8_200)], ensure_ascii=False), "details_size"),
        ([{"actions": ["read"]}], "details_type_missing"),
        ([{"type": ""}], "details_type_missing"),
        ([{"type": ["payment_initiation"]}], "details_type_missing"),
        ([{"type": "unknown"}], "details_type_unknown"),
        ([{"type": "Payment_initiation"}], "details_type_unknown"),
        ([entry(refuse=True)], "details_schema"),
        ([entry(a=1, b=2), entry(b=2, a=1)], "details_entry_doubled"),
    ],
    ids=lambda value: str(value)[:40].encode("ascii", "replace").decode(),
)
def test_what_is_malformed_unknown_or_too_much_is_refused(value: object, reason: str) -> None:
    assert refused(value) == reason


def test_a_type_that_the_client_has_not_registered_is_refused() -> None:
    assert refused([entry()], ("account_information",)) == "details_type_unknown"
    assert refused([entry()], ()) == "details_type_unknown"


def test_a_type_without_a_compiled_schema_lets_nothing_pass() -> None:
    bare = Policy(
        issuer="https://as.example", catalog=Catalog(), details_types=(DetailsType(type="t", schema={}, title="T"),)
    )
    with pytest.raises(ProtocolError) as caught:
        details.parse('[{"type":"t"}]', bare, ("t",))
    assert caught.value.reason == "details_schema"


GRANTED = parse(
    [
        entry(actions=["initiate", "status"], amount={"currency": "EUR", "amount": "5"}, flag=True, n=1),
        {"type": "account_information", "actions": []},
    ]
)


@pytest.mark.parametrize(
    "wanted",
    [
        json.loads(GRANTED),
        [json.loads(GRANTED)[1]],
        [entry(n=1, flag=True, actions=["status"], amount={"amount": "5", "currency": "EUR"})],
    ],
    ids=["all", "one of them", "fewer actions"],
)
def test_what_was_granted_or_less_may_be_asked_for(wanted: object) -> None:
    text = parse(wanted)
    assert details.narrow(GRANTED, text) == text


@pytest.mark.parametrize(
    "changes",
    [
        {"actions": ["initiate", "cancel"]},
        {"actions": []},
        {"actions": "status"},
        {"amount": {"currency": "EUR", "amount": "6"}},
        {"amount": {"currency": "EUR"}},
        {"flag": 1},
        {"flag": "true"},
        {"n": 1.0},
        {"n": True},
        {"extra": 1},
        {"type": "account_information"},
    ],
    ids=str,
)
def test_nothing_else_may_be_asked_for(changes: dict[str, Any]) -> None:
    first = json.loads(GRANTED)[0]
    with pytest.raises(ProtocolError) as caught:
        details.narrow(GRANTED, parse([{**first, **changes}]))
    assert caught.value.reason == "details_exceeded"


def test_leaving_a_member_out_is_no_narrowing() -> None:
    first = json.loads(GRANTED)[0]
    del first["actions"]
    with pytest.raises(ProtocolError):
        details.narrow(GRANTED, parse([first]))


def test_an_empty_array_that_was_granted_may_be_asked_for_again() -> None:
    text = parse([{"type": "account_information", "actions": []}])
    assert details.narrow(GRANTED, text) == text


PLACED = parse([entry(locations=["https://a.example/", "https://b.example/"]), entry(n=1), entry(locations=[7])])


def test_a_token_carries_what_is_meant_for_its_audience_or_for_any() -> None:
    here = json.loads(details.for_audience(PLACED, ("https://b.example/",)))
    assert here == json.loads(PLACED)
    elsewhere = json.loads(details.for_audience(PLACED, ("https://c.example/",)))
    assert elsewhere == json.loads(PLACED)[1:]
    assert details.for_audience(parse([entry(locations=["https://a.example/"])]), ("https://c.example/",)) == ""
    assert details.for_audience("", ("https://c.example/",)) == ""


def test_the_places_of_all_entries_are_told_once_each() -> None:
    assert details.locations(PLACED) == ("https://a.example/", "https://b.example/")
    assert details.locations("") == ()


def test_only_types_that_are_allowed_are_kept() -> None:
    assert json.loads(details.of_types(GRANTED, ("account_information",))) == json.loads(GRANTED)[1:]
    assert details.of_types(GRANTED, ()) == ""
    assert details.of_types("", NAMES) == ""

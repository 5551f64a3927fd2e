import json

import pytest
from tests.support.protocol import refused

from grantlog.core.protocol.request_claims import LENGTH_LIMIT, VALUES_LIMIT, RequestedClaims, parse

# OpenID Connect Core 5.5
EXAMPLE = """
  {
   "userinfo":
    {
     "given_name": {"essential": true},
     "nickname": null,
     "email": {"essential": true},
     "email_verified": {"essential": true},
     "picture": null,
     "http://example.info/claims/groups": null
    },
   "id_token":
    {
     "auth_time": {"essential": true},
     "acr": {"values": ["urn:mace:incommon:iap:silver"] }
    }
  }
"""


def test_the_example_of_the_specification_is_kept_whole() -> None:
    asked = parse(EXAMPLE)
    assert json.loads(asked.text) == json.loads(EXAMPLE)
    assert "\n" not in asked.text
    assert (asked.acr_values, asked.essential_acr, asked.subject) == (("urn:mace:incommon:iap:silver",), (), None)


def test_nothing_sent_is_nothing_asked() -> None:
    assert parse(None) == RequestedClaims()


@pytest.mark.parametrize("text", ["{}", '{"id_token":null}', '{"other":{"x":1}}', '{"id_token":{}}'])
def test_what_is_not_understood_is_left_out(text: str) -> None:
    asked = parse(text)
    assert (asked.essential_acr, asked.acr_values, asked.subject) == ((), (), None)
    assert "other" not in asked.text


@pytest.mark.parametrize(
    ("acr", "essential", "voluntary"),
    [
        ({"essential": True, "value": "a"}, ("a",), ()),
        ({"essential": True, "values": ["a", "b", "a"]}, ("a", "b"), ()),
        ({"value": "a"}, (), ("a",)),
        ({"essential": False, "values": ["a"]}, (), ("a",)),
        ({"essential": True}, (), ()),
        (None, (), ()),
    ],
)
def test_an_essential_class_is_one_of_which_the_request_needs_one(
    acr: object, essential: tuple[str, ...], voluntary: tuple[str, ...]
) -> None:
    asked = parse(json.dumps({"id_token": {"acr": acr}}))
    assert (asked.essential_acr, asked.acr_values) == (essential, voluntary)


@pytest.mark.parametrize(
    "claims",
    [
        {"id_token": {"sub": {"value": "ada"}}},
        {"userinfo": {"sub": {"value": "ada"}}},
        {"userinfo": {"sub": {"value": "ada"}}, "id_token": {"sub": {"value": "ada"}}},
        {"userinfo": {"sub": None}, "id_token": {"sub": {"value": "ada", "essential": True}}},
    ],
)
def test_a_subject_that_is_asked_for_is_who_has_to_be_logged_in(claims: object) -> None:
    assert parse(json.dumps(claims)).subject == "ada"


def test_a_subject_without_a_value_is_nobody() -> None:
    assert parse('{"id_token":{"sub":{"essential":true}}}').subject is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "claims_jwt_not_json"),
        ("[]", "claims_jwt_not_an_object"),
        ("{", "claims_jwt_not_json"),
        ('{"id_token":{"a":null,"a":null}}', "claims_jwt_duplicate_member"),
        ('{"id_token":' + '{"a":' * 20 + "1" + "}" * 21, "claims_jwt_depth"),
        ('{"id_token":"acr"}', "claims_member"),
        ('{"id_token":[]}', "claims_member"),
        ('{"id_token":{"acr":"high"}}', "claims_entry"),
        ('{"id_token":{"acr":{"essential":"yes"}}}', "claims_entry"),
        ('{"id_token":{"acr":{"values":"high"}}}', "claims_values"),
        (json.dumps({"id_token": {"acr": {"values": ["x"] * (VALUES_LIMIT + 1)}}}), "claims_values"),
        ('{"id_token":{"acr":{"value":1}}}', "claims_acr"),
        ('{"id_token":{"acr":{"values":[["a"]]}}}', "claims_acr"),
        ('{"id_token":{"sub":{"value":7}}}', "claims_sub"),
        ('{"id_token":{"x\\ud800":null}}', "claims_jwt_not_utf8"),
        ('{"id_token":{"sub":{"value":"a"}},"userinfo":{"sub":{"value":"b"}}}', "claims_subjects_differ"),
        (json.dumps({"id_token": {"x" * LENGTH_LIMIT: None}}), "claims_too_long"),
    ],
)
def test_what_is_malformed_is_refused(text: str, reason: str) -> None:
    with refused("invalid_request", reason):
        parse(text)

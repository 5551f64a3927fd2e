"""What can be asked for in the demo: resources, scopes, one type of authorization details; and whose assertions count."""

import json
from collections.abc import Mapping
from typing import Any

from grantlog.development.keys import public_jwks

API_SCOPES = ("api:read", "api:write")
BILLING_SCOPES = ("billing:read", "billing:manage")
OPENID_SCOPES = ("openid", "profile", "email", "address", "phone", "offline_access")
API, BILLING, JWT = "https://api.example.com/", "https://billing.example.com/", "https://jwt.example.com/"
RESOURCES = ((API, "opaque"), (BILLING, "opaque"), (JWT, "jwt"))
TRUSTED_ISSUER = "https://issuer.example.com"
PAYMENT = "payment_initiation"
_TEXTS = {"api:read": "Read your data", "api:write": "Change your data"}
_TEXT = {"type": "string", "minLength": 1, "maxLength": 140}

PAYMENT_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["type", "instructedAmount", "creditorName", "creditorAccount"],
    "properties": {
        "type": {"const": PAYMENT},
        "locations": {"type": "array", "maxItems": 4, "items": {"type": "string", "maxLength": 200}},
        "actions": {"type": "array", "maxItems": 4, "items": {"enum": ["initiate", "status", "cancel"]}},
        "instructedAmount": {
            "type": "object",
            "additionalProperties": False,
            "required": ["currency", "amount"],
            "properties": {
                "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
                "amount": {"type": "string", "pattern": "^[0-9]{1,12}([.][0-9]{1,2})?$"},
            },
        },
        "creditorName": _TEXT,
        "creditorAccount": {
            "type": "object",
            "additionalProperties": False,
            "required": ["iban"],
            "properties": {
                "bic": {"type": "string", "maxLength": 11},
                "iban": {"type": "string", "pattern": "^[A-Z]{2}[0-9]{2}[A-Z0-9]{10,30}$"},
            },
        },
        "remittanceInformationUnstructured": _TEXT,
    },
}
PAYMENT_EXAMPLE: Mapping[str, Any] = {
    # RFC 9396 section 2, without its location
    "type": PAYMENT,
    "instructedAmount": {"currency": "EUR", "amount": "123.50"},
    "creditorName": "Merchant A",
    "creditorAccount": {"bic": "ABCIDEFFXXX", "iban": "DE02100100109307118603"},
    "remittanceInformationUnstructured": "Ref Number Merchant",
}


def demo_settings(issuer_key: str) -> dict[str, str]:
    """The settings of what can be asked for, as the environment has them."""
    return {
        "GRANTLOG_RESOURCES": json.dumps([_resource(uri, form) for uri, form in RESOURCES]),
        "GRANTLOG_AUTHORIZATION_DETAILS_TYPES": json.dumps(
            [
                {
                    "type": PAYMENT,
                    "schema": PAYMENT_SCHEMA,
                    "title": "Make a payment",
                    "labels": {
                        "instructedAmount.amount": "Amount",
                        "instructedAmount.currency": "Currency",
                        "creditorName": "To",
                        "creditorAccount.iban": "IBAN",
                        "creditorAccount.bic": "BIC",
                        "remittanceInformationUnstructured": "Reference",
                        "actions": "Allowed",
                        "locations": "At",
                    },
                }
            ]
        ),
        "GRANTLOG_TRUSTED_ISSUERS": json.dumps(
            [
                {
                    "issuer": TRUSTED_ISSUER,
                    "jwks": public_jwks(issuer_key),
                    "purposes": ["assertion", "software_statement"],
                }
            ]
        ),
        "GRANTLOG_CLIENT_ID_DOCUMENTS": "true",
    }


def _resource(uri: str, form: str) -> dict[str, Any]:
    """Every resource of the demo knows the same two scopes; billing has a hierarchy of its own besides."""
    resource: dict[str, Any] = {"uri": uri, "scopes": API_SCOPES, "token_format": form, "texts": _TEXTS}
    if uri == BILLING:
        resource |= {
            "name": "Billing",
            "scopes": (*API_SCOPES, *BILLING_SCOPES),
            "texts": {**_TEXTS, "billing:read": "See your invoices", "billing:manage": "Pay and cancel invoices"},
            "implies": {"billing:manage": ["billing:read"]},
        }
    return resource | {"attributes": uri != API}

"""Device codes with the constraints of other specifications: DPoP keys (RFC 9449), authorization details (RFC 9396)."""

import json
from dataclasses import replace

from tests.support.app import Running, StartApp
from tests.support.browser import Answer
from tests.support.clients import Client, is_refused
from tests.support.devices import PRINTER, TELEVISION, Device, allow, ask, device_of, question
from tests.support.proof_keys import ProofKey

from grantlog.core.protocol.device import GRANT_TYPE
from grantlog.settings import DetailsType

PAYMENT = {"type": "payment", "amount": "12.50", "creditor": "Merchant & Sons"}
TYPE = DetailsType(
    type="payment",
    title="A payment",
    schema={
        "type": "object",
        "properties": {"type": {"const": "payment"}, "amount": {"type": "string"}, "creditor": {"type": "string"}},
        "required": ["type", "amount"],
        "additionalProperties": False,
    },
)


def poll_with(device: Device, key: ProofKey) -> Answer:
    values = {"grant_type": GRANT_TYPE, "device_code": device.code}
    return device.client.post("/token", values, key.proof("POST", f"{device.client.url}/token"))


def test_a_device_that_proves_a_key_gets_tokens_that_are_bound_to_it(app: Running) -> None:
    device, key, other = ask(device_of(app)), ProofKey(), ProofKey()
    is_refused(poll_with(device, key), "authorization_pending")
    allow(app.browser(), device)
    tokens = poll_with(device, key)
    assert tokens.status == 200, tokens.text
    assert tokens.json["token_type"] == "DPoP"
    assert app.introspect(tokens.json["access_token"])["cnf"] == {"jkt": key.jkt}
    spend = {"grant_type": "refresh_token", "refresh_token": tokens.json["refresh_token"]}
    url = f"{app.url}/token"
    is_refused(device.client.post("/token", spend), "invalid_grant")
    is_refused(device.client.post("/token", spend, other.proof("POST", url)), "invalid_grant")
    assert device.client.post("/token", spend, key.proof("POST", url)).status == 200


def test_a_proof_that_was_used_for_one_poll_is_no_good_for_another(app: Running) -> None:
    device, key = ask(device_of(app)), ProofKey()
    proof = key.proof("POST", f"{app.url}/token")
    values = {"grant_type": GRANT_TYPE, "device_code": device.code}
    is_refused(device.client.post("/token", values, proof), "authorization_pending")
    allow(app.browser(), device)
    is_refused(device.client.post("/token", values, proof), "invalid_dpop_proof")
    assert device.client.post("/token", values, key.proof("POST", f"{app.url}/token")).status == 200


def test_what_a_device_asks_in_detail_is_shown_and_granted(start_app: StartApp) -> None:
    app = start_app(authorization_details_types=(TYPE,))
    printer = Client(app.url, app.register(replace(PRINTER, authorization_details_types=("payment",))))
    device, browser = ask(printer, scope="api:read", authorization_details=json.dumps([PAYMENT])), app.browser()
    page = question(browser, device)
    for said in ("A payment", "12.50", "Merchant &amp; Sons"):
        assert said in page.text
    assert browser.submit(page, decision="allow").status == 200
    tokens = device.poll()
    assert tokens.json["authorization_details"] == [PAYMENT]
    assert app.introspect(tokens.json["access_token"])["authorization_details"] == [PAYMENT]
    television = Client(app.url, app.register(TELEVISION))
    refused = television.post("/device_authorization", {"authorization_details": json.dumps([PAYMENT])})
    is_refused(refused, "invalid_authorization_details")

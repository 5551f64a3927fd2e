"""openid-client signs, pushes and binds its requests, and reads signed answers (RFC 9101, RFC 9126, RFC 9449, JARM)."""

import json
from typing import Any

import pytest
from tests.protocol.test_real_clients import node, run_script, told
from tests.support.app import Running
from tests.support.request_objects import key_of, with_keys

__all__ = ["node"]

FLOWS: dict[str, dict[str, bool]] = {
    "signed": {"jar": True},
    "pushed": {"par": True},
    "signed and pushed": {"jar": True, "par": True},
    "signed answer": {"jarm": True},
    "bound": {"dpop": True},
    "all": {"jar": True, "par": True, "jarm": True, "dpop": True},
}


def seen_by(app: Running, program: str, flows: dict[str, dict[str, bool]], **members: Any) -> Any:
    """What the flows of a client with these members saw."""
    metadata = with_keys(id_token_signed_response_alg="ES256", authorization_signed_response_alg="ES256", **members)
    app.clients["real"] = app.register(metadata)
    key = json.loads(json.dumps(key_of("ES256").as_dict(private=True)))
    return run_script(program, "openid_client_requests", told(app, "real", key=key, flows=flows))


@pytest.fixture(name="program")
def _program(node: str) -> str:
    return node


def test_every_way_to_send_a_request_and_to_be_answered(app: Running, program: str) -> None:
    seen = seen_by(app, program, FLOWS)
    assert {name: flow["same_subject"] for name, flow in seen.items()} == dict.fromkeys(FLOWS, True)
    assert seen["signed"]["sent"] == ["client_id", "request"]
    assert seen["pushed"]["sent"] == seen["all"]["sent"] == ["client_id", "request_uri"]
    assert seen["pushed"]["answered"] == ["code", "iss", "state"]
    assert seen["signed answer"]["answered"] == seen["all"]["answered"] == ["response"]
    assert (seen["signed"]["type"], seen["bound"]["type"], seen["all"]["type"]) == ("bearer", "dpop", "dpop")


def test_a_client_of_fapi2_goes_through_the_same(app: Running, program: str) -> None:
    flows = {name: FLOWS[name] | {"dpop": True, "par": True} for name in ("pushed", "signed and pushed", "all")}
    seen = seen_by(app, program, flows, profile="fapi2", dpop_bound_access_tokens=True)
    assert {name: (flow["type"], flow["same_subject"]) for name, flow in seen.items()} == dict.fromkeys(
        flows, ("dpop", True)
    )

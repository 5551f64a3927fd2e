"""Registrations that clients manage themselves (RFC 7592), and what an operator can do about them."""

from collections.abc import Callable
from typing import Any

from click.testing import Result
from tests.support.app import Running
from tests.support.registrations import manage, registered

Command = Callable[..., Result]


def test_a_lost_registration_token_is_replaced(app: Running, command: Command, answer: Callable[..., Any]) -> None:
    told = registered(app)
    new = answer("clients", "replace-registration-token", told["client_id"])["registration_access_token"]
    assert manage(app, "GET", told).status == 401
    assert manage(app, "GET", told, token=new).json["client_id"] == told["client_id"]
    answer("clients", "remove", told["client_id"])
    assert "not known" in command("clients", "replace-registration-token", told["client_id"]).stderr

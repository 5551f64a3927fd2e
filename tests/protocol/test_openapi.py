"""``schema/http/openapi.yaml`` says what the server does: every row of the table, and answers of the shapes it names."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from tests.support.app import Running
from tests.support.browser import Answer
from tests.support.code_flow import redeem, redirect_of

from grantlog.web.routes import table

DOCUMENT: dict[str, Any] = yaml.safe_load((Path(__file__).parents[2] / "schema/http/openapi.yaml").read_text())


def _check(answer: Answer, path: str, method: str) -> None:
    """The answer is one that the document describes."""
    described = DOCUMENT["paths"][path][method]["responses"][str(answer.status)]
    if "$ref" in described:
        described = DOCUMENT["components"]["responses"][described["$ref"].rpartition("/")[2]]
    schema = described["content"]["application/json"]["schema"]
    jsonschema.Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(answer.json)


def test_the_document_and_the_table_name_the_same_routes(app: Running) -> None:
    described = {(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods}
    served = {
        (route.method, "/static/{file}" if route.path.startswith("/static/") else route.path)
        for route in table(app.settings)
    }
    assert described == served


def test_rows_that_the_table_says_are_authenticated_are_so_described(app: Running) -> None:
    for route in table(app.settings):
        if route.auth in {"client", "bearer", "session"}:
            assert DOCUMENT["paths"][route.path][route.method.lower()]["security"], route.path


@pytest.mark.parametrize("path", ["/jwks", "/.well-known/openid-configuration", "/livez", "/readyz"])
def test_what_programs_read_has_the_shape_it_is_said_to_have(app: Running, path: str) -> None:
    _check(app.browser().get(path), path, "get")


def test_tokens_and_what_is_said_of_them_have_the_shapes_they_are_said_to_have(app: Running) -> None:
    browser, guard = app.browser(), {"Authorization": app.clients["resource_server"].basic}
    tokens = redeem(app, redirect_of(app, browser).query["code"])
    _check(tokens, "/token", "post")
    token = tokens.json["access_token"]
    _check(browser.post("/introspect", {"token": token}, guard), "/introspect", "post")
    _check(browser.post("/introspect/batch", [("token", token), ("token", "junk")], guard), "/introspect/batch", "post")


@pytest.mark.parametrize("path", ["/token", "/introspect", "/introspect/batch", "/revoke"])
def test_errors_have_the_shape_they_are_said_to_have(app: Running, path: str) -> None:
    browser = app.browser()
    _check(browser.post(path, {}), path, "post")
    _check(browser.post(path, {"token": "x", "grant_type": "client_credentials", "client_id": "nobody"}), path, "post")


def test_a_registration_has_the_shape_it_is_said_to_have(app: Running) -> None:
    body = b'{"client_name": "New", "redirect_uris": ["https://new.example/callback"]}'
    headers = {"Content-Type": "application/json", "Authorization": "Bearer initial-access-token-of-the-tests"}
    answer = app.browser().request("POST", "/register", body=body, headers=headers)
    assert answer.status == 201
    _check(answer, "/register", "post")
    _check(
        app.browser().request("POST", "/register", body=body, headers={"Content-Type": "application/json"}),
        "/register",
        "post",
    )

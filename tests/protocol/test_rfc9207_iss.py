"""RFC 9207: every authorization response names its issuer, so that two servers cannot be mixed up."""

from collections.abc import Callable

import pytest
from tests.support.app import Running
from tests.support.browser import Answer
from tests.support.code_flow import authorize, consent_page, redirect_of


def code(app: Running) -> Answer:
    return redirect_of(app, app.browser())


def denial(app: Running) -> Answer:
    browser = app.browser()
    return browser.submit(consent_page(app, browser), decision="deny")


def silent_error(app: Running) -> Answer:
    return authorize(app, app.browser(), prompt="none")


def checked_error(app: Running) -> Answer:
    browser = app.browser()
    consent_page(app, browser)
    return authorize(app, browser, scope="nonsense")


@pytest.mark.parametrize("response", [code, denial, silent_error, checked_error])
def test_the_issuer_is_in_every_answer_exactly_as_in_the_metadata(
    app: Running, response: Callable[[Running], Answer]
) -> None:
    answer = response(app)
    metadata = app.browser().get("/.well-known/oauth-authorization-server").json
    # RFC 9207 2.4: "compare the result to the issuer identifier ... using simple string comparison"
    assert answer.query["iss"] == metadata["issuer"]
    assert metadata["authorization_response_iss_parameter_supported"] is True

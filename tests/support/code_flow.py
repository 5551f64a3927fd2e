"""The authorization code flow as a person and an application go through it, step by step."""

from urllib.parse import urlencode

from tests.support.app import PASSWORD, REDIRECT, USERNAME, Running
from tests.support.browser import Answer, Browser

# RFC 7636 appendix B
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def parameters(app: Running, client: str = "web", /, **changes: str | None) -> dict[str, str]:
    """A good authorization request; ``changes`` replace parameters or, with None, leave them out."""
    usual: dict[str, str | None] = {
        "response_type": "code",
        "client_id": app.clients[client].client_id,
        "redirect_uri": REDIRECT,
        "scope": "openid api:read",
        "state": "a state & more",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        # or the page is left out, where the person has allowed it before
        "prompt": "consent",
    }
    return {name: value for name, value in (usual | changes).items() if value is not None}


def authorize(app: Running, browser: Browser, client: str = "web", /, **changes: str | None) -> Answer:
    """What ``/authorize`` answers to such a request."""
    return browser.get("/authorize?" + urlencode(parameters(app, client, **changes)))


def login_page(app: Running, browser: Browser, client: str = "web", /, **changes: str | None) -> Answer:
    """The login page that such a request leads to."""
    page = browser.follow(authorize(app, browser, client, **changes))
    assert page.status == 200, page.text
    return page


def log_in(browser: Browser, page: Answer, username: str = USERNAME, password: str = PASSWORD) -> Answer:
    """The consent page after a good login."""
    answer = browser.submit(page, username=username, password=password)
    consent = browser.follow(answer)
    assert consent.status == 200, consent.text
    return consent


def consent_page(app: Running, browser: Browser, client: str = "web", /, **changes: str | None) -> Answer:
    """The consent page of such a request, logging in where it has to be."""
    page = browser.follow(authorize(app, browser, client, **changes))
    return page if "/consent" in page.url else log_in(browser, page)


def redirect_of(app: Running, browser: Browser, client: str = "web", /, **changes: str | None) -> Answer:
    """The redirect that takes the code to the client: the whole flow."""
    answer = browser.submit(consent_page(app, browser, client, **changes), decision="allow")
    assert answer.status == 303, answer.text
    return answer


def redeem(
    app: Running, code: str, client: str = "web", *, verifier: str = VERIFIER, browser: Browser | None = None
) -> Answer:
    """What ``/token`` answers to the code."""
    known = app.clients[client]
    values = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "code_verifier": verifier}
    headers = {"Authorization": known.basic} if known.client_secret else {}
    if not known.client_secret:
        values["client_id"] = known.client_id
    return (browser or app.browser()).post("/token", values, headers)

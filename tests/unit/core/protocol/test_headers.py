import pytest

from grantlog.core.protocol.headers import NO_STORE, CorsPolicy, cors_headers, cross_site, page_headers

OWN = "https://id.example.com"
APP = "https://app.example.com"


def test_what_holds_secrets_is_stored_nowhere() -> None:
    assert NO_STORE == {"Cache-Control": "no-store", "Pragma": "no-cache"}


def test_a_page_loads_frames_and_leaks_nothing() -> None:
    headers = page_headers(form_action=None, tls=True)
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "style-src": "'self'",
        "img-src": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
    }
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Strict-Transport-Security"].startswith("max-age=31536000")


def test_hsts_is_said_over_tls_only() -> None:
    assert "Strict-Transport-Security" not in page_headers(form_action=None, tls=False)


def test_a_form_may_lead_to_this_requests_redirect_uri() -> None:
    policy = page_headers(form_action="com.example.app:", tls=True)["Content-Security-Policy"]
    assert "form-action 'self' com.example.app:;" in policy


def test_a_page_runs_the_scripts_that_it_names_and_no_others() -> None:
    policy = page_headers(form_action=None, tls=True, script_src="'self'")["Content-Security-Policy"]
    assert "; script-src 'self';" in policy
    assert "script-src" not in page_headers(form_action=None, tls=True)["Content-Security-Policy"]


@pytest.mark.parametrize("preflight", [True, False])
def test_pages_are_open_to_no_other_origin(preflight: bool) -> None:
    assert cors_headers("none", APP, (APP,), preflight=preflight) == {}


def test_public_documents_are_open_to_all() -> None:
    assert cors_headers("any", None, ()) == {"Access-Control-Allow-Origin": "*"}


def test_a_registered_origin_reads_answers_and_challenges() -> None:
    assert cors_headers("registered", APP, (APP,)) == {
        "Vary": "Origin",
        "Access-Control-Allow-Origin": APP,
        "Access-Control-Expose-Headers": "WWW-Authenticate, DPoP-Nonce",
    }


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "https://app.example.com.evil.example"])
@pytest.mark.parametrize("preflight", [True, False])
def test_nobody_else_does_and_caches_are_told(origin: str | None, preflight: bool) -> None:
    assert cors_headers("registered", origin, (APP,), preflight=preflight) == {"Vary": "Origin"}


@pytest.mark.parametrize("policy", ["any", "registered"])
def test_a_preflight_learns_methods_and_headers(policy: CorsPolicy) -> None:
    headers = cors_headers(policy, APP, (APP,), preflight=True)
    assert headers["Access-Control-Allow-Methods"] == "GET, POST"
    assert headers["Access-Control-Allow-Headers"] == "Authorization, Content-Type, DPoP"
    assert headers["Access-Control-Max-Age"] == "600"


@pytest.mark.parametrize("policy", ["none", "any", "registered"])
@pytest.mark.parametrize("preflight", [True, False])
def test_credentials_are_never_allowed(policy: CorsPolicy, preflight: bool) -> None:
    assert "Access-Control-Allow-Credentials" not in cors_headers(policy, APP, (APP,), preflight=preflight)


@pytest.mark.parametrize(
    ("site", "origin", "foreign"),
    [
        ("same-origin", OWN, False),
        ("same-origin", "null", False),
        ("same-origin", None, False),
        (None, OWN, False),
        (None, None, False),
        (None, "null", False),
        ("same-origin", APP, True),
        ("same-site", OWN, True),
        ("cross-site", None, True),
        ("cross-site", "null", True),
        ("none", None, True),
        (None, APP, True),
        (None, OWN + ".evil.example", True),
    ],
)
def test_a_form_comes_from_a_page_of_ours(site: str | None, origin: str | None, foreign: bool) -> None:
    assert cross_site(site, origin, OWN) is foreign

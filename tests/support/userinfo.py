"""Asking who the user of an access token is, and how a refusal has to look."""

from collections.abc import Mapping

from tests.support.app import Running
from tests.support.browser import Answer
from tests.support.clients import is_refused

PATH = "/userinfo"


def ask(app: Running, token: str, headers: Mapping[str, str] | None = None) -> Answer:
    return app.browser().get(PATH, {"Authorization": f"Bearer {token}", **(headers or {})})


def is_challenged(answer: Answer, error: str, status: int = 401, scheme: str = "Bearer") -> str:
    """RFC 6750 section 3: the error stands in the challenge and in the body, and nothing else is told."""
    is_refused(answer, error, status)
    challenge = answer.header("WWW-Authenticate") or ""
    assert challenge.startswith(f'{scheme} realm="grantlog", error="{error}"'), challenge
    assert 'resource_metadata="' in challenge
    return challenge

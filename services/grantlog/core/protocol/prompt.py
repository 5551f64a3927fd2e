"""``prompt`` and ``max_age`` (OpenID Connect Core section 3.1.2.1): must the user be asked, or authenticate, again?"""

import re

from grantlog.core.protocol.errors import invalid_request

PROMPTS = ("none", "login", "consent", "select_account")
_SECONDS = re.compile(r"[0-9]{1,9}")


def parse(text: str | None) -> tuple[str, ...]:
    """The values of ``prompt``, each once. Raises invalid_request."""
    if text is None:
        return ()
    values = tuple(dict.fromkeys(text.split(" ")))
    if any(value not in PROMPTS for value in values):
        raise invalid_request("prompt has a value that is not supported", "prompt_unknown")
    # OIDC Core 3.1.2.1: "If this parameter contains 'none' with any other value, an error is returned."
    if "none" in values and len(values) > 1:
        raise invalid_request("prompt none must stand alone", "prompt_none_combined")
    return values


def parse_max_age(text: str | None) -> int | None:
    """``max_age`` in seconds. Raises invalid_request."""
    if text is None:
        return None
    if _SECONDS.fullmatch(text) is None:
        raise invalid_request("max_age must be a number of seconds", "max_age_malformed")
    return int(text)


def must_authenticate(prompt: tuple[str, ...], max_age: int | None, auth_time: int, now: int) -> bool:
    """Whether a user who authenticated at ``auth_time`` has to do so again at ``now`` (NumericDates)."""
    # OIDC Core 3.1.2.1: "login: The Authorization Server SHOULD prompt the End-User for reauthentication." Who is to select
    # an account has to log in to it.
    if "login" in prompt or "select_account" in prompt:
        return True
    # OIDC Core 3.1.2.1: "If the elapsed time is greater than this value, the OP MUST attempt to actively re-authenticate the
    # End-User." "max_age=0 is equivalent to prompt=login."
    return max_age is not None and (max_age == 0 or now - auth_time > max_age)

"""How the user is asked (OpenID Connect Core section 3.1.2.1): ``prompt``, ``max_age``, ``display``, and lists of wishes."""

import re

from grantlog.core.protocol.errors import invalid_request

PROMPTS = ("none", "login", "consent", "select_account")
DISPLAYS = ("page", "popup", "touch", "wap")
LIST_LIMIT = 16
WORD_LIMIT = 256
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


def parse_display(text: str | None) -> str:
    """``display``; the default is ``page``, also for what nobody here knows."""
    # OIDC Core 15.1: "the minimum level of support required for these parameters is simply that their use must not
    # result in an error"
    return text if text in DISPLAYS else DISPLAYS[0]


def parse_words(name: str, text: str | None) -> tuple[str, ...]:
    """The space-separated words of ``ui_locales`` or ``acr_values``, each once, in the order of preference.

    Words that nobody here knows are kept: they are wishes (section 3.1.2.1: no error for locales that are not supported).
    Raises invalid_request where there are too many of them or they are too long.
    """
    words = tuple(dict.fromkeys(word for word in (text or "").split(" ") if word))
    if len(words) > LIST_LIMIT or any(len(word) > WORD_LIMIT for word in words):
        raise invalid_request(f"{name} is too long", f"{name}_too_long")
    return words


def must_authenticate(prompt: tuple[str, ...], max_age: int | None, auth_time: int, now: int) -> bool:
    """Whether a user who authenticated at ``auth_time`` has to do so again at ``now`` (NumericDates)."""
    # OIDC Core 3.1.2.1: "login: The Authorization Server SHOULD prompt the End-User for reauthentication."
    if "login" in prompt:
        return True
    # OIDC Core 3.1.2.1: "If the elapsed time is greater than this value, the OP MUST attempt to actively re-authenticate the
    # End-User." "max_age=0 is equivalent to prompt=login."
    return max_age is not None and (max_age == 0 or now - auth_time > max_age)
